package hygiene

import (
	"fmt"
	"iter"
	"strings"

	"github.com/seed-d24fde5f/distill"
)

// shortest is the number of words below which an evaluation text is ignored: two numbers and a sign are everywhere.
const shortest = 4

// Evaluation is the text of an evaluation set, as the runs of words that occur in it.
type Evaluation struct {
	runs map[int]map[uint64]struct{} // by their number of words: span, or that of a shorter text
}

// NewEvaluation indexes the texts of an evaluation set by their runs of span words: 13 is GPT-3's choice
// (arXiv:2005.14165, appendix C), 8 catches more. A shorter text of at least four words counts as one run.
func NewEvaluation(texts iter.Seq[string], span int) (*Evaluation, error) {
	if span < shortest {
		return nil, fmt.Errorf("hygiene: runs of %d words are in every text: at least %d", span, shortest)
	}
	e := &Evaluation{runs: make(map[int]map[uint64]struct{})}
	for text := range texts {
		w := words(text)
		if len(w) < shortest {
			continue
		}
		n := min(span, len(w))
		if e.runs[n] == nil {
			e.runs[n] = make(map[uint64]struct{})
		}
		for _, h := range shingles(w, n) {
			e.runs[n][h] = struct{}{}
		}
	}
	return e, nil
}

// Find returns a run of words that text shares with the evaluation set.
func (e *Evaluation) Find(text string) (run string, ok bool) {
	w := words(text)
	for n, runs := range e.runs {
		if len(w) < n {
			continue
		}
		for i, h := range shingles(w, n) {
			if _, ok := runs[h]; ok {
				return strings.Join(w[i:i+n], " "), true
			}
		}
	}
	return "", false
}

// Against rejects rows that share a run of words with an evaluation set, in the question or in the answer.
func Against(evaluation *Evaluation) Step {
	return Step{"contamination", func(row *distill.Row) (string, bool) {
		return evaluation.Find(text(row))
	}}
}
