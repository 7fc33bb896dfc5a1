package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
)

// setDefaults fills a section that recipes may leave out, before what the recipe says is read over it.
func (a *Asked) setDefaults() {
	*a = Asked{Concurrency: 16} // as the teacher's
}

// UnmarshalYAML reads the section over its defaults.
func (a *Asked) UnmarshalYAML(decode func(any) error) error {
	type plain Asked
	a.setDefaults()
	return decode((*plain)(a))
}

func (j *Judge) setDefaults() {
	*j = Judge{Name: "judge", Criteria: "correct, complete and clear", Min: 1, Max: 10,
		MaxTokens: 1024} // a judgement is a sentence; a judge that thinks first needs the rest
}

// UnmarshalYAML reads the section over its defaults.
func (j *Judge) UnmarshalYAML(decode func(any) error) error {
	type plain Judge
	j.setDefaults()
	return decode((*plain)(j))
}

func (g *Grow) setDefaults() {
	*g = Grow{Style: "invent",
		Shown:       6,    // few enough to leave room, enough to show a kind
		Near:        0.7,  // a third of the words is another task
		Temperature: 1,    // greedy models offer the same task again
		MaxTokens:   2048, // four tasks and some thinking
	}
}

// UnmarshalYAML reads the section over its defaults.
func (g *Grow) UnmarshalYAML(decode func(any) error) error {
	type plain Grow
	g.setDefaults()
	return decode((*plain)(g))
}

// Judges returns the sections of all verifiers that are judges.
func (r *Recipe) Judges() []*Judge {
	var all []*Judge
	for i := range r.Select.Verify {
		if v := &r.Select.Verify[i]; v.Kind == "judge" && v.Judge != nil {
			all = append(all, v.Judge)
		}
	}
	return all
}

// Asked returns a teacher's section for a model that is asked beside the teacher: by, or the run's own teacher where it is
// nil, with a sampling and a budget of its own and the teacher's patience.
func (r *Recipe) Asked(by *Asked, temperature float64, maxTokens int, budget Budget) Teacher {
	t := r.Teacher
	if by != nil {
		t = Teacher{Kind: by.Kind, Model: by.Model, Endpoint: by.Endpoint, Dialect: by.Dialect, KeyEnv: by.KeyEnv, KeyEnvs: by.KeyEnvs,
			Extra: by.Extra, Headers: by.Headers, Batch: by.Batch, BatchSize: t.BatchSize, BatchPoll: t.BatchPoll,
			Concurrency: by.Concurrency, Price: by.Price, Limits: t.Limits}
		t.Limits.RequestsPerMinute, t.Limits.TokensPerMinute = by.RequestsPerMinute, 0
	}
	t.Samples, t.HeldoutSamples, t.OnTruncated, t.Signal = 1, 1, "keep", Signal{Kind: "none"}
	t.Sampling = Sampling{Temperature: temperature, TopP: 1, RepetitionPenalty: 1, MaxTokens: maxTokens}
	t.Budget = budget
	return t
}

// weightsHere reports whether the weights whose distribution is learnt lie on this machine.
func (r *Recipe) weightsHere() bool {
	if r.Score != nil {
		return r.Score.By == nil
	}
	return r.Teacher.Kind == "local" || r.Teacher.Kind == "builtin"
}

// asked gives every section of a model that is asked beside the teacher, with its path in the document.
func (r *Recipe) asked() map[string]*Asked {
	all := map[string]*Asked{}
	if g := r.Prompts.Grow; g != nil && g.By != nil {
		all["prompts.grow.by"] = g.By
	}
	if s := r.Score; s != nil && s.By != nil {
		all["score.by"] = s.By
	}
	for i := range r.Select.Verify {
		if j := r.Select.Verify[i].Judge; j != nil && j.By != nil {
			all[fmt.Sprintf("select.verify.%d.judge.by", i)] = j.By
		}
	}
	return all
}

// askedModels checks those who are asked beside the teacher, and what for.
func (v *validation) askedModels(r *Recipe) {
	sections := r.asked()
	for _, path := range slices.Sorted(maps.Keys(sections)) {
		by := sections[path]
		t := r.Asked(by, 0, 1, Budget{})
		v.keys(path, &t)
		if by.Kind == "remote" && by.Model != "" {
			v.address(path, &t)
		} else if by.Kind != "remote" && by.Endpoint != "" {
			v.fail(path+".endpoint", "only a remote model has one", "does not belong to a %s model", by.Kind)
		}
		if by.Batch && by.Kind != "remote" {
			v.fail(path+".batch", "only a remote model has a batch endpoint", "does not belong to a %s model", by.Kind)
		}
	}
	if g := r.Prompts.Grow; g != nil {
		v.grow(r, g)
	}
	if s := r.Score; s != nil && s.By != nil {
		if s.By.Kind != "remote" {
			v.fail("score.by.kind", "leave by out to score with score.model itself", "only a server scores in another's place")
		}
		if s.By.Batch {
			v.fail("score.by.batch", "set it to false", "batches do not score")
		}
		if s.Signal.Kind == "sampled" {
			v.fail("score.signal.kind", "set it to topk", "servers give no draws from the distribution")
		}
	}
	names := map[string]bool{}
	for i := range r.Select.Verify {
		path, c := fmt.Sprintf("select.verify.%d", i), &r.Select.Verify[i]
		switch {
		case c.Kind == "judge" && c.Judge == nil:
			v.fail(path, "judge: {criteria: …, by: {kind: remote, …}}", "judge needs a judge section")
		case c.Kind != "judge" && c.Judge != nil:
			v.fail(path+".judge", "set kind to judge", "does not belong to the check %q", c.Kind)
		case c.Judge != nil:
			v.judge(r, path+".judge", c.Judge)
			if names[c.Judge.Name] {
				v.fail(path+".judge.name", "give each judge a name", "two judges are called %q", c.Judge.Name)
			}
			names[c.Judge.Name] = true
		}
	}
}

func (v *validation) judge(r *Recipe, path string, j *Judge) {
	if j.By == nil && r.Teacher.Kind == "reference" {
		v.fail(path, "say in judge.by who judges", "the book of solutions cannot judge")
	}
	if strings.TrimSpace(j.Name) == "" {
		v.fail(path+".name", "", "must be given")
	}
	if !(j.Min < j.Max) {
		v.fail(path+".min", "", "is not below max: %v and %v", j.Min, j.Max)
	} else if j.Pass != 0 && (j.Pass < j.Min || j.Pass > j.Max) {
		v.fail(path+".pass", "", "lies outside the scale from %v to %v: %v", j.Min, j.Max, j.Pass)
	}
	if _, err := template.New("").Parse(j.Template); err != nil {
		v.fail(path+".template", "fields are .Prompt, .Reference, .Response, .Criteria, .Min and .Max", "%s", strings.TrimPrefix(err.Error(), "template: :1: "))
	}
}

func (v *validation) grow(r *Recipe, g *Grow) {
	if g.By == nil && r.Teacher.Kind == "reference" {
		v.fail("prompts.grow", "say in prompts.grow.by who makes them", "the book of solutions knows no other tasks")
	}
	if r.Teacher.Kind == "reference" {
		v.fail("prompts.grow", "use a teacher that can answer them", "grown prompts have no solution that a reference teacher could give")
	}
	if g.By != nil && g.By.Batch {
		v.fail("prompts.grow.by.batch", "set it to false", "each round of questions builds on the one before, and a batch takes up to a day")
	}
}
