package model

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// characters of every class that rules know, and those they treat one by one.
var characters = strings.Split("a b s t re LL S Z é ß ж Ж 中 文 あ ア 한 न 0 1 9 12 345 ٣ ½ ' ’ . , ! ? ( ) - _ / \\ $ + < = | ^ ~ ` € 。 “ … 🦙 don't we'LL I'm CamelCase <sentinel:12> IMGIMGABZ", " ")

// llamaNames are the names that llama.cpp knows, but for those of refusedNames. Where its rule is not quite that of the
// models' own tokenizer.json, texts leave out what makes the difference.
var llamaNames = []struct {
	names   string
	without func(r rune) bool
}{
	{"default gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en jina-v2-code roberta-bpe exaone4 mpt olmo jais trillion granite-docling", nil},
	{"llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx smaug-bpe glm4 chatglm-bpe jais-2", nil},
	{"qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 hunyuan solar-open megrez grok-2 qwen35 ufakzeka laguna", nil},
	{"starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", nil},
	{"deepseek-v3 hunyuan-dense joyai-llm hy_v4 spark2_5", nil},
	{"afmoe", unicode.IsNumber}, // the first of a number goes with what is before it
	{"falcon poro-chat bloom gpt3-finnish viking bailingmoe bailingmoe2 llada-moe seed-coder minicpm5 exaone-moe chameleon superbpe", nil},
	{"deepseek-llm deepseek-coder", func(r rune) bool { return r > 0x7f && unicode.IsSpace(r) }},                                                               // in none of its classes
	{"gpt-4o llama4 kanana2 talkie minimax-m2 tekken granite-embed-multi-97m", func(r rune) bool { return r > 0x7f && unicode.In(r, unicode.Lu, unicode.Ll) }}, // of either case
	{"tiny_aya cohere2moe youtu kimi-k2", func(r rune) bool {
		return unicode.IsUpper(r) || unicode.Is(unicode.Han, r) || unicode.IsNumber(r)
	}}, // letters are all alike
}

// refusedNames are of rules that merge characters, not bytes.
var refusedNames = []string{"gemma4", "granite-embed-multi-311m", "sarvam-moe", "whitespace"}

// pairsOfBytes returns a vocabulary of all bytes and, in random order, merges of many pairs that texts have: where a rule
// cuts, tokens change.
func pairsOfBytes(pre string) *gguf.Metadata {
	rng := rand.New(rand.NewPCG(1, 1))
	all := strings.Join(characters, "") + " \n\r\t\u00a0\u3000"
	var tokens, merges []string
	var visible [256]string
	next := rune(256)
	for b := range visible {
		r := rune(b)
		if b <= ' ' || b >= 0x7f && b <= 0xa0 || b == 0xad {
			r, next = next, next+1
		}
		visible[b] = string(r)
		tokens = append(tokens, visible[b])
	}
	used := []byte(all)
	slices.Sort(used)
	used = slices.Compact(used)
	var order [][2]byte
	for _, a := range used {
		for _, b := range used {
			order = append(order, [2]byte{a, b})
		}
	}
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, m := range order[:len(order)*2/3] {
		tokens = append(tokens, visible[m[0]]+visible[m[1]])
		merges = append(merges, visible[m[0]]+" "+visible[m[1]])
	}
	md := new(gguf.Metadata)
	md.Set("tokenizer.ggml.model", "gpt2")
	md.Set("tokenizer.ggml.pre", pre)
	md.Set("tokenizer.ggml.tokens", tokens)
	md.Set("tokenizer.ggml.merges", merges)
	md.Set("tokenizer.ggml.bos_token_id", uint32(0))
	md.Set("tokenizer.ggml.eos_token_id", uint32(0))
	return md
}

// mixedText draws a text of characters and white space, none of which is left out.
func mixedText(bytes int, without func(rune) bool) string {
	rng := rand.New(rand.NewPCG(2, 2))
	spaces := []string{" ", " ", " ", "  ", "\n", "\n\n", "\t", "\r\n", " \n", "    ", "\u00a0", "\u3000"}
	var b strings.Builder
	draw := func(from []string) {
		if s := from[rng.IntN(len(from))]; without == nil || !strings.ContainsFunc(s, without) {
			b.WriteString(s)
		}
	}
	for b.Len() < bytes {
		for range rng.IntN(6) {
			draw(characters)
		}
		draw(spaces)
	}
	return b.String()
}

// Under every name that llama.cpp knows it cuts generated texts as we do.
func TestPreTokenizersAreLlamas(t *testing.T) {
	for _, group := range llamaNames {
		text := mixedText(20000, group.without)
		path := filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(group.names) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				tok, err := tokenizer.FromGGUF(pairsOfBytes(name))
				if err != nil {
					t.Fatal(err)
				}
				cfg := tiny
				cfg.Vocab = tok.Size()
				m, err := Random(cfg, tok, 1)
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(t.TempDir(), "m.gguf")
				if err := WriteGGUF(t.Context(), file, m, mustPlan(t, cfg, "F32")); err != nil {
					t.Fatal(err)
				}
				ids := tok.Encode(text, true)
				want := strings.Fields(ask(t, "tokenize", file, path))
				for i, id := range ids {
					if i >= len(want) || fmt.Sprint(id) != want[i] {
						at := len(tok.Decode(ids[:i]))
						t.Fatalf("tokens differ from %d of %d on, at %q", i, len(want), text[at:min(at+30, len(text))])
					}
				}
				if len(ids) != len(want) {
					t.Errorf("%d tokens, want %d", len(ids), len(want))
				}
			})
		}
	}
}

func TestNamesOfOtherRulesAreRefused(t *testing.T) {
	for _, name := range append(refusedNames, "nonesuch") {
		if _, err := tokenizer.FromGGUF(pairsOfBytes(name)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q is not known", name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
