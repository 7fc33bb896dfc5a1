package plan

import (
	"fmt"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// Stage is what one stage will take of time and memory.
type Stage struct {
	Name        string `json:"name"`
	Seconds     *Span  `json:"seconds,omitempty"` // nil where nothing is known yet
	MemoryBytes int64  `json:"memory_bytes"`      // of the process at its peak
	Basis       string `json:"basis"`             // where the time comes from, or what would tell it
}

const (
	// processBytes is what the program takes by itself, with the prompts and rows that pass through it.
	processBytes = 60e6
	// quantizedPerS is about how many weights a second are written in one format, where that was not timed.
	quantizedPerS = 20e6
	// reportSeconds is about what the report takes.
	reportSeconds = 1
)

// planStages gathers what each stage of the recipe will take, once the parts have been planned.
func (p *planner) planStages() error {
	if p.recipe.Prompts.Grow != nil {
		seconds, basis := p.askedSeconds("grow")
		p.stage("grow", processBytes, seconds, basis)
	}
	memory, err := teacherBytes(&p.recipe.Teacher)
	if err != nil {
		return err
	}
	p.stage("generate", memory, p.Generate.Seconds, p.Generate.basis(p))
	if len(p.recipe.Judges()) > 0 {
		seconds, basis := p.askedSeconds("judge")
		p.stage("judge", processBytes, seconds, basis)
	}
	if s := p.recipe.Score; s != nil {
		if err := p.planScore(s); err != nil {
			return err
		}
	}
	p.stageTrain()
	weights := float64(p.shape.Params()) * float64(len(p.Exports))
	p.stage("export", processBytes+5*int64(p.shape.Params()), about(max(0.1, weights/quantizedPerS)), fmt.Sprintf("%d files", len(p.Exports)))
	p.stageEval()
	p.stage("report", processBytes, about(reportSeconds), "")
	return nil
}

// stage adds a stage to the plan and to its sums: times that are known, and the greatest memory.
func (p *planner) stage(name string, memory int64, seconds *Span, basis string) {
	p.Stages = append(p.Stages, Stage{Name: name, Seconds: seconds, MemoryBytes: memory, Basis: basis})
	p.PeakBytes = max(p.PeakBytes, memory)
	if seconds == nil {
		p.Unknown = append(p.Unknown, name)
		return
	}
	p.Seconds = p.Seconds.plus(*seconds)
}

func (p *planner) stageTrain() {
	t := &p.Train
	var seconds *Span
	basis := fmt.Sprintf("%d steps, %s tokens; no step was timed", t.Steps, report.Count(t.Tokens))
	if t.TokensPerS > 0 {
		seconds, basis = about(t.Seconds), fmt.Sprintf("%d steps, %s tokens at %.0f tokens/s, measured here", t.Steps, report.Count(t.Tokens), t.TokensPerS)
	}
	if t.Recompute {
		basis += ", with activations computed again in the backward pass"
	}
	p.stage("train", t.MemoryBytes+processBytes, seconds, basis)
}

func (p *planner) stageEval() {
	e := &p.Eval
	var seconds *Span
	basis := fmt.Sprintf("%d models on %d held-out prompts", e.Models, e.Prompts)
	if e.Seconds > 0 {
		seconds = about(e.Seconds)
	} else {
		basis += "; decoding was not timed"
	}
	p.stage("eval", p.evalBytes(), seconds, basis)
}

// planScore estimates the stage in which an open model reads the answers: a pass forward over them, where it runs here.
func (p *planner) planScore(s *config.Score) error {
	if s.By != nil {
		p.stage("score", processBytes, nil, "a server reads them; the first will tell")
		return nil
	}
	m, err := workbench.Open(s.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	length := min(m.Context, p.recipe.Train.Sequence(p.shape.Context))
	memory := processBytes + m.Bytes() + 4*cacheBytes(m.Config, length)
	if p.Train.TokensPerS == 0 {
		p.stage("score", memory, nil, "no step was timed")
		return nil
	}
	g, known := &p.Generate, &p.known.Answers
	tokens := g.PromptTokens.Likely + g.CompletionTokens.Likely
	for _, m := range []*Mean{&known.Prompt, &known.Answer} {
		tokens += m.Sum * float64(known.Rows) / max(1, m.N)
	}
	perToken := student.FLOPs(m.Config, length) / 3 / student.FLOPs(p.shape, length) / p.Train.TokensPerS
	p.stage("score", memory, about(tokens*perToken), fmt.Sprintf("%s tokens read by %s", report.Count(int64(tokens)), s.Model))
	return nil
}

// teacherBytes is the memory of asking a teacher: its weights and caches, where it runs here.
func teacherBytes(t *config.Teacher) (int64, error) {
	if t.Kind != "local" && t.Kind != "builtin" {
		return processBytes, nil
	}
	m, err := workbench.Open(ModelOf(t))
	if err != nil {
		return 0, err
	}
	defer m.Close()
	length := min(m.Context, t.Sampling.MaxTokens+256)
	return processBytes + m.Bytes() + int64(TeacherSlots(t))*cacheBytes(m.Config, length), nil
}
