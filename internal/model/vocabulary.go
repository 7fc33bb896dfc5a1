package model

import (
	"fmt"
	"os"

	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// OpenTokenizer returns the tokenizer and the chat template ("" for none) of a GGUF file or a Hugging Face folder, of
// whatever architecture and with weights or without: a file that holds a vocabulary alone will do.
func OpenTokenizer(path string) (*tokenizer.Tokenizer, string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", fmt.Errorf("model: %w", err)
	}
	if info.IsDir() {
		t, template, err := tokenizer.ReadDir(path)
		if err != nil {
			return nil, "", fmt.Errorf("model: %w", err)
		}
		return t, template, nil
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("model: %w", err)
	}
	defer f.Close() // what a tokenizer keeps of the metadata is its own
	t, err := tokenizer.FromGGUF(f.Metadata)
	if err != nil {
		return nil, "", fmt.Errorf("model: %w (in %s)", err, path)
	}
	template, _ := f.Metadata.String(keyTemplate)
	return t, template, nil
}
