package recipe

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
)

func scoreInputs(r *Run) (any, error) { return []any{r.Recipe.Score, r.Recipe.Prompts.Format}, nil }

// score adds the distribution of an open model to answers that another teacher wrote. The rows keep their ids; a row that
// was scored is not scored again.
func score(ctx context.Context, r *Run, st *StageState) (string, error) {
	if err := r.keepOnly(ScoredDir, st.Inputs); err != nil {
		return "", err
	}
	judge := &subject{path: r.Recipe.Score.Model}
	if err := judge.open(r); err != nil {
		return "", err
	}
	defer judge.close()
	in, err := dataset.Open(r.path(DataDir), dataset.Options{ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := dataset.Open(r.path(ScoredDir), dataset.Options{Origin: dataset.Origin{
		Teacher: r.Recipe.Teacher.Model, TokenizerHash: judge.language.tokenizer.Hash(), Signal: distill.SignalKind(r.Recipe.Score.Signal.Kind),
	}})
	if err != nil {
		return "", err
	}
	defer out.Close()
	if err := r.scoreAll(ctx, judge, in, out); err != nil {
		return "", err
	}
	st.Note = fmt.Sprintf("%d rows scored", out.Len())
	return digest(st.Inputs, out.Len()), out.Seal()
}

// scoreAll scores the rows of in that out does not have.
func (r *Run) scoreAll(ctx context.Context, judge *subject, in, out *dataset.Dataset) error {
	meter := r.opts.Monitor.Start("score", "rows", int64(in.Len()), int64(out.Len()))
	defer meter.Stop()
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var skipped int
	for row, err := range in.Rows() {
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		if working.Err() != nil {
			break
		}
		if out.Has(row.ID) {
			continue
		}
		tokens, from, ok, err := judge.tokensToScore(&row)
		if err != nil {
			return errors.Join(fmt.Errorf("row %s: %w", row.ID, err), group.Wait())
		}
		if !ok {
			skipped++
			continue
		}
		group.Go(func() error {
			logprobs, signal, err := judge.ready.Score(working, tokens, from, signalOf(r.Recipe.Score.Signal))
			if err != nil {
				return fmt.Errorf("row %s: %w", row.ID, err)
			}
			row.TokenIDs, row.TokenLogprobs, row.Signal = tokens[from:], logprobs, signal
			meter.Add(1)
			return out.Append(working, row)
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	if skipped > 0 {
		r.log.Warn("answers that do not fit the scoring model's context were left out", "rows", skipped)
	}
	return nil
}

// tokensToScore renders a row in the judge's tokens. An answer that was cut off ends where it was cut.
func (s *subject) tokensToScore(row *distill.Row) (tokens []distill.Token, from int, ok bool, err error) {
	tokens, from, err = s.language.format.Example(row.Prompt.Messages, row.Reasoning, row.Response)
	if row.FinishReason == distill.FinishLength && len(tokens) > from {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens, from, err == nil && from < len(tokens) && len(tokens) <= s.ready.Context(), err
}
