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

// TestCarry holds every position to what the chain rule gives: see the package's comment.
func TestCarry(t *testing.T) {
	const text = "abc a bc"
	from := append([]distill.Token{0}, teacher.encode(text)...) // a control token first: "", abc, " ", a, " ", b, c
	to := append(student.encode(text), 7)                       // a, bc, " ", a, " ", bc, and a control token
	signal, report, err := pair(t).Carry(align.Text{IDs: from, Signal: signalOf(from)}, to)
	if err != nil {
		t.Fatal(err)
	}
	if report.Positions != 7 || report.Aligned != 6 || signal.Len() != 7 {
		t.Fatalf("%+v", report)
	}
	const b, a, bc, space = 0, 1, 2, 4
	for i, want := range []map[distill.Token]float64{
		{a: 0.5 + 0.3 + 0.1},          // abc, a and ab all begin with it
		{bc: 0.5 / 0.9, b: 0.1 / 0.9}, // of those three, after their a
		{space: 0.5, a: 0.3 + 0.1},    // the same question to both
		{a: 0.5 + 0.1},                //
		{space: 0.5, a: 0.4},          //
		{bc: 0.5 * 0.5, a: 0.3 + 0.1}, // b, and then c
		{},                            // the teacher did not go on
	} {
		ids, logprobs := signal.At(i)
		if len(ids) != len(want) {
			t.Errorf("position %d: %v, want %v", i, ids, want)
		}
		for j, id := range ids {
			if math.Abs(math.Exp(float64(logprobs[j]))-want[id]) > 1e-6 {
				t.Errorf("position %d: token %d has %v, want %v", i, id, math.Exp(float64(logprobs[j])), want[id])
			}
		}
	}
}

// TestChainRule: where no token of the one is the beginning of another, the probability of a text is the same in both
// tokenizations, whichever is the finer, and at no position is there more than all of the mass.
func TestChainRule(t *testing.T) {
	words := vocabulary{"a", "ba", "bb", "ca", "cba", "cbb"}
	letters := vocabulary{"a", "b", "c"}
	both := vocabulary{"a", "b", "c", "aba", "ab", "cb"}
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct{ teacher, student vocabulary }{{words, letters}, {letters, both}, {words, words}} {
		v, err := align.NewVocabularies(c.teacher.piece, len(c.teacher), c.student.piece, len(c.student))
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			text := ""
			for range 1 + r.IntN(8) {
				text += words[r.IntN(len(words))]
			}
			ids, s, want := c.teacher.encode(text), &distill.Signal{Kind: distill.TopK}, 0.0
			for _, id := range ids {
				entries, logprobs := distribution(r, len(c.teacher))
				s.Append(entries, logprobs)
				want += float64(logprobs[id])
			}
			to := c.student.encode(text)
			got, report, err := v.Carry(align.Text{IDs: ids, Signal: s}, to)
			if err != nil || report.Aligned != len(to) {
				t.Fatalf("%q: %+v %v", text, report, err)
			}
			sum := 0.0
			for i, id := range to {
				entries, logprobs := got.At(i)
				all := 0.0
				for j, e := range entries {
					all += math.Exp(float64(logprobs[j]))
					if e == id {
						sum += float64(logprobs[j])
					}
				}
				if all > 1+1e-5 {
					t.Fatalf("%q: position %d has a mass of %v", text, i, all)
				}
			}
			if math.Abs(sum-want) > 1e-5*float64(len(to)+len(ids)) {
				t.Errorf("%q: log-probability %v, the teacher's %v", text, sum, want)
			}
		}
	}
}

// distribution returns a random one over all tokens of a vocabulary.
func distribution(r *rand.Rand, size int) ([]distill.Token, []float32) {
	weights, sum := make([]float64, size), 0.0
	for i := range weights {
		weights[i] = r.ExpFloat64()
		sum += weights[i]
	}
	var ids []distill.Token
	var logprobs []float32
	for i, w := range weights {
		ids, logprobs = append(ids, distill.Token(i)), append(logprobs, float32(math.Log(w/sum)))
	}
	return ids, logprobs
}

// TestEnd: the end of the answer is carried over under the student's own end token, and so is its chance elsewhere; a part
// of the teacher's text is aligned as well.
func TestEnd(t *testing.T) {
	v := pair(t)
	v.End(0, 7)
	ids := append(teacher.encode(" ab"), 0)
	s := &distill.Signal{Kind: distill.TopK}
	for _, id := range ids {
		other := distill.Token(0)
		if id == 0 {
			other = 2
		}
		s.Append([]distill.Token{id, other}, []float32{float32(math.Log(0.75)), float32(math.Log(0.25))})
	}
	signal, report, err := v.Carry(align.Text{IDs: ids, Signal: s}, append(student.encode("ab"), 7))
	if err != nil || report.Aligned != 3 {
		t.Fatal(report, err)
	}
	for i, want := range []map[distill.Token]float64{{1: 0.75, 7: 0.25}, {0: 1}, {7: 0.75, 0: 0.25}} {
		got, logprobs := signal.At(i)
		for j, id := range got {
			if p := math.Exp(float64(logprobs[j])); len(got) != len(want) || math.Abs(p-want[id]) > 1e-6 {
				t.Errorf("position %d: token %d has %v, want %v", i, id, p, want[id])
			}
		}
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
		got, report, err := v.Carry(align.Text{IDs: ids, Signal: want}, ids)
		if err != nil || report.Aligned != len(ids) {
			t.Fatalf("%q: %+v, %v", text, report, err)
		}
		for i := range ids {
			a, p := got.At(i)
			b, q := want.At(i)
			for j, id := range b {
				if k := slices.Index(a, id); len(a) != len(b) || k < 0 || math.Abs(float64(p[k]-q[j])) > 1e-5 {
					t.Fatalf("%q: position %d: %v %v, want %v %v", text, i, a, p, b, q)
				}
			}
		}
	}
}

func TestRefused(t *testing.T) {
	foreign := vocabulary{"x", "y", "z"}
	if _, err := align.NewVocabularies(foreign.piece, 3, student.piece, len(student)); !errors.Is(err, align.ErrForeign) {
		t.Error(err)
	}
	ids := teacher.encode("ab")
	if _, _, err := pair(t).Carry(align.Text{IDs: ids, Signal: signalOf(ids)}, student.encode("abc")); !errors.Is(err, align.ErrText) {
		t.Error(err)
	}
	if _, _, err := pair(t).Carry(align.Text{IDs: ids, Signal: signalOf(nil)}, student.encode("ab")); err == nil {
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
	_, report, err := v.Carry(align.Text{IDs: from, Signal: signalOf(from)}, to)
	fmt.Printf("%d of %d positions aligned, %v\n", report.Aligned, report.Positions, err)
	// Output: 4 of 4 positions aligned, <nil>
}
