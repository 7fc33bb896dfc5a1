package grammar

import (
	"bytes"
	stdjson "encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
)

// singleBytes is a vocabulary of the 256 bytes, and one token that ends a text.
func singleBytes() *Vocabulary {
	var pieces [][]byte
	for b := range 256 {
		pieces = append(pieces, []byte{byte(b)})
	}
	return NewVocabulary(append(pieces, nil), []distill.Token{256})
}

// accepts reports whether a text is of the language.
func accepts(g *Grammar, text string) bool { return reader(g)(text) }

// reader returns accepts for many texts.
func reader(g *Grammar) func(text string) bool {
	s := NewSession(g, singleBytes())
	begin := s.at
	return func(text string) bool {
		s.at = begin
		for _, b := range []byte(text) {
			s.at = s.step(s.at, b)
		}
		return s.ended(s.at)
	}
}

// wander writes a text of the language by drawing among the tokens that the session allows.
func wander(g *Grammar, v *Vocabulary, seed uint64, most int) (text string, whole bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	s := NewSession(g, v)
	logits := make([]float32, len(v.pieces))
	var out []byte
	for range most {
		clear(logits)
		if err := s.Mask(logits); err != nil {
			return string(out) + "…" + err.Error(), false
		}
		var allowed []int
		for id, x := range logits {
			if x == 0 {
				allowed = append(allowed, id)
			}
		}
		id := allowed[r.IntN(len(allowed))]
		// Closing what is open is one choice among hundreds, and the text would never end.
		if r.IntN(3) == 0 {
			for _, closing := range `"}],` {
				if logits[closing] == 0 {
					id = int(closing)
				}
			}
		}
		out = append(out, v.pieces[id]...)
		if s.Accept(distill.Token(id)) || v.ends[distill.Token(id)] {
			return string(out), true
		}
	}
	return string(out), false
}

// TestObjects: what the language of objects admits, encoding/json takes, and what encoding/json writes it admits.
func TestObjects(t *testing.T) {
	g := JSONObject()
	finished := 0
	for seed := range uint64(300) {
		text, whole := wander(g, singleBytes(), seed, 400)
		if !whole {
			continue
		}
		finished++
		var v map[string]any
		if err := stdjson.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, r := range text {
			if r == '\uFFFD' && !strings.Contains(text, "\uFFFD") {
				t.Fatalf("%q is no UTF-8", text)
			}
		}
	}
	if finished < 100 {
		t.Errorf("only %d of 300 texts came to an end", finished)
	}
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]any{rapid.String().Draw(t, "key"): anyValue(t, 3)}
		compact, err := stdjson.Marshal(value)
		if err != nil {
			t.Skip(err)
		}
		indented, _ := stdjson.MarshalIndent(value, "", "  ")
		for _, text := range []string{string(compact), string(indented)} {
			if !accepts(g, text) {
				t.Fatalf("refused: %s", text)
			}
		}
		// A text with a byte changed, lost or doubled is an object for both or for neither.
		i := rapid.IntRange(0, len(compact)-1).Draw(t, "place")
		b := rapid.Byte().Draw(t, "byte")
		for _, text := range [][]byte{
			append(append(bytes.Clone(compact[:i]), b), compact[i+1:]...),
			append(bytes.Clone(compact[:i]), compact[i+1:]...),
			append(append(bytes.Clone(compact[:i]), compact[i]), compact[i:]...),
		} {
			var v map[string]any
			if accepts(g, string(text)) && stdjson.Unmarshal(text, &v) != nil {
				t.Fatalf("accepted: %q", text)
			}
		}
	})
}

func anyValue(t *rapid.T, depth int) any {
	kinds := 5
	if depth > 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.String().Draw(t, "text")
	case 1:
		return rapid.Int32().Draw(t, "integer")
	case 2:
		return float64(rapid.IntRange(-1e6, 1e6).Draw(t, "number")) / 1024
	case 3:
		return rapid.Bool().Draw(t, "bool")
	case 4:
		return nil
	case 5:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, anyValue(t, depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		object[rapid.String().Draw(t, "name")] = anyValue(t, depth-1)
	}
	return object
}

func TestObjectExamples(t *testing.T) {
	g := JSONObject()
	for _, text := range []string{`{}`, `{ }`, `{"a":1}`, `{"a": [1, -2.5e3, 0.1, true, null], "b": {"c": ""}}`, "{\n  \"a\": \"\\u00e9\\ud83d\\ude00é😀\\n\"\n}"} {
		if !accepts(g, text) {
			t.Errorf("refused %q", text)
		}
	}
	for _, text := range []string{``, `[]`, `1`, `{`, `{}}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`, `{"a":tru}`,
		`{"a":"\x"}`, "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}", `{"a":"\ud800"}`, `{"a":1e999}`, `{"a":NaN}`, ` {}`, `{} `,
		`{"a":[1 2]}`, `{"a":[1,]}`, strings.Repeat(`{"a":`, 50)} {
		if accepts(g, text) {
			t.Errorf("accepted %q", text)
		}
	}
	if deep := strings.Repeat(`{"a":`, 50) + "1" + strings.Repeat("}", 50); !accepts(g, deep) {
		t.Error("refused an object of 50 levels")
	}
}

// TestTokens: tokens of several bytes are allowed exactly where each of their bytes is.
func TestTokens(t *testing.T) {
	pieces := [][]byte{nil, []byte(`{"`), []byte(`{"a":`), []byte(`":`), []byte(`a`), []byte(`ab"`), []byte(` 1`), []byte(`1}`), []byte(`}`), []byte("\xc3"), []byte("\xa9"),
		[]byte(`x{`), []byte(`"}`), []byte(` `), []byte(`""`), {}, []byte("\xc3\xa9\""), []byte(`1,`)}
	v := NewVocabulary(pieces, []distill.Token{0})
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := NewSession(JSONObject(), v)
		text := ""
		for range 12 {
			logits := make([]float32, len(pieces)+70)
			err := s.Mask(logits)
			for id, x := range logits[len(pieces):] {
				if x == 0 {
					t.Fatalf("row %d has no token and is allowed", len(pieces)+id)
				}
			}
			var allowed []distill.Token
			for id, piece := range pieces {
				at := s.at
				for _, b := range piece {
					at = s.step(at, b)
				}
				want := len(piece) > 0 && at != dead || id == 0 && s.ended(s.at)
				if (logits[id] == 0) != want {
					t.Fatalf("after %q token %q is allowed: %v", text, piece, !want)
				}
				if want {
					allowed = append(allowed, distill.Token(id))
				}
			}
			if (err != nil) != (len(allowed) == 0) {
				t.Fatalf("after %q: %v with %d tokens", text, err, len(allowed))
			}
			if len(allowed) == 0 {
				break
			}
			id := allowed[r.IntN(len(allowed))]
			text += string(pieces[id])
			if s.Accept(id) != stdjson.Valid([]byte(text)) {
				t.Fatalf("%q is whole: %v", text, !stdjson.Valid([]byte(text)))
			}
			if stdjson.Valid([]byte(text)) {
				break
			}
		}
	}
}

func TestAfter(t *testing.T) {
	g := After("</think>", JSONObject())
	for text, want := range map[string]bool{
		"</think>{}": true, "so <b> < </ </thi </think>\n\n{\"a\":1}": true, "a<</think>{}": true, "\xff\x00</think> {}": true,
		"{}": false, "</think>": false, "</think>x{}": false, "</thin>{}": false, "</think>{}</think>": false,
	} {
		if accepts(g, text) != want {
			t.Errorf("%q: accepted %v", text, !want)
		}
	}
}

// BenchmarkMask is what a step of a large vocabulary costs: inside a string, for the first time and again.
func BenchmarkMask(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	pieces := make([][]byte, 150_000)
	for i := range pieces {
		pieces[i] = make([]byte, 1+r.IntN(10))
		for j := range pieces[i] {
			pieces[i][j] = byte(' ' + r.IntN(90))
		}
	}
	v := NewVocabulary(pieces, nil)
	logits := make([]float32, len(pieces))
	begin := func() *Session {
		s := NewSession(JSONObject(), v)
		for _, c := range []byte(`{"a": "`) {
			s.at = s.step(s.at, c)
		}
		return s
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if err := begin().Mask(logits); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		s := begin()
		for b.Loop() {
			if err := s.Mask(logits); err != nil {
				b.Fatal(err)
			}
		}
	})
}
