package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Files of a Hugging Face folder.
const (
	fileName     = "tokenizer.json"
	configName   = "tokenizer_config.json"
	specialName  = "special_tokens_map.json"
	templateName = "chat_template.jinja"
)

// ReadDir returns the tokenizer and the chat template ("" for none) of a Hugging Face folder. Where there is no
// tokenizer.json the error is fs.ErrNotExist.
func ReadDir(dir string) (*Tokenizer, string, error) {
	file, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		return nil, "", fmt.Errorf("tokenizer: %w", err)
	}
	config, err := readConfig(dir)
	if err != nil {
		return nil, "", err
	}
	t, template, err := ReadJSON(file, config)
	if err != nil {
		return nil, "", fmt.Errorf("%w (in %s)", err, dir)
	}
	if text, err := os.ReadFile(filepath.Join(dir, templateName)); err == nil {
		template = string(text) // newer than the field in the configuration, and wins
	}
	return t, template, nil
}

// readConfig returns tokenizer_config.json, with what only special_tokens_map.json says added; nil where neither is.
func readConfig(dir string) ([]byte, error) {
	merged := make(map[string]json.RawMessage)
	for _, name := range []string{specialName, configName} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(text, &merged)
		}
		if err != nil {
			return nil, fmt.Errorf("tokenizer: %s: %w", name, err)
		}
	}
	if len(merged) == 0 {
		return nil, nil
	}
	return json.Marshal(merged)
}

// WriteDir writes tokenizer.json and tokenizer_config.json, with the chat template, to a folder.
func (t *Tokenizer) WriteDir(dir, template string) error {
	file, config := t.JSON(template)
	for name, text := range map[string][]byte{fileName: file, configName: config} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("tokenizer: %w", err)
		}
	}
	return nil
}
