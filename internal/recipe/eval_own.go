package recipe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// ownLosses is a line of own.jsonl: how far one model is from the teacher on an answer that it drew itself.
type ownLosses struct {
	Role   report.Role `json:"role"`
	File   string      `json:"file,omitempty"`
	Number int         `json:"number"` // of the answer
	KL     float64     `json:"kl"`     // Σ KL(model‖teacher) over its tokens
	Tokens int         `json:"tokens"`
}

type ownKey struct {
	role   report.Role
	file   string
	number int
}

// measureOwn lets every model that has the teacher's vocabulary answer held-out prompts at temperature 1, and measures
// KL(model‖teacher) at every token of what it drew: how the two part where the model has led itself, which the teacher's
// own text never shows. It is what on-policy training makes small.
func (r *Run) measureOwn(ctx context.Context, all []*subject, rows []distill.Row) error {
	number := r.Recipe.Eval.OwnAnswers
	if number == 0 || all[0].Role != report.Teacher {
		return nil
	}
	written, before, err := openJournal[ownLosses](r.path(evalDir, ownFile))
	if err != nil {
		return err
	}
	defer written.close()
	known := map[ownKey]ownLosses{}
	for _, l := range before {
		known[ownKey{l.Role, l.File, l.Number}] = l
	}
	prompts := distinctPrompts(rows)
	meter := r.opts.Monitor.Start("eval: own answers", "answers", int64(number*(len(all)-1)), int64(len(known)))
	defer meter.Stop()
	for _, s := range all[1:] {
		if !s.language.exact {
			continue
		}
		if err := r.ownOf(ctx, s, all[0], prompts, known, written, meter); err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
	}
	return nil
}

// ownOf measures one model.
func (r *Run) ownOf(ctx context.Context, s, teacher *subject, prompts []*distill.Prompt, known map[ownKey]ownLosses, written *journal[ownLosses], meter progress.Meter) error {
	engine := infer.NewEngine(s.ready, infer.EngineOptions{Slots: plan.EvalSlots})
	defer engine.Close()
	measured := make([]ownLosses, r.Recipe.Eval.OwnAnswers)
	var judging sync.Mutex // logits of a whole answer are large; the products in them are divided among the threads anyway
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(engine.Slots())
	for i := range measured {
		if l, ok := known[ownKey{s.Role, s.File, i}]; ok {
			measured[i] = l
			continue
		}
		group.Go(func() error {
			l := ownLosses{Role: s.Role, File: s.File, Number: i}
			text, from, err := r.draw(ctx, engine, s, teacher, prompts[i%len(prompts)], l.Number)
			if err != nil {
				return err
			}
			judging.Lock()
			err = l.judge(s, teacher, text, from)
			judging.Unlock()
			if err != nil {
				return err
			}
			measured[i] = l
			meter.Add(1)
			return written.add(l)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var kl float64
	var tokens int
	for _, l := range measured {
		kl, tokens = kl+l.KL, tokens+l.Tokens
	}
	if tokens > 0 {
		kl /= float64(tokens)
		s.KLOnOwn = &kl
	}
	return nil
}

// draw lets a model answer a prompt and returns prompt and answer, with the index of the answer's first token; no text
// where the prompt leaves no room.
func (r *Run) draw(ctx context.Context, engine *infer.Engine, s, teacher *subject, p *distill.Prompt, number int) (text []distill.Token, from int, err error) {
	ids, err := s.language.format.Prompt(p.Messages, true)
	if err != nil {
		return nil, 0, err
	}
	room := min(s.ready.Context(), teacher.ready.Context(), maxLogits/teacher.ready.Config().Vocab)
	if len(ids) == 0 || len(ids) >= room {
		return nil, 0, nil
	}
	limit := room - len(ids)
	if most := r.answerTokens(s, nil); most > 0 {
		limit = min(limit, most)
	}
	seed := rand.New(rand.NewPCG(r.Recipe.Seed, ownStream+uint64(number)<<32)).Uint64()
	drawn, err := engine.Generate(ctx, infer.Request{Prompt: ids, EndTokens: s.language.format.Stops(),
		Sampling: distill.Sampling{Temperature: 1, MaxTokens: limit, Seed: seed}})
	return append(append([]distill.Token(nil), ids...), drawn.Tokens...), len(ids), err
}

// judge sums up KL(model‖teacher) over the tokens of an answer.
func (l *ownLosses) judge(s, teacher *subject, text []distill.Token, from int) error {
	if len(text) == 0 {
		return nil
	}
	own, err := s.ready.Logits(text[:len(text)-1])
	if err != nil {
		return err
	}
	theirs, err := teacher.ready.Logits(text[:len(text)-1])
	if err != nil {
		return err
	}
	n, m := s.ready.Config().Vocab, teacher.ready.Config().Vocab
	scratch, sums := make([]float32, n), make([]float32, m)
	for at := from - 1; at < len(text)-1; at++ {
		t := theirs[at*m : (at+1)*m]
		kl, _ := workbench.Divergence(scratch, own[at*n:(at+1)*n], t, kernel.LogSumExp(t, 1, sums))
		l.KL += kl
		l.Tokens++
	}
	return nil
}
