package model

import (
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
)

// A vocabulary without weights, of an architecture that is not supported, still tokenizes.
func TestOpenTokenizer(t *testing.T) {
	path := fixture.Shared(t, "data", "tokenizers", "ggml-vocab-gpt-2.gguf")
	tok, _, err := OpenTokenizer(path)
	if err != nil {
		t.Fatal(err)
	}
	if ids := tok.Encode("Hello world", false); len(ids) != 2 {
		t.Errorf("%v", ids)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), `"gpt2" is not supported`) {
		t.Errorf("as a model: %v", err)
	}
	folder, _, err := OpenTokenizer(fixture.Shared(t, "data", "tokenizers", "gpt2-hf"))
	if err != nil || folder.Hash() != tok.Hash() {
		t.Errorf("the same vocabulary as a folder has another hash, or none: %v", err)
	}
	if _, _, err := OpenTokenizer(t.TempDir()); err == nil {
		t.Error("an empty folder")
	}
}
