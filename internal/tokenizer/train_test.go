package tokenizer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/gguf"
)

func gsm8k(tb testing.TB) []string {
	tb.Helper()
	data, err := os.ReadFile(fixture.Shared(tb, "data", "gsm8k", "train.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

// naive is Train by its definition: every step counts all pairs anew.
func naive(texts []string, merges int) (pairs [][2]string) {
	var words [][]string
	for _, text := range texts {
		for len(text) > 0 {
			n := splitModern(1, letter)(text)
			words = append(words, strings.Split(text[:n], ""))
			text = text[n:]
		}
	}
	order := make(map[string]int)
	for b := range 256 {
		order[string([]byte{byte(b)})] = b
	}
	for made := 0; made < merges; {
		counts := make(map[[2]string]int)
		for _, w := range words {
			for i := 1; i < len(w); i++ {
				counts[[2]string{w[i-1], w[i]}]++
			}
		}
		var best [2]string
		most := 1
		for pair, n := range counts {
			earlier := order[pair[0]] < order[best[0]] || pair[0] == best[0] && order[pair[1]] < order[best[1]]
			if n > most || n == most && most > 1 && earlier {
				best, most = pair, n
			}
		}
		if most < 2 {
			break
		}
		if _, ok := order[best[0]+best[1]]; !ok {
			order[best[0]+best[1]] = len(order)
			made++
		}
		if !slices.Contains(pairs, best) {
			pairs = append(pairs, best)
		}
		for k, w := range words {
			var out []string
			for i := 0; i < len(w); i++ {
				if i+1 < len(w) && w[i] == best[0] && w[i+1] == best[1] {
					out = append(out, w[i]+w[i+1])
					i++
				} else {
					out = append(out, w[i])
				}
			}
			words[k] = out
		}
	}
	return pairs
}

func TestTrainIsItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		var texts []string
		for range 20 {
			var b strings.Builder
			for range rng.IntN(60) {
				b.WriteByte("aaabbc \n"[rng.IntN(8)])
			}
			texts = append(texts, b.String())
		}
		merges := 1 + rng.IntN(40)
		tok, err := Train(slices.Values(texts), TrainOptions{Size: 256 + 5 + merges, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		var got [][2]string
		for _, m := range tok.merges {
			got = append(got, [2]string{tok.bytes[m[0]], tok.bytes[m[1]]})
		}
		if want := naive(texts, merges); !slices.Equal(got, want) {
			t.Fatalf("merges %q, want %q", got, want)
		}
	}
}

// Neither the order of the texts nor the number of threads changes a single id.
func TestTrainIsDeterministic(t *testing.T) {
	texts := gsm8k(t)[:2000]
	first, err := Train(slices.Values(texts), TrainOptions{Size: 1024, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(texts)
	second, err := Train(slices.Values(texts), TrainOptions{Size: 1024, Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	if first.Hash() != second.Hash() || first.Size() != 1024 {
		t.Errorf("%s with %d tokens, %s with %d", first.Hash(), first.Size(), second.Hash(), second.Size())
	}
}

func TestTrainedTokenizer(t *testing.T) {
	texts := gsm8k(t)
	tok, err := Train(slices.Values(texts[:1000]), TrainOptions{Size: 512})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(texts[1000:1100], "naïve 你好 🦙 \x00\t\n", "<|im_start|>user") {
		if got := tok.Decode(tok.Encode(text, false)); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	end, _ := tok.ID("<|im_end|>")
	pad, _ := tok.ID("<|endoftext|>")
	if tok.EOS != end || tok.PAD != pad || !tok.IsEnd(end) || !tok.IsSpecial(end) {
		t.Errorf("end %d, padding %d, ends %v", tok.EOS, tok.PAD, tok.EndTokens())
	}
	think, _ := tok.ID("<think>")
	if ids := tok.Encode("<think>12</think><|im_end|>", true); len(ids) != 5 || ids[0] != think || ids[4] != end {
		t.Errorf("%v", ids)
	}
	if text := tok.Decode(tok.Encode("<think>12</think><|im_end|>", true)); text != "<think>12</think>" {
		t.Errorf("tags are text and control tokens are not: %q", text)
	}
	for _, o := range []TrainOptions{{Size: 260}, {Size: 400, EOS: "</s>"}, {Size: 400, Pre: "nonesuch"}} {
		if _, err := Train(slices.Values(texts[:1]), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// A trained tokenizer is the same after a way through GGUF metadata and through tokenizer.json.
func TestTrainedTokenizerTravels(t *testing.T) {
	texts := gsm8k(t)
	tok, err := Train(slices.Values(texts[:1000]), TrainOptions{Size: 600})
	if err != nil {
		t.Fatal(err)
	}
	travels(t, tok, texts[1000:1100])
}

// travels holds a tokenizer to copies that went through each container.
func travels(t *testing.T, tok *Tokenizer, texts []string) {
	t.Helper()
	md := new(gguf.Metadata)
	tok.AddToGGUF(md, tok.Size())
	var file bytes.Buffer
	w, err := gguf.NewWriter(&file, md, nil)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	fromGGUF, err := FromGGUF(f.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	text, config := tok.JSON("template")
	fromJSON, template, err := ReadJSON(text, config)
	if err != nil || template != "template" {
		t.Fatal(template, err)
	}
	for name, other := range map[string]*Tokenizer{"GGUF": fromGGUF, "JSON": fromJSON} {
		if other.Hash() != tok.Hash() {
			t.Errorf("%s: the hash changed", name)
		}
		if got, want := fmt.Sprint(other.BOS, other.EOS, other.PAD, other.UNK, other.AddBOS, other.EndTokens()), fmt.Sprint(tok.BOS, tok.EOS, tok.PAD, tok.UNK, tok.AddBOS, tok.EndTokens()); got != want {
			t.Errorf("%s: special tokens %s, want %s", name, got, want)
		}
		for _, s := range texts {
			if got, want := other.Encode(s, true), tok.Encode(s, true); !slices.Equal(got, want) {
				t.Errorf("%s: %q: %v, want %v", name, s, got, want)
			}
		}
	}
}

func TestVocabulariesTravel(t *testing.T) {
	for _, name := range []string{"gpt-2", "llama-spm"} {
		t.Run(name, func(t *testing.T) {
			var texts []string
			for _, v := range vectors(t, name) {
				texts = append(texts, v.text, "<|im_end|>"+v.text+"</s>")
			}
			travels(t, fromVocab(t, name), texts)
		})
	}
}

func BenchmarkTrain(b *testing.B) {
	texts := gsm8k(b)
	size := 0
	for _, s := range texts {
		size += len(s)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := Train(slices.Values(texts), TrainOptions{Size: 8192}); err != nil {
			b.Fatal(err)
		}
	}
}
