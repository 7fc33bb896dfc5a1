package recipe

import (
	"fmt"
	"os"

	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// StagePlan is what one stage will take of time and memory.
type StagePlan struct {
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
func (p *Plan) planStages(r *Run, cfg model.Config, known *measured) error {
	add := func(name string, memory int64, seconds *Span, basis string, args ...any) {
		if HasStage(r.Recipe, name) {
			p.Stages = append(p.Stages, StagePlan{Name: name, Seconds: seconds, MemoryBytes: memory, Basis: fmt.Sprintf(basis, args...)})
		}
	}
	teacherBytes, err := r.askingBytes(&r.Recipe.Teacher)
	if err != nil {
		return err
	}
	for _, name := range []string{"grow", "generate", "judge", "score"} {
		switch name {
		case "generate":
			add(name, teacherBytes, p.Generate.Seconds, "%s", p.generateBasis(r))
		case "grow", "judge":
			seconds, basis, err := p.askedSeconds(r, name, known)
			if err != nil {
				return err
			}
			add(name, processBytes, seconds, "%s", basis)
		case "score":
			seconds, memory, basis, err := p.scoring(r, cfg, known)
			if err != nil {
				return err
			}
			add(name, memory, seconds, "%s", basis)
		}
	}
	t := &p.Train
	recomputed := ""
	if t.Recompute {
		recomputed = ", with activations computed again in the backward pass"
	}
	if t.TokensPerS > 0 {
		add("train", t.MemoryBytes+processBytes, about(t.Seconds), "%d steps, %s tokens at %.0f tokens/s, measured here%s", t.Steps, report.Count(t.Tokens), t.TokensPerS, recomputed)
	} else {
		add("train", t.MemoryBytes+processBytes, nil, "%d steps, %s tokens; no step was timed%s", t.Steps, report.Count(t.Tokens), recomputed)
	}
	add("export", processBytes+5*int64(cfg.Params()), about(max(0.1, float64(cfg.Params())*float64(len(p.Exports))/quantizedPerS)), "%d files", len(p.Exports))
	e := &p.Eval
	if e.Seconds > 0 {
		add("eval", p.evalBytes(r, cfg), about(e.Seconds), "%d models on %d held-out prompts", e.Models, e.Prompts)
	} else {
		add("eval", p.evalBytes(r, cfg), nil, "%d models on %d held-out prompts; decoding was not timed", e.Models, e.Prompts)
	}
	add("report", processBytes, about(reportSeconds), "")
	p.sumStages()
	return nil
}

// about is an estimate whose error is not known.
func about(seconds float64) *Span { return &Span{seconds, seconds, seconds} }

// sumStages adds the stages up: times that are known, and the greatest memory.
func (p *Plan) sumStages() {
	for _, s := range p.Stages {
		p.PeakBytes = max(p.PeakBytes, s.MemoryBytes)
		if s.Seconds == nil {
			p.Unknown = append(p.Unknown, s.Name)
			continue
		}
		p.Seconds.Low += s.Seconds.Low
		p.Seconds.Likely += s.Seconds.Likely
		p.Seconds.High += s.Seconds.High
	}
}

// generateBasis says where the time of generation comes from.
func (p *Plan) generateBasis(r *Run) string {
	g := &p.Generate
	switch {
	case g.Calls == 0:
		return "all rows are there"
	case r.Recipe.Teacher.Batch:
		return "batches come within a day, whatever their size"
	case g.Seconds == nil:
		return "--pilot 5 measures it"
	case g.Tried > 0:
		return fmt.Sprintf("%d calls; %d were tried now, for nothing, and not kept", g.Calls, g.Tried)
	}
	return fmt.Sprintf("%d calls, %d at a time, as long as %d answers took", g.Calls, r.Recipe.Teacher.Concurrency, g.Measured)
}

// askedSeconds estimates the time of those who are asked beside the teacher: as long as their own replies took so far, or
// else by the teacher's pace where they are the same model.
func (p *Plan) askedSeconds(r *Run, stage string, known *measured) (*Span, string, error) {
	total, calls := Span{}, 0
	for i := range p.Asked {
		a := &p.Asked[i]
		if (a.Purpose == "grow") != (stage == "grow") {
			continue
		}
		perToken, err := p.pace(r, a, known)
		if err != nil {
			return nil, "", err
		}
		if perToken == 0 && a.Calls > 0 {
			return nil, fmt.Sprintf("%d calls; the first replies will tell", a.Calls), nil
		}
		s := a.CompletionTokens.times(perToken / float64(max(1, a.concurrency)))
		total = Span{total.Low + s.Low, total.Likely + s.Likely, total.High + s.High}
		calls += a.Calls
	}
	return &total, fmt.Sprintf("%d calls", calls), nil
}

// pace returns the seconds that a token of a reply takes, 0 where nothing is known.
func (p *Plan) pace(r *Run, a *AskedPlan, known *measured) (float64, error) {
	if _, err := os.Stat(r.path(a.dir)); err == nil {
		data, err := dataset.Open(r.path(a.dir), dataset.Options{ReadOnly: true})
		if err != nil {
			return 0, err
		}
		defer data.Close()
		var seconds, tokens float64
		for row, err := range data.Rows() {
			if err != nil {
				return 0, err
			}
			seconds, tokens = seconds+row.Latency.Seconds(), tokens+float64(row.CompletionTokens)
		}
		if tokens > 0 {
			return seconds / tokens, nil
		}
	}
	if a.Model == r.Recipe.Teacher.Model && known.answer.sum > 0 {
		return known.latency.sum / known.answer.sum, nil
	}
	return 0, nil
}

// scoring estimates the stage in which an open model reads the answers: a pass forward over them, where it runs here.
func (p *Plan) scoring(r *Run, cfg model.Config, known *measured) (seconds *Span, memory int64, basis string, err error) {
	s := r.Recipe.Score
	if s == nil || s.By != nil {
		return nil, processBytes, "a server reads them; the first will tell", nil
	}
	m, err := workbench.Open(s.Model)
	if err != nil {
		return nil, 0, "", err
	}
	defer m.Close()
	length := min(m.Context, r.sequence(&r.Recipe.Train, cfg))
	memory = processBytes + m.Bytes() + 4*cacheBytes(m.Config, length)
	if p.Train.TokensPerS == 0 {
		return nil, memory, "no step was timed", nil
	}
	g := &p.Generate
	tokens := g.PromptTokens.Likely + g.CompletionTokens.Likely + known.prompt.sum*float64(known.rows)/max(1, known.prompt.n) + known.answer.sum*float64(known.rows)/max(1, known.answer.n)
	perToken := student.FLOPs(m.Config, length) / 3 / student.FLOPs(cfg, length) / p.Train.TokensPerS
	return about(tokens * perToken), memory, fmt.Sprintf("%s tokens read by %s", report.Count(int64(tokens)), s.Model), nil
}

// askingBytes is the memory of asking a teacher: its weights and caches, where it runs here.
func (r *Run) askingBytes(t *config.Teacher) (int64, error) {
	if t.Kind != "local" && t.Kind != "builtin" {
		return processBytes, nil
	}
	m, err := workbench.Open(builtinName(t))
	if err != nil {
		return 0, err
	}
	defer m.Close()
	length := min(m.Context, t.Sampling.MaxTokens+256)
	return processBytes + m.Bytes() + int64(r.localOptions(t).Slots)*cacheBytes(m.Config, length), nil
}

// slotsOfEval is how many prompts are answered at once in evaluation.
const slotsOfEval = 32

// evalBytes is the memory of evaluation, in which all models are open: the student before and after training, and each file.
func (p *Plan) evalBytes(r *Run, cfg model.Config) int64 {
	bytes := int64(processBytes) + 4*int64(cfg.Params())*int64(p.Eval.Models-len(p.Exports))
	for _, e := range p.Exports {
		bytes += e.Bytes
	}
	length := min(cfg.Context, longestEvaluated, r.Recipe.Eval.MaxTokens+256)
	if name := r.teacherModel(); name != "" {
		if m, err := workbench.Open(name); err == nil { // else evaluation does without
			bytes += m.Bytes()
			m.Close()
		}
	}
	return bytes + slotsOfEval*cacheBytes(cfg, length)
}
