package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func (p *planner) warning(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// warn says what would make the run fail, or disappoint, later.
func (p *planner) warn() {
	t := &p.recipe.Teacher
	if p.Heldout == 0 {
		p.warning("no prompt is held out: evaluation will refuse to start; raise prompts.heldout or give more prompts")
	} else if p.Heldout < 30 && p.recipe.Eval.Match != "none" {
		p.warning("no more than %d of the prompts are held out: exact match will have an interval of ±15 points or more", p.Heldout)
	}
	if t.Kind == "remote" && t.Signal.Kind != "none" {
		p.warnSignal(t)
	}
	p.warnVocabulary()
	p.warnShape()
	if g := &p.Generate; g.USD == nil && t.Kind == "remote" {
		p.warning("no price is known for %s: give teacher.price, and a budget in money will be kept", t.Model)
	} else if b := t.Budget.USD; b > 0 && g.USD != nil && g.USD.Likely > b {
		p.warning("the budget of %s is likely to end generation early: about %s is needed", report.Dollars(b), report.Dollars(g.USD.Likely))
	}
	p.warnRoom()
	if t.Sampling.MaxTokens > p.shape.Context {
		p.warning("answers may have %d tokens, the student's context is %d: longer examples are left out", t.Sampling.MaxTokens, p.shape.Context)
	}
}

// warnSignal compares the signal that the recipe wants with what the teacher's server gives.
func (p *planner) warnSignal(t *config.Teacher) {
	d := dialectOf(t)
	quirk := false
	for _, m := range d.Models {
		quirk = quirk || strings.HasPrefix(t.Model, m.Prefix) && m.NoLogprobs
	}
	switch {
	case d.ChosenIDs:
		p.warning("%s gives log-probabilities of an answer's own tokens alone: use signal none, or a score section with an open model", d.Name)
	case d.TopLogprobs == 0 || quirk:
		p.warning("%s gives no log-probabilities for %s: use signal none, or a score section with an open model", d.Name, t.Model)
	case t.Signal.K > d.TopLogprobs:
		p.warning("%s gives at most %d log-probabilities a token, the recipe asks for %d", d.Name, d.TopLogprobs, t.Signal.K)
	case distill.SignalKind(t.Signal.Kind) == distill.Sampled:
		p.warning("no server draws a sampled signal: use topk")
	case !d.TokenIDs:
		p.warning("%s gives log-probabilities without token ids: they cannot be used as a signal", d.Name)
	}
}

// warnVocabulary compares the student's tokens with those that a distribution would be over.
func (p *planner) warnVocabulary() {
	name := p.models.Tokenizer
	if p.recipe.Train.Loss.Kind == "ce" || p.models.Vocabulary == "" || name == "" {
		return
	}
	tok, _, err := workbench.OpenTokenizer(name)
	if err != nil {
		p.warning("%s", err)
		return
	}
	if exact, err := p.models.Shares(tok); err == nil && !exact {
		what := "its distribution is carried over where the bytes of both tell how"
		if p.recipe.Train.Loss.Dense {
			what = "a teacher that runs along cannot be followed; keep a signal instead of train.loss.dense"
		}
		p.warning("the tokenizer of %s is not the teacher's: %s", name, what)
	}
}

// warnShape says when a shape was given that nobody reads.
func (p *planner) warnShape() {
	s, d := &p.recipe.Student, config.Default().Student
	if p.models.Origin == Scratch || s.Layers == d.Layers && s.Width == d.Width && s.FFN == d.FFN && s.Heads == d.Heads && s.KVHeads == d.KVHeads {
		return
	}
	p.warning("student.layers, width, ffn and heads are for a student from scratch; this one has the shape of %s: student.cut makes it smaller", p.models.Origin)
}

// warnRoom says where disk or memory will not do.
func (p *planner) warnRoom() {
	if p.DiskFree > 0 && p.DiskBytes > p.DiskFree {
		p.warning("not enough disk: about %d MB are needed, %d MB are free", p.DiskBytes>>20, p.DiskFree>>20)
	}
	if p.refusal != nil {
		p.warning("%s: the run will be refused", p.refusal)
		if e := (*hint.Error)(nil); errors.As(p.refusal, &e) {
			p.warning("%s", e.Hint)
		}
	}
	free := host.AvailableMemory()
	for _, stage := range p.Stages { // training has its own refusal
		if free > 0 && stage.Name != "train" && stage.MemoryBytes > free {
			p.warning("%s needs about %s of memory, and %s are available", stage.Name, report.Bytes(stage.MemoryBytes), report.Bytes(free))
		}
	}
}
