package tokenizer

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// npmPackage is the independent reader of tokenizer.json, and the version whose answers are known.
const npmPackage = "@huggingface/tokenizers"

var installed = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "distill-npm")
	path := filepath.Join(dir, "node_modules", npmPackage)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command("npm", "install", "--prefix", dir, "--silent", "--no-audit", "--no-fund", "--ignore-scripts", npmPackage+"@0.2.0").CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return path, nil
})

// The tokenizer.json we write means to another reader what the tokenizer means to us.
func TestForeignReader(t *testing.T) {
	path, err := installed()
	if err != nil {
		t.Skipf("npm's %s cannot be had here: %v: %s", npmPackage, err, path)
	}
	texts := gsm8k(t)[3000:3040]
	texts = append(texts, "<|im_start|>user\n12,345 don't WE'LL<|im_end|>\n<think>\n\n x</think>", "naïve 你好 🦙 \t\n\n x  ")
	trained := func(pre string) *Tokenizer {
		tok, err := Train(slices.Values(gsm8k(t)[:500]), TrainOptions{Size: 600, Pre: pre})
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	for name, tok := range map[string]*Tokenizer{
		"qwen2": trained("qwen2"), "llama-bpe": trained("llama-bpe"), "gpt-2": trained("gpt-2"), "smollm": trained("smollm"),
		"deepseek-v3": trained("deepseek-v3"), "gpt-4o": trained("gpt-4o"), "llama-spm": fromVocab(t, "llama-spm"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := tok.WriteDir(dir, ""); err != nil {
				t.Fatal(err)
			}
			input, _ := json.Marshal(texts)
			cmd := exec.Command("node", filepath.Join("testdata", "encode.mjs"), path, dir)
			cmd.Stdin = bytes.NewReader(input)
			out, err := cmd.Output()
			if err != nil {
				t.Skipf("node: %v", err)
			}
			var answers []struct {
				IDs  []Token `json:"ids"`
				Text string  `json:"text"`
			}
			if err := json.Unmarshal(out, &answers); err != nil {
				t.Fatal(err)
			}
			for i, a := range answers {
				if got := tok.Encode(texts[i], true); !slices.Equal(got, a.IDs) {
					t.Errorf("%q: %v, another reader %v", texts[i], got, a.IDs)
				}
				if got := tok.Decode(a.IDs); got != a.Text {
					t.Errorf("decoded %q, another reader %q", got, a.Text)
				}
			}
		})
	}
}
