package recipe

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// benchLimit is the size above which a plan does not time a training step: it would itself take minutes and gigabytes.
const benchLimit = 200e6

// planTrain estimates steps, time and memory. The speed is measured, on random tokens of the recipe's shape.
func (p *Plan) planTrain(ctx context.Context, r *Run, cfg model.Config, known *measured, o PlanOptions) error {
	t, train := &p.Train, &r.Recipe.Train
	length := r.sequence(train, cfg)
	p.countTokens(r, known)
	perStep := int64(train.Batch) * int64(train.Accumulate) * int64(length)
	perEpoch := int((t.Tokens + int64(train.Batch)*int64(length) - 1) / (int64(train.Batch) * int64(length)))
	t.Steps = stepsOf(train, max(1, perEpoch), length)
	t.Tokens = int64(t.Steps) * perStep
	bf16 := r.precision() == "bf16"
	room, err := r.roomOf(cfg)
	if err != nil {
		return err
	}
	t.Recompute = room.recompute()
	t.Footprint, t.Beside = room.needs(train, r.Recipe.Student.LoRA, t.Recompute), room.beside
	t.MemoryBytes = t.Footprint.Total() + t.Beside
	p.refusal = room.check()
	t.Checkpoints = int64(train.Keep+1) * t.Footprint.Gradients * 3 // of each learnt weight its value and two moments
	if o.NoBench || cfg.Params() > benchLimit {
		return nil
	}
	speed, err := workbench.MeasureStudent(ctx, cfg, workbench.TrainingShape{Seq: length, Batch: train.Batch, Steps: 3, Threads: r.opts.Threads, BF16: bf16,
		Muon: train.Optimizer.Kind == "muon"})
	if err != nil {
		return err
	}
	t.TokensPerS = speed.MeanTokensPerS
	alone := float64(t.Tokens) / t.TokensPerS
	t.Seconds = float64(train.Seeds) * room.work * alone
	if train.Control != "none" {
		t.Seconds += alone
	}
	if q := train.QAT; q != nil {
		t.Seconds += q.Share * alone
	}
	return nil
}

// countTokens estimates the tokens of one epoch: those of the wanted rows' prompts and answers, in the teacher's tokens.
func (p *Plan) countTokens(r *Run, known *measured) {
	t, g := &p.Train, &p.Generate
	share := float64(known.rows) / float64(max(1, g.Rows))
	rest := g.PromptTokens.Likely + g.CompletionTokens.Likely
	all := rest
	if share > 0 {
		all += known.prompt.sum + known.answer.sum
	}
	trained := r.Recipe.Teacher.Samples * (p.Prompts - p.Heldout)
	if s := &r.Recipe.Select; s.Policy != "all" || s.PerPrompt > 0 {
		trained = min(trained, max(1, s.PerPrompt)*(p.Prompts-p.Heldout))
	}
	t.Examples = trained
	t.Tokens = int64(all * float64(trained) / float64(max(1, g.Rows)))
	t.LearntTokens = int64((g.CompletionTokens.Likely + known.answer.sum) * float64(trained) / float64(max(1, g.Rows)))
}

// warn says what would make the run fail, or disappoint, later.
func (p *Plan) warn(r *Run, cfg model.Config) {
	add := func(format string, args ...any) { p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...)) }
	c := r.Recipe
	if p.Heldout == 0 {
		add("no prompt is held out: evaluation will refuse to start; raise prompts.heldout or give more prompts")
	} else if p.Heldout < 30 && c.Eval.Match != "none" {
		add("no more than %d of the prompts are held out: exact match will have an interval of ±15 points or more", p.Heldout)
	}
	if c.Teacher.Kind == "remote" && c.Teacher.Signal.Kind != "none" {
		d := dialectOf(&c.Teacher)
		quirk := false
		for _, m := range d.Models {
			quirk = quirk || strings.HasPrefix(c.Teacher.Model, m.Prefix) && m.NoLogprobs
		}
		switch {
		case d.ChosenIDs:
			add("%s gives log-probabilities of an answer's own tokens alone: use signal none, or a score section with an open model", d.Name)
		case d.TopLogprobs == 0 || quirk:
			add("%s gives no log-probabilities for %s: use signal none, or a score section with an open model", d.Name, c.Teacher.Model)
		case c.Teacher.Signal.K > d.TopLogprobs:
			add("%s gives at most %d log-probabilities a token, the recipe asks for %d", d.Name, d.TopLogprobs, c.Teacher.Signal.K)
		case distill.SignalKind(c.Teacher.Signal.Kind) == distill.Sampled:
			add("no server draws a sampled signal: use topk")
		case !d.TokenIDs:
			add("%s gives log-probabilities without token ids: they cannot be used as a signal", d.Name)
		}
	}
	p.warnVocabulary(r, cfg)
	p.warnShape(r)
	if g := &p.Generate; g.USD == nil && c.Teacher.Kind == "remote" {
		add("no price is known for %s: give teacher.price, and a budget in money will be kept", c.Teacher.Model)
	} else if b := c.Teacher.Budget.USD; b > 0 && g.USD != nil && g.USD.Likely > b {
		add("the budget of $%.2f is likely to end generation early: about $%.2f is needed", b, g.USD.Likely)
	}
	if p.DiskFree > 0 && p.DiskBytes > p.DiskFree {
		add("not enough disk: about %d MB are needed, %d MB are free", p.DiskBytes>>20, p.DiskFree>>20)
	}
	if p.refusal != nil {
		add("%s: the run will be refused", p.refusal)
		if e := (*hint.Error)(nil); errors.As(p.refusal, &e) {
			add("%s", e.Hint)
		}
	}
	for _, stage := range p.Stages { // training has its own refusal
		if free := host.AvailableMemory(); free > 0 && stage.Name != "train" && stage.MemoryBytes > free {
			add("%s needs about %s of memory, and %s are available", stage.Name, report.Bytes(stage.MemoryBytes), report.Bytes(free))
		}
	}
	if c.Teacher.Sampling.MaxTokens > cfg.Context {
		add("answers may have %d tokens, the student's context is %d: longer examples are left out", c.Teacher.Sampling.MaxTokens, cfg.Context)
	}
}

// warnShape says when a shape was given that nobody reads.
func (p *Plan) warnShape(r *Run) {
	s, d := &r.Recipe.Student, config.Default().Student
	if r.origin() == "scratch" || s.Layers == d.Layers && s.Width == d.Width && s.FFN == d.FFN && s.Heads == d.Heads && s.KVHeads == d.KVHeads {
		return
	}
	p.Warnings = append(p.Warnings, fmt.Sprintf("student.layers, width, ffn and heads are for a student from scratch; this one has the shape of %s: student.cut makes it smaller", r.origin()))
}

// warnVocabulary compares the student's tokens with those that a distribution would be over.
func (p *Plan) warnVocabulary(r *Run, cfg model.Config) {
	if r.Recipe.Train.Loss.Kind == "ce" || r.vocabulary() == "" {
		return
	}
	name := r.origin()
	if name == "scratch" {
		name = r.tokenizerModel()
	}
	if name == "" {
		return
	}
	tok, _, err := workbench.OpenTokenizer(name)
	if err != nil {
		p.Warnings = append(p.Warnings, err.Error())
		return
	}
	if exact, err := r.isTeachers(tok); err == nil && !exact {
		what := "its distribution is carried over where the bytes of both tell how"
		if r.Recipe.Train.Loss.Dense {
			what = "a teacher that runs along cannot be followed; keep a signal instead of train.loss.dense"
		}
		p.Warnings = append(p.Warnings, fmt.Sprintf("the tokenizer of %s is not the teacher's: %s", name, what))
	}
}
