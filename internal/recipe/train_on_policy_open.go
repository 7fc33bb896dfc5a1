package recipe

import (
	"context"
	"errors"
	"runtime"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/pack"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/local"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/loss"
)

// ownDir holds, beside a training's checkpoints, what the student wrote in the last rounds of on-policy training.
const ownDir = "on-policy"

// mixOnPolicy makes the student's own answers part of the data of a training. The returned function frees what that took.
func (r *Run) mixOnPolicy(ctx context.Context, opts *train.Options, meter *trainMeter, learner *student.Student, l *language, rows rowSeq, what lesson) (func(), error) {
	spec := r.Recipe.Train.OnPolicy
	objective, err := loss.New(onPolicyLoss(&spec))
	if err != nil {
		return nil, err
	}
	stored, ok := opts.Data.(*packed)
	if !ok {
		return nil, errors.New("train.on_policy: the stored data are in no batches")
	}
	a := &author{run: r, ctx: ctx, learner: learner, lang: l, packing: r.packing(l, learner.Config().Context), dir: r.path(trainDir, what.dir, ownDir), seed: what.seed}
	if err := r.appoint(a, stored); err != nil {
		return nil, err
	}
	if err := a.readPrompts(rows); err != nil {
		a.close()
		return nil, err
	}
	// A checkpoint that cannot be read sends a run back to the one before: the rounds since then must still be there.
	a.kept = 2 + (opts.Keep+1)*opts.CheckpointEvery/spec.Every
	m := &mixture{stored: stored, author: a, spec: spec, objective: objective, steps: opts.Steps, accumulate: max(1, opts.Accumulate), seed: what.seed}
	opts.Data = m
	// The held-out loss is on the teacher's text, which is not what is made small any more: the last weights are kept.
	opts.KeepBest = false
	meter.wrote = func() *round {
		if m.round.batches == nil {
			return nil
		}
		return &m.round
	}
	return a.close, nil
}

// appoint gives the author the teacher that judges: one that runs along, or one that keeps the likeliest tokens.
func (r *Run) appoint(a *author, stored *packed) error {
	if !a.lang.exact {
		return hint.Errorf("set tokenizer.from to teacher", "train.on_policy: the student's vocabulary is not the teacher's")
	}
	if r.models.Teacher == "" {
		a.longest, a.judged = a.packing.Length+1, max(1, r.Recipe.Score.By.Concurrency)
		var err error
		a.judge, err = r.openScorer(a.lang)
		return err
	}
	m, err := workbench.Open(r.models.Teacher)
	if err != nil {
		return err
	}
	a.longest = min(a.packing.Length+1, m.Context)
	a.judged = runtime.GOMAXPROCS(0) // each takes the memory of a forward pass
	m.Close()
	switch {
	case r.Recipe.Train.OnPolicy.K > 0:
		a.judge, err = r.openJudge(a.longest)
	case stored.teacher != nil:
		a.teacher = stored.teacher
	default:
		a.teacher, err = r.denseTeacher(a.lang)
	}
	return err
}

// readPrompts takes the distinct training prompts of the rows, as far as they leave room for an answer.
func (a *author) readPrompts(rows rowSeq) error {
	seen := map[string]bool{}
	var tokens, examples int
	for row, err := range rows {
		if err != nil {
			return err
		}
		if row.Prompt.Split == distill.Heldout {
			continue
		}
		e, err := a.lang.example(&row, true)
		if err != nil {
			return err
		}
		tokens, examples = tokens+min(len(e.Tokens), a.packing.Length), examples+1
		if seen[row.Prompt.ID] || e.AnswerStart >= a.longest-1 {
			continue
		}
		seen[row.Prompt.ID] = true
		a.prompts = append(a.prompts, prompted{prompt: &row.Prompt, tokens: e.Tokens[:e.AnswerStart:e.AnswerStart]})
	}
	if len(a.prompts) == 0 {
		return hint.Errorf("raise train.seq", "train.on_policy: no training prompt leaves room for an answer in %d tokens, what a training sequence and the teacher's context have", a.longest)
	}
	a.packing.TooLong = pack.Refuse
	a.typical = float64(tokens) / float64(examples)
	return nil
}

// judge is a teacher that says how likely each token of an answer is that the student wrote.
type judge interface {
	teacher.Scorer
	Close() error
}

// openJudge opens the recipe's teacher as a judge, for texts of at most so many tokens.
func (r *Run) openJudge(longest int) (judge, error) {
	m, err := workbench.Open(r.models.Teacher)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	o := r.localOptions(&r.Recipe.Teacher)
	o.Context, o.Slots = longest, 1 // it answers nothing
	return local.New(m, o)
}
