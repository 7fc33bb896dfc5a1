package recipe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/remote"
)

func scoreInputs(r *Run) (any, error) { return []any{r.Recipe.Score, r.Recipe.Prompts.Format}, nil }

// score adds the distribution of an open model to answers that another teacher wrote. The rows keep their ids; a row that
// was scored is not scored again.
func score(ctx context.Context, r *Run, st *stageState) (string, error) {
	if err := r.keepOnly(scoredDir, st.Inputs); err != nil {
		return "", err
	}
	judge, err := r.openScoring(ctx)
	if err != nil {
		return "", err
	}
	defer judge.close()
	in, err := dataset.Open(r.path(DataDir), dataset.Options{ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := dataset.Open(r.path(scoredDir), dataset.Options{Origin: dataset.Origin{
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

// scoring is the model that scores: here, or behind a server.
type scoring struct {
	language    *language
	concurrency int
	context     int // longest text
	score       func(ctx context.Context, tokens []distill.Token, from int, spec distill.SignalSpec) ([]float32, *distill.Signal, error)
	close       func()
}

// openScoring opens what the recipe scores with.
func (r *Run) openScoring(ctx context.Context) (*scoring, error) {
	if r.Recipe.Score.By == nil {
		s := &subject{path: r.Recipe.Score.Model}
		if err := s.open(r); err != nil {
			return nil, err
		}
		return &scoring{s.language, runtime.GOMAXPROCS(0), s.ready.Context(), s.ready.Score, s.close}, nil
	}
	language, err := r.languageOf(r.Recipe.Score.Model)
	if err != nil {
		return nil, err
	}
	server, err := r.openScorer(language)
	if err != nil {
		return nil, err
	}
	s := &scoring{language, r.Recipe.Score.By.Concurrency, math.MaxInt32, server.ScoreTokens, func() { _ = server.Close() }}
	if err := server.Check(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// openScorer opens the server that scores in the place of weights here. Scoring is no service that is sold, so it has no
// budget.
func (r *Run) openScorer(l *language) (*remote.Scorer, error) {
	by := r.Recipe.Asked(r.Recipe.Score.By, 1, 1, config.Budget{})
	return remote.NewScorer(r.remoteOptions(&by, nil), func(m []distill.Message) ([]distill.Token, error) { return l.format.Prompt(m, true) })
}

// scoreAll scores the rows of in that out does not have.
func (r *Run) scoreAll(ctx context.Context, judge *scoring, in, out *dataset.Dataset) error {
	meter := r.opts.Monitor.Start("score", "rows", int64(in.Len()), int64(out.Len()))
	defer meter.Stop()
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(judge.concurrency)
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
			logprobs, signal, err := judge.score(working, tokens, from, signalOf(r.Recipe.Score.Signal))
			if teacher.KindOf(err) == teacher.Permanent && working.Err() == nil {
				r.log.Warn("an answer cannot be scored and is left out", "row", row.ID, "error", err)
				return nil
			}
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
func (s *scoring) tokensToScore(row *distill.Row) (tokens []distill.Token, from int, ok bool, err error) {
	tokens, from, err = s.language.format.Example(row.Prompt.Messages, row.Reasoning, row.Response)
	if row.FinishReason == distill.FinishLength && len(tokens) > from {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens, from, err == nil && from < len(tokens) && len(tokens) <= s.context, err
}
