package model

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// nasty has what rules for splitting disagree about.
const nasty = "\n\n  def f(x):\n\treturn x**2  # don't DON'T we'Ll 'sup ''s\r\n\r\n a\u00a0b\u3000c \u2028 d\u0085e" +
	" 1234567 1,234.5 ١٢٣ Ⅷ ½ ²³ e\u0301te\u0301 नमस्ते ภาษาไทย 日本語テキスト、漢字。한국어 ελληνικά Привет, МИР! camelCaseHTTPServer" +
	" !!! ?!… «q» “q” $$ €5 ±∞ ←→ ☃️ 👩‍👩‍👧 \x00\x01\x7f   \n \t \n  end  "

// A student with a tokenizer trained here: llama.cpp loads its file and cuts every text into the same tokens.
func TestOracleTokenizesAsWeDo(t *testing.T) {
	data, err := os.ReadFile(fixture.Shared(t, "data", "gsm8k", "train.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	tests := strings.Join(lines[2000:2100], "\n") + nasty + "\n<|im_start|>user\nIt's 12,345 + 6.78 = ?<|im_end|>\n<|im_start|>assistant\n<think>\nI'LL see\n</think>\n\nnaïve 你好 🦙  \t\n\n x</s>"
	const size = 1024
	for _, pre := range tokenizer.PreTokenizers() {
		if pre == "afmoe" || pre == "tiny_aya" { // llama.cpp takes the white space before a number with its first digits
			continue
		}
		t.Run(pre, func(t *testing.T) {
			tok, err := tokenizer.Train(slices.Values(append(lines[:500:500], nasty)), tokenizer.TrainOptions{Size: size, Pre: pre})
			if err != nil {
				t.Fatal(err)
			}
			cfg := shapes["llama"]
			cfg.Vocab = size + 32
			m, err := Random(cfg, tok, 1)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			path, text := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "text")
			if err := WriteGGUF(t.Context(), path, m, mustPlan(t, cfg, "Q8_0")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(text, []byte(tests), 0o644); err != nil {
				t.Fatal(err)
			}
			want := ask(t, "tokenize", path, text)
			got := strings.Trim(fmt.Sprint(tok.Encode(tests, true)), "[]")
			if got != want {
				t.Errorf("ours:\n%s\nllama.cpp's:\n%s", got, want)
			}
		})
	}
}
