package recipe

import (
	"context"
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// losses are what one model loses on one held-out answer, summed over the answer's tokens.
type losses struct {
	Nats     float64 `json:"nats"` // −log p of the tokens
	Tokens   int64   `json:"tokens"`
	KL       float64 `json:"kl,omitempty"`       // KL(teacher‖model)
	Compared int64   `json:"compared,omitempty"` // tokens that KL was measured at
	Agreed   int64   `json:"agreed,omitempty"`   // of these, where both put the same token first
}

// rowLosses is a line of rows.jsonl: what every model loses on a row, in the order of the models, null for one that could
// not be measured on it.
type rowLosses struct {
	Row    string    `json:"row"`
	Prompt string    `json:"prompt_id"`
	Losses []*losses `json:"losses"`
}

// compare runs every model over every held-out answer, but for the rows that were compared before. Those who share the
// teacher's vocabulary are compared with its whole distribution at every token.
func (r *Run) compare(ctx context.Context, all []*subject, rows []distill.Row) error {
	written, before, err := openJournal[rowLosses](r.path(evalDir, rowsFile))
	if err != nil {
		return err
	}
	defer written.close()
	known := map[string][]*losses{}
	for _, line := range before {
		if len(line.Losses) == len(all) {
			known[line.Row] = line.Losses
		}
	}
	meter := r.opts.Monitor.Start("eval", "rows", int64(len(rows)), int64(len(known)))
	defer meter.Stop()
	longest := plan.EvalContext // the same tokens for all, or their measures could not be compared
	for _, s := range all {
		longest = min(longest, s.ready.Context())
	}
	for i := range rows {
		measured, ok := known[rows[i].ID]
		if !ok {
			if measured, err = compareRow(ctx, all, &rows[i], longest); err != nil {
				return err
			}
			if err := written.add(rowLosses{Row: rows[i].ID, Prompt: rows[i].Prompt.ID, Losses: measured}); err != nil {
				return err
			}
			meter.Add(1)
		}
		for k, s := range all {
			s.losses = append(s.losses, measured[k])
		}
	}
	return nil
}

// compareRow measures every model on one row.
func compareRow(ctx context.Context, all []*subject, row *distill.Row, longest int) ([]*losses, error) {
	var reference *answerLogits // the teacher's
	measured := make([]*losses, len(all))
	for k, s := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		logits, err := s.answerLogits(row, longest)
		if err != nil {
			return nil, fmt.Errorf("%s: row %s: %w", s.path, row.ID, err)
		}
		if logits == nil {
			continue
		}
		if s.Role == report.Teacher {
			reference = logits
		}
		measured[k] = lossesOf(logits, reference)
	}
	return measured, nil
}

// answerLogits are a model's logits for the tokens of one answer.
type answerLogits struct {
	targets []distill.Token
	logits  []float32 // (len(targets), vocabulary): position i predicts targets[i]
	vocab   int
	hash    string // of the tokenizer
}

// answerLogits runs the model over the first longest tokens of a row's prompt and answer. It returns nil for a row whose
// answer begins later.
func (s *subject) answerLogits(row *distill.Row, longest int) (*answerLogits, error) {
	e, err := s.language.example(row, true)
	if err != nil {
		return nil, err
	}
	start, vocab := max(1, e.AnswerStart), s.ready.Config().Vocab
	longest = min(longest, maxLogits/vocab)
	if len(e.Tokens) > longest {
		e.Tokens = e.Tokens[:longest] // the beginning of an answer is judged all the same
	}
	if start >= len(e.Tokens) {
		return nil, nil
	}
	logits, err := s.ready.Logits(e.Tokens[:len(e.Tokens)-1])
	if err != nil {
		return nil, err
	}
	return &answerLogits{e.Tokens[start:], logits[(start-1)*vocab:], vocab, s.language.tokenizer.Hash()}, nil
}

// lossesOf sums up one answer. reference is the teacher's view of the same row, nil where there is none.
func lossesOf(a, reference *answerLogits) *losses {
	comparable := reference != nil && reference.hash == a.hash && len(reference.targets) == len(a.targets)
	scratch := make([]float32, a.vocab)
	var p []float32
	if comparable {
		p = make([]float32, reference.vocab)
	}
	l := new(losses)
	for i, target := range a.targets {
		q := a.logits[i*a.vocab : (i+1)*a.vocab]
		logSum := kernel.LogSumExp(q, 1, scratch)
		l.Nats += float64(logSum - q[target])
		l.Tokens++
		if comparable {
			kl, agree := workbench.Divergence(p, reference.logits[i*reference.vocab:(i+1)*reference.vocab], q, logSum)
			l.KL += kl
			l.Compared++
			if agree {
				l.Agreed++
			}
		}
	}
	return l
}
