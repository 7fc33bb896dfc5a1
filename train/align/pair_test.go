package align_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/train/align"
)

// TestPair: positions where tokens of both begin have the teacher's entries, with a token where the student has one of the
// same bytes; the others have none.
func TestPair(t *testing.T) {
	v := pair(t)
	v.End(0, 7)
	from := append(teacher.encode("abc a bc"), 0) // abc, " ", a, " ", b, c, end
	to := append(student.encode("abc a bc"), 7)   // a, bc, " ", a, " ", bc, end
	signal, report, err := v.Pair(align.Text{IDs: from, Signal: signalOf(from)}, to)
	if err != nil {
		t.Fatal(err)
	}
	if report.Positions != 7 || report.Aligned != 6 || signal.Len() != 7 {
		t.Fatalf("%+v", report)
	}
	const b, a, c, space, end = 0, 1, 3, 4, 7
	for i, want := range []map[distill.Token]float64{
		{-1: 0.5, a: 0.3, -3: 0.1},    // abc and ab are no tokens of the student's
		{},                            // within abc
		{space: 0.5, a: 0.3, -3: 0.1}, //
		{a: 0.5, -2: 0.1},             //
		{space: 0.5, a: 0.3, -3: 0.1}, //
		{b: 0.5, a: 0.3, -3: 0.1},     // bc begins where b does
		{end: 0.5, a: 0.3, -3: 0.1},   //
	} {
		ids, logprobs := signal.At(i)
		for j, id := range ids {
			if p := math.Exp(float64(logprobs[j])); len(ids) != len(want) || math.Abs(p-want[id]) > 1e-6 {
				t.Errorf("position %d: token %d has %v, want %v", i, id, p, want)
			}
		}
		if len(ids) != len(want) {
			t.Errorf("position %d: %v, want %v", i, ids, want)
		}
	}
	if mass := 3*0.8 + 0.3 + 0.5 + 0.8; math.Abs(6*report.Mass-mass) > 1e-5 {
		t.Errorf("mass %v of 6 positions, want %v", 6*report.Mass, mass)
	}
}

// TestPairMerges: two tokens of the teacher with the bytes of one of the student's are one entry.
func TestPairMerges(t *testing.T) {
	letterAndByte := vocabulary{"a", "a", "b"}
	v, err := align.NewVocabularies(letterAndByte.piece, 3, student.piece, len(student))
	if err != nil {
		t.Fatal(err)
	}
	s := &distill.Signal{Kind: distill.TopK}
	s.Append([]distill.Token{0, 2, 1}, []float32{float32(math.Log(0.5)), float32(math.Log(0.3)), float32(math.Log(0.2))})
	got, _, err := v.Pair(align.Text{IDs: []distill.Token{0}, Signal: s}, []distill.Token{1})
	if err != nil {
		t.Fatal(err)
	}
	ids, logprobs := got.At(0)
	if !slices.Equal(ids, []distill.Token{1, 0}) || math.Abs(math.Exp(float64(logprobs[0]))-0.7) > 1e-6 {
		t.Errorf("%v %v", ids, logprobs)
	}
}

// TestPairForeign: vocabularies without a common token have common positions all the same.
func TestPairForeign(t *testing.T) {
	words, pairs := vocabulary{"ab", "c"}, vocabulary{"a", "bc"}
	v, err := align.NewVocabularies(words.piece, 2, pairs.piece, 2)
	if !errors.Is(err, align.ErrForeign) {
		t.Fatal(err)
	}
	s := &distill.Signal{Kind: distill.TopK}
	for range 4 {
		s.Append([]distill.Token{0, 1}, []float32{-0.5, -1})
	}
	_, report, err := v.Pair(align.Text{IDs: words.encode("abcabc"), Signal: s}, pairs.encode("abcabc"))
	if err != nil || report.Aligned != 2 || report.Mass != 0 {
		t.Errorf("%+v %v", report, err)
	}
	if _, _, err := v.Pair(align.Text{IDs: words.encode("abcabc"), Signal: s}, pairs.encode("abca")); err != nil {
		t.Errorf("a part of the text: %v", err)
	}
	if _, _, err := v.Pair(align.Text{IDs: words.encode("abc"), Signal: s}, pairs.encode("abc")); err == nil {
		t.Error("a signal of another length is accepted")
	}
}
