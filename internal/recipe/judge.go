package recipe

import (
	"context"
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/infer"
)

// judge gives entries of the teacher's distribution at every token of an answer that the student wrote.
type judge interface {
	judge(ctx context.Context, q prompted, answer []distill.Token) (*distill.Signal, error)
	close()
}

// localJudge is a judge whose weights lie on this machine.
type localJudge struct {
	model *infer.Model
	spec  distill.SignalSpec
}

func (j *localJudge) judge(ctx context.Context, q prompted, answer []distill.Token) (*distill.Signal, error) {
	tokens := append(append(make([]distill.Token, 0, len(q.tokens)+len(answer)), q.tokens...), answer...)
	_, signal, err := j.model.Score(ctx, tokens, len(q.tokens), j.spec)
	return signal, err
}

func (j *localJudge) close() { j.model.Close() }

// openJudge opens the recipe's teacher to judge answers of at most so many tokens, prompts included.
func (r *Run) openJudge(length int) (judge, error) {
	m, err := OpenModel(r.teacherModel())
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if m.Context < length {
		return nil, inputErrorf("lower train.seq", "train.on_policy: the teacher reads at most %d tokens, a training sequence has %d", m.Context, length)
	}
	ready, err := infer.New(m, infer.Options{Threads: r.opts.Threads, Context: length})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.teacherModel(), err)
	}
	return &localJudge{model: ready, spec: distill.SignalSpec{Kind: distill.TopK, K: r.Recipe.Train.OnPolicy.K}}, nil
}
