package recipe

import (
	"errors"
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/train/align"
	"github.com/seed-d24fde5f/distill/train/loss"
)

// leastAligned is the share of the student's tokens below which a distribution that was carried over teaches too little to
// be called one.
const leastAligned = 0.5

// otherSignals is what else there is to learn.
const otherSignals = "train.loss.kind=ce learns the teacher's text, tokenizer.from=teacher its tokens"

// across carries the teacher's distribution over to a student with another vocabulary.
type across struct {
	*align.Vocabularies
	ranked  bool         // what has no token is compared by rank
	report  align.Report // of the rows since reset
	rows    int          // with a signal
	foreign int          // of these, whose text the student writes in another way
}

// bridge returns what carries the teacher's distribution over to a language with another vocabulary; nil where the loss
// looks at the text alone or the vocabulary is the teacher's.
func (r *Run) bridge(l *language) (*across, error) {
	name := r.models.Vocabulary
	if l.exact || name == "" || r.Recipe.Train.Loss.Kind == "ce" || r.Recipe.Train.Loss.Dense {
		return nil, nil
	}
	teacher, _, err := workbench.OpenTokenizer(name)
	if err != nil {
		return nil, err
	}
	kind := r.Recipe.Train.Loss.Kind
	v, err := align.NewVocabularies(textOf(teacher), teacher.Size(), textOf(l.tokenizer), l.tokenizer.Size())
	if err != nil && (kind != string(loss.ULD) || !errors.Is(err, align.ErrForeign)) {
		return nil, hint.Errorf(otherSignals+"; train.loss.kind=uld needs no common token", "the teacher's distribution: %w", err)
	}
	if stops := l.format.Stops(); len(stops) > 0 {
		for _, end := range teacher.EndTokens() {
			v.End(end, stops[0])
		}
	}
	return &across{Vocabularies: v, ranked: kind == string(loss.ULD) || kind == string(loss.GOLD)}, nil
}

// textOf returns the bytes that a token adds to a text: none for one that steers.
func textOf(t *tokenizer.Tokenizer) func(distill.Token) []byte {
	return func(id distill.Token) []byte {
		if t.IsSpecial(id) {
			return nil
		}
		return t.Piece(id)
	}
}

// carry returns a row's signal under the student's tokens of its answer, nil where it has none.
func (a *across) carry(row *distill.Row, answer []distill.Token) (*distill.Signal, error) {
	if a == nil || row.Signal == nil || len(row.TokenIDs) == 0 {
		return nil, nil
	}
	a.rows++
	carry := a.Carry
	if a.ranked {
		carry = a.Pair
	}
	signal, report, err := carry(align.Text{IDs: row.TokenIDs, Signal: row.Signal, Logprobs: row.TokenLogprobs}, answer)
	a.report.Add(report)
	if errors.Is(err, align.ErrText) {
		a.foreign++
		return nil, nil
	}
	return signal, err
}

// reset forgets the rows that were counted.
func (a *across) reset() {
	if a != nil {
		a.report, a.rows, a.foreign = align.Report{}, 0, 0
	}
}

// judge says how much was carried over, and refuses what is too little.
func (a *across) judge(r *Run) error {
	if a == nil {
		return nil
	}
	share := a.report.Share()
	if a.rows == 0 || share < leastAligned {
		return hint.Errorf(otherSignals,
			"the teacher's distribution reaches %.1f %% of the tokens of the student's vocabulary, less than %.0f %%: %d of %d rows have one, and of %d the text reads otherwise",
			100*share, 100*leastAligned, a.rows-a.foreign, a.rows, a.foreign)
	}
	r.log.Info("the teacher's distribution was carried over to the student's vocabulary", "tokens", fmt.Sprintf("%.1f %%", 100*share),
		"mass", fmt.Sprintf("%.1f %%", 100*a.report.Mass), "shared_vocabulary", fmt.Sprintf("%.1f %%", 100*a.Shared()))
	return nil
}
