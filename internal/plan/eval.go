package plan

import "github.com/seed-d24fde5f/distill/internal/workbench"

// speedSeconds is about what timing one model takes in evaluation.
const speedSeconds = 0.5

// Eval is what evaluation will take.
type Eval struct {
	Prompts int `json:"prompts"` // held-out ones that are answered
	Models  int `json:"models"`  // of the student's shape, each of which answers all of them
	// Seconds is the time if each model wrote one answer after another and then read as much; in truth many are written at
	// once, but large models also have to be loaded. 0 where decoding was not timed.
	Seconds float64 `json:"seconds"`
}

// planEval estimates the time of evaluation from the speed of decoding here. A teacher on this machine is counted with the
// time its answers took.
func (p *planner) planEval() {
	recipe := &p.recipe.Eval
	e := &p.Eval
	e.Prompts, e.Models = p.Heldout, 2+len(p.Exports)+p.recipe.Train.Seeds-1
	if recipe.Prompts > 0 {
		e.Prompts = min(e.Prompts, recipe.Prompts)
	}
	if p.recipe.Train.Control != "none" {
		e.Models++
	}
	slowest := 0.0
	for _, x := range p.Exports {
		if speed := x.DecodePerS[Here]; speed > 0 && (slowest == 0 || speed < slowest) {
			slowest = speed
		}
	}
	if slowest == 0 {
		return
	}
	e.Seconds = 2 * float64(e.Models) * float64(e.Prompts) * p.Generate.AnswerTokens.Likely / slowest
	if s := p.Generate.Seconds; s != nil && p.models.Teacher != "" && p.Generate.Calls > 0 {
		e.Seconds += 2 * s.Likely * float64(e.Prompts) / float64(p.Generate.Calls)
	}
	if recipe.Speed {
		e.Seconds += speedSeconds * float64(e.Models+1)
	}
}

// evalBytes is the memory of evaluation, in which all models are open: the student before and after training, and each file.
func (p *planner) evalBytes() int64 {
	bytes := int64(processBytes) + 4*int64(p.shape.Params())*int64(p.Eval.Models-len(p.Exports))
	for _, e := range p.Exports {
		bytes += e.Bytes
	}
	if name := p.models.Teacher; name != "" {
		if m, err := workbench.Open(name); err == nil { // else evaluation does without
			bytes += m.Bytes()
			m.Close()
		}
	}
	length := min(p.shape.Context, EvalContext, p.recipe.Eval.MaxTokens+256)
	return bytes + EvalSlots*cacheBytes(p.shape, length)
}
