package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/gguf"
)

// vocabPath returns where a vocabulary lies: among the shared data or, of llama.cpp's whole collection, beside the oracle.
func vocabPath(tb testing.TB, name string) string {
	tb.Helper()
	file := "ggml-vocab-" + name + ".gguf"
	if slices.Contains([]string{"qwen2", "gpt-2", "llama-spm"}, name) {
		return fixture.Shared(tb, "data", "tokenizers", file)
	}
	path := filepath.Join(filepath.Dir(fixture.Oracle(tb)), "headers", "models", file)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("%s is absent", file)
	}
	return path
}

func fromVocab(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	f, err := gguf.Open(vocabPath(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	t, err := FromGGUF(f.Metadata)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func fromFolder(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	t, _, err := ReadDir(fixture.Shared(tb, "data", "tokenizers", name))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

type vector struct {
	text string
	ids  []Token
}

// vectors returns llama.cpp's test strings for a vocabulary with the ids it gives them.
func vectors(tb testing.TB, name string) []vector {
	tb.Helper()
	path := vocabPath(tb, name)
	inputs, err := os.ReadFile(path + ".inp")
	if err != nil {
		tb.Fatal(err)
	}
	outputs, err := os.ReadFile(path + ".out")
	if err != nil {
		tb.Fatal(err)
	}
	texts := strings.Split(string(inputs), "\n__ggml_vocab_test__\n")
	lines := strings.Split(strings.TrimRight(string(outputs), "\n"), "\n")
	if len(lines) == len(texts)-1 { // the last text is empty, and so is its line
		lines = append(lines, "")
	}
	if len(texts) != len(lines) {
		tb.Fatalf("%d texts for %d lines", len(texts), len(lines))
	}
	all := make([]vector, len(texts))
	for i := range texts {
		all[i].text = texts[i]
		for _, field := range strings.Fields(lines[i]) {
			id, err := strconv.Atoi(field)
			if err != nil {
				tb.Fatal(err)
			}
			all[i].ids = append(all[i].ids, Token(id))
		}
	}
	return all
}

func TestVectors(t *testing.T) {
	for _, name := range []string{
		"qwen2", "gpt-2", "llama-spm", "llama-bpe", "command-r", "deepseek-coder", "deepseek-llm", "falcon", "mpt", "phi-3", "qwen35", "refact", "starcoder",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tok := fromVocab(t, name)
			for _, v := range vectors(t, name) {
				if got := tok.Encode(v.text, false); !slices.Equal(got, v.ids) {
					t.Errorf("%q: %v, want %v", v.text, got, v.ids)
				}
				if got := tok.Decode(v.ids); got != v.text {
					t.Errorf("decoded %q, want %q", got, v.text)
				}
			}
		})
	}
}

// The same vocabulary as tokenizer.json gives the same ids and the same hash.
func TestFoldersAgreeWithVocabularies(t *testing.T) {
	for folder, name := range map[string]string{"qwen2-hf": "qwen2", "gpt2-hf": "gpt-2"} {
		t.Run(folder, func(t *testing.T) {
			tok := fromFolder(t, folder)
			if other := fromVocab(t, name); tok.Hash() != other.Hash() || tok.Size() != other.Size() {
				t.Errorf("%d tokens with hash %s, %d with %s", tok.Size(), tok.Hash(), other.Size(), other.Hash())
			}
			for _, v := range vectors(t, name) {
				if got := tok.Encode(v.text, false); !slices.Equal(got, v.ids) {
					t.Errorf("%q: %v, want %v", v.text, got, v.ids)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	data, err := os.ReadFile(fixture.Shared(b, "data", "gsm8k", "train.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	text := string(data[:1<<20])
	for _, name := range []string{"qwen2", "gpt-2", "llama-spm"} {
		tok := fromVocab(b, name)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Encode(text, true)
			}
		})
	}
}
