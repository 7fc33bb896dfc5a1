package recipe

// speedSeconds is about what timing one model takes in evaluation.
const speedSeconds = 0.5

// EvalPlan is what evaluation will take.
type EvalPlan struct {
	Prompts int `json:"prompts"` // held-out ones that are answered
	Models  int `json:"models"`  // of the student's shape, each of which answers all of them
	// Seconds is the time if each model wrote one answer after another and then read as much; in truth many are written at
	// once, but large models also have to be loaded. 0 where decoding was not timed.
	Seconds float64 `json:"seconds"`
}

// planEval estimates the time of evaluation from the speed of decoding here. A teacher on this machine is counted with the
// time its answers took.
func (p *Plan) planEval(r *Run) {
	e := &r.Recipe.Eval
	plan := EvalPlan{Prompts: p.Heldout, Models: 2 + len(p.Exports) + r.Recipe.Train.Seeds - 1}
	if e.Prompts > 0 {
		plan.Prompts = min(plan.Prompts, e.Prompts)
	}
	if r.Recipe.Train.Control != "none" {
		plan.Models++
	}
	slowest := 0.0
	for _, x := range p.Exports {
		if speed := x.DecodePerS[Here]; speed > 0 && (slowest == 0 || speed < slowest) {
			slowest = speed
		}
	}
	if slowest > 0 {
		plan.Seconds = 2 * float64(plan.Models) * float64(plan.Prompts) * p.Generate.AnswerTokens.Likely / slowest
		if s := p.Generate.Seconds; s != nil && r.teacherModel() != "" && p.Generate.Calls > 0 {
			plan.Seconds += 2 * s.Likely * float64(plan.Prompts) / float64(p.Generate.Calls)
		}
		if e.Speed {
			plan.Seconds += speedSeconds * float64(plan.Models+1)
		}
	}
	p.Eval = plan
}
