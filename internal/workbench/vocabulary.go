package workbench

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// OpenWithTokenizer opens a model that reads and writes text.
func OpenWithTokenizer(name string) (*model.Model, error) {
	m, err := Open(name)
	if err == nil && m.Tokenizer == nil {
		m.Close()
		return nil, hint.Errorf("put its tokenizer.json into the folder", "%s has no tokenizer", name)
	}
	return m, err
}

// OpenTokenizer returns the tokenizer and the chat template of what a MODEL argument names, be it of an architecture that
// cannot be run, or of a file or folder that has a vocabulary and nothing else.
func OpenTokenizer(name string) (*tokenizer.Tokenizer, string, error) {
	if strings.HasPrefix(name, BuiltinPrefix) {
		m, err := OpenWithTokenizer(name)
		if err != nil {
			return nil, "", err
		}
		defer m.Close()
		return m.Tokenizer, m.Template, nil
	}
	path := name
	if _, err := os.Stat(filepath.Join(name, "tokenizer.json")); err != nil {
		if path, err = Resolve(name); err != nil {
			return nil, "", err
		}
	}
	tok, template, err := model.OpenTokenizer(path)
	if err != nil {
		return nil, "", &hint.Error{Hint: "put its tokenizer.json into the folder", Err: err}
	}
	return tok, template, nil
}
