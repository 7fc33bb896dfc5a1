package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// simple encodes as the definition of byte-level BPE says: of all neighbours the pair that was learnt first, leftmost.
func simple(t *Tokenizer, word string) []Token {
	ids := t.byText()
	ranks := make(map[[2]Token]int)
	for rank, m := range slices.Backward(t.merges) {
		ranks[m] = rank
	}
	var s []Token
	for i := range len(word) {
		s = append(s, ids[toVisible(word[i:i+1])])
	}
	for {
		best, at := len(t.merges), -1
		for i := 1; i < len(s); i++ {
			if rank, ok := ranks[[2]Token{s[i-1], s[i]}]; ok && rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			return s
		}
		s[at-1] = ids[t.text[s[at-1]]+t.text[s[at]]]
		s = slices.Delete(s, at, at+1)
	}
}

// Short words, long words and known words all give what the definition gives.
func TestMergingIsItsDefinition(t *testing.T) {
	texts := gsm8k(t)[:300]
	tok, err := Train(slices.Values(texts), TrainOptions{Size: 700})
	if err != nil {
		t.Fatal(err)
	}
	core := tok.core.(*bpe)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 400 {
		var b strings.Builder
		for n := rng.IntN(120); b.Len() < n; {
			b.WriteString(tok.bytes[rng.IntN(len(tok.bytes)-5)])
		}
		word := b.String()
		if word == "" {
			continue
		}
		want := simple(tok, word)
		for _, how := range []string{"first", "again"} { // the second time words are remembered
			if got := core.appendWord(nil, word); !slices.Equal(got, want) {
				t.Fatalf("%s: %q: %v, want %v", how, word, got, want)
			}
		}
	}
}

// One word of 260,000 characters takes no more than moments.
func TestLongWords(t *testing.T) {
	for _, name := range []string{"qwen2", "llama-spm"} {
		tok := fromVocab(t, name)
		for _, text := range []string{strings.Repeat("a", 1<<18), strings.Repeat("!?", 1<<17), strings.Repeat(" ", 1<<18)} {
			start := time.Now()
			ids := tok.Encode(text, false)
			if took := time.Since(start); took > 5*time.Second { // far above what it takes, below what a quadratic loop would
				t.Errorf("%s: %v for %q…", name, took, text[:4])
			}
			if tok.Decode(ids) != text {
				t.Errorf("%s: %q… is not kept", name, text[:4])
			}
		}
	}
}

// Any text comes back, as one and token by token.
func TestDecodeIsTheInverse(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, name := range []string{"qwen2", "gpt-2", "llama-spm"} {
		tok := fromVocab(t, name)
		for range 500 {
			text := randomText(rng, 30)
			ids := tok.Encode(text, false)
			if got := tok.Decode(ids); got != text {
				t.Fatalf("%s: %q became %q", name, text, got)
			}
			stream, out := tok.NewStream(), ""
			for _, id := range ids {
				part := stream.Next(id)
				if !utf8.ValidString(part) {
					t.Fatalf("%s: %q is no UTF-8", name, part)
				}
				out += part
			}
			out += stream.Flush()
			if tok.addSpacePrefix {
				out = strings.TrimPrefix(out, " ")
			}
			if out != text {
				t.Fatalf("%s: streamed %q, want %q", name, out, text)
			}
		}
	}
}

func TestStreamHoldsCharactersBack(t *testing.T) {
	tok := fromVocab(t, "gpt-2")
	llama := tok.Encode("🦙", false)
	if len(llama) < 2 {
		t.Fatal("the vocabulary has a llama")
	}
	stream := tok.NewStream()
	for i, id := range llama {
		want := ""
		if i == len(llama)-1 {
			want = "🦙"
		}
		if got := stream.Next(id); got != want {
			t.Errorf("token %d gives %q, want %q", i, got, want)
		}
	}
	stream.Next(llama[0])
	if got := stream.Flush(); !strings.Contains(got, "\ufffd") || stream.Flush() != "" {
		t.Errorf("an unfinished character: %q", got)
	}
	if got := stream.Next(tok.Encode("a", false)[0]); got != "a" {
		t.Errorf("after Flush: %q", got)
	}
}

func TestSpecialTokens(t *testing.T) {
	tok := fromFolder(t, "qwen2-hf")
	start, _ := tok.ID("<|im_start|>")
	end, _ := tok.ID("<|im_end|>")
	text := "<|im_start|>a<|im_end|><|im_end|"
	with := tok.Encode(text, true)
	if len(with) < 4 || with[0] != start || with[2] != end {
		t.Errorf("parsed: %v", with)
	}
	without := tok.Encode(text, false)
	if slices.Contains(without, start) || slices.Contains(without, end) || tok.Decode(without) != text {
		t.Errorf("not parsed: %v", without)
	}
	if tok.Decode(with) != "a<|im_end|" {
		t.Errorf("control tokens have no text: %q", tok.Decode(with))
	}
	if string(tok.Piece(start)) != "<|im_start|>" || tok.Piece(-1) != nil && len(tok.Piece(-1)) > 0 {
		t.Error("pieces")
	}
	if !tok.IsEnd(end) || tok.IsEnd(start) || !tok.IsSpecial(start) || tok.IsSpecial(0) {
		t.Error("kinds")
	}
}

// Of two special tokens at one place the longer is taken; at two places the first.
func TestSpecialTokensOverlap(t *testing.T) {
	tok, err := Train(slices.Values([]string{"abc"}), TrainOptions{Size: 300, Specials: []string{"<a>", "<a><b>", "<c"}, Tags: []string{"<b>"}})
	if err != nil {
		t.Fatal(err)
	}
	names := func(ids []Token) string {
		var all []string
		for _, id := range ids {
			all = append(all, string(tok.Piece(id)))
		}
		return strings.Join(all, "|")
	}
	for text, want := range map[string]string{"<a><b><c": "<a><b>|<c", "<a><c<b>": "<a>|<c|<b>", "x<<a>": "x|<|<a>"} {
		if got := names(tok.Encode(text, true)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestHashTellsTokenizersApart(t *testing.T) {
	texts := gsm8k(t)[:200]
	seen := make(map[string]string)
	for _, o := range []TrainOptions{{Size: 400}, {Size: 401}, {Size: 400, Pre: "llama-bpe"}, {Size: 400, Tags: []string{"<think>", "</thonk>"}}, {Size: 400, Specials: []string{"<|endoftext|>", "<|im_end|>", "<|im_start|>"}}} {
		tok, err := Train(slices.Values(texts), o)
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := seen[tok.Hash()]; twice {
			t.Errorf("%+v and %s have one hash", o, other)
		}
		seen[tok.Hash()] = fmt.Sprintf("%+v", o)
	}
}

func TestManyGoroutines(t *testing.T) {
	tok := fromVocab(t, "gpt-2")
	text := strings.Join(gsm8k(t)[:50], "\n")
	want := tok.Encode(text, true)
	done := make(chan []Token)
	for range 4 {
		go func() { done <- tok.Encode(text, true) }()
	}
	for range 4 {
		if got := <-done; !slices.Equal(got, want) {
			t.Error("goroutines disagree")
		}
	}
}
