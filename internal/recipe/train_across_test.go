package recipe

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/train/align"
)

// letters is a vocabulary of single bytes.
func letters(id distill.Token) []byte { return []byte{byte('a' + id)} }

// TestAcross: a distribution that reaches too little of the student's tokens is refused with the number, and rows whose
// text the student writes in another way count against it.
func TestAcross(t *testing.T) {
	v, err := align.NewVocabularies(letters, 26, letters, 26)
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{log: slog.New(slog.DiscardHandler)}
	a := &across{Vocabularies: v}
	row := func(ids ...distill.Token) *distill.Row {
		s := &distill.Signal{Kind: distill.TopK}
		for _, id := range ids {
			s.Append([]distill.Token{id}, []float32{-0.5})
		}
		return &distill.Row{Completion: distill.Completion{Response: "x", TokenIDs: ids, Signal: s}}
	}
	for _, answer := range [][]distill.Token{{1, 2, 3}, {1, 2, 4}} {
		if _, err := a.carry(row(1, 2, 3), answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.judge(r); err != nil || a.foreign != 1 {
		t.Error(a.foreign, err)
	}
	if s, err := a.carry(row(5), []distill.Token{6}); s != nil || err != nil {
		t.Error(s, err)
	}
	if err := a.judge(r); err == nil || !strings.Contains(err.Error(), "42.9 %") || !strings.Contains(err.Error(), "1 of 3 rows") {
		t.Error(err)
	}
	capitals := func(id distill.Token) []byte { return []byte{byte('A' + id)} }
	if v, err = align.NewVocabularies(letters, 26, capitals, 26); !errors.Is(err, align.ErrForeign) {
		t.Error(err)
	}
	ranked := &across{Vocabularies: v, ranked: true}
	if _, err := ranked.carry(row(1, 2), []distill.Token{1, 2}); err != nil || ranked.foreign != 1 || ranked.judge(r) == nil {
		t.Error("texts of other bytes are compared by rank", err)
	}
	a.reset()
	if err := a.judge(r); err == nil {
		t.Error("a run without a signal is accepted")
	}
	var none *across
	if s, err := none.carry(row(1), nil); s != nil || err != nil || none.judge(r) != nil {
		t.Error("without a bridge nothing is carried or judged")
	}
}
