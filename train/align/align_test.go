package align_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/train/align"
)

// vocabulary is a tokenizer of the longest match.
type vocabulary []string

func (v vocabulary) piece(id distill.Token) []byte { return []byte(v[id]) }

func (v vocabulary) encode(text string) (ids []distill.Token) {
	for text != "" {
		best := -1
		for id, piece := range v {
			if len(piece) > 0 && len(piece) <= len(text) && text[:len(piece)] == piece && (best < 0 || len(piece) > len(v[best])) {
				best = id
			}
		}
		ids = append(ids, distill.Token(best))
		text = text[len(v[best]):]
	}
	return ids
}

var (
	teacher = vocabulary{"", "a", "b", "c", "ab", "abc", " "}
	student = vocabulary{"b", "a", "bc", "c", " ", "ca", "cb", ""}
)

func pair(t testing.TB) *align.Vocabularies {
	t.Helper()
	v, err := align.NewVocabularies(teacher.piece, len(teacher), student.piece, len(student))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signalOf gives each token of the teacher probability 0.5, "a" 0.3 and "ab" 0.1, where they differ from it.
func signalOf(ids []distill.Token) *distill.Signal {
	s := &distill.Signal{Kind: distill.TopK}
	for _, id := range ids {
		entries, logprobs := []distill.Token{id}, []float32{float32(math.Log(0.5))}
		for _, other := range []struct {
			id distill.Token
			p  float64
		}{{1, 0.3}, {4, 0.1}} {
			if other.id != id {
				entries, logprobs = append(entries, other.id), append(logprobs, float32(math.Log(other.p)))
			}
		}
		s.Append(entries, logprobs)
	}
	return s
}

func TestCarry(t *testing.T) {
	const text = "abc a bc"
	from := append([]distill.Token{0}, teacher.encode(text)...) // a control token first: "", abc, " ", a, " ", b, c
	to := append(student.encode(text), 7)                       // a, bc, " ", a, " ", bc, and a control token
	signal, report, err := pair(t).Carry(from, signalOf(from), to)
	if err != nil {
		t.Fatal(err)
	}
	if report.Positions != 7 || report.Aligned != 3 || signal.Len() != 7 {
		t.Fatalf("%+v", report)
	}
	for i, want := range [][]distill.Token{{}, {}, {4, 1}, {1}, {4, 1}, {}, {}} {
		ids, logprobs := signal.At(i)
		if !slices.Equal(ids, want) {
			t.Errorf("position %d: %v, want %v", i, ids, want)
		}
		if len(ids) > 0 && math.Abs(math.Exp(float64(logprobs[0]))-0.5) > 1e-6 {
			t.Errorf("position %d: %v", i, logprobs)
		}
	}
	// " ": 0.8 of 0.9 has a token of the student; "a": 0.5 of 0.6.
	if want := (2*0.8/0.9 + 0.5/0.6) / 3; math.Abs(report.Mass-want) > 1e-6 {
		t.Errorf("mass %v, want %v", report.Mass, want)
	}
}

// TestOneVocabulary checks that nothing is lost between tokenizers that are the same.
func TestOneVocabulary(t *testing.T) {
	v, err := align.NewVocabularies(teacher.piece, len(teacher), teacher.piece, len(teacher))
	if err != nil || v.Shared() != 1 {
		t.Fatal(v, err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		text := ""
		for range 1 + r.IntN(20) {
			text += string("abc "[r.IntN(4)])
		}
		ids := teacher.encode(text)
		want := signalOf(ids)
		got, report, err := v.Carry(ids, want, ids)
		if err != nil || report.Aligned != len(ids) || !slices.Equal(got.IDs, want.IDs) || !slices.Equal(got.Logprobs, want.Logprobs) || !slices.Equal(got.Ends, want.Ends) {
			t.Fatalf("%q: %+v, %v", text, report, err)
		}
	}
}

func TestRefused(t *testing.T) {
	foreign := vocabulary{"x", "y", "z"}
	if _, err := align.NewVocabularies(foreign.piece, 3, student.piece, len(student)); !errors.Is(err, align.ErrForeign) {
		t.Error(err)
	}
	ids := teacher.encode("ab")
	if _, _, err := pair(t).Carry(ids, signalOf(ids), student.encode("abc")); !errors.Is(err, align.ErrText) {
		t.Error(err)
	}
	if _, _, err := pair(t).Carry(ids, signalOf(nil), student.encode("ab")); err == nil {
		t.Error("a signal of another length is accepted")
	}
}

func ExampleVocabularies_Carry() {
	v, err := align.NewVocabularies(teacher.piece, len(teacher), student.piece, len(student))
	if err != nil {
		fmt.Println(err)
		return
	}
	from, to := teacher.encode("a abc"), student.encode("a abc")
	_, report, err := v.Carry(from, signalOf(from), to)
	fmt.Printf("%d of %d positions aligned, %v\n", report.Aligned, report.Positions, err)
	// Output: 2 of 4 positions aligned, <nil>
}
