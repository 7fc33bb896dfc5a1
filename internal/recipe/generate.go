package recipe

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/config"
)

// generateInputs is what the rows depend on: what is asked, of whom, and how.
func generateInputs(r *Run) (any, error) {
	prompts, err := r.preparePrompts()
	if err != nil {
		return nil, err
	}
	t := r.Recipe.Teacher
	return []any{prompts.Digest, r.teacherIdentity(), r.sampling(), t.Samples, t.HeldoutSamples}, nil
}

// generate asks the teacher every prompt that the dataset has no answer to.
func generate(ctx context.Context, r *Run, st *stageState) (string, error) {
	prompts, err := r.preparePrompts()
	if err != nil {
		return "", err
	}
	a, err := r.newAsker("generate", "teacher", &r.Recipe.Teacher, DataDir, r.eachPrompt())
	if err != nil {
		return "", err
	}
	defer a.close()
	a.finish = r.check
	have := 0
	for q, err := range r.wanted() {
		if err != nil {
			return "", err
		}
		if a.data.Has(q.id) {
			have++
		}
	}
	askErr := a.askAll(ctx, r.wanted(), r.rowsWanted(prompts), have)
	// What was answered is sealed whatever happened, so that it can be read.
	err = errors.Join(askErr, a.data.Seal())
	a.settle(st)
	if err != nil {
		return "", err
	}
	return digestOf(r.wanted(), a.data)
}

// wanted yields the rows that the recipe asks for: each prompt as often as it says for its split.
func (r *Run) wanted() questions {
	who, sampling := r.teacherIdentity(), r.sampling()
	return func(yield func(question, error) bool) {
		for p, err := range r.eachPrompt() {
			if err != nil {
				yield(question{}, err)
				return
			}
			for s := range int32(r.samplesOf(p.Split)) {
				if !yield(question{dataset.RowID(p.ID, s, who, sampling), p, s}, nil) {
					return
				}
			}
		}
	}
}

// samplesOf is how often a prompt of a split is asked.
func (r *Run) samplesOf(split distill.Split) int {
	if split == distill.Heldout {
		return r.Recipe.Teacher.HeldoutSamples
	}
	return r.Recipe.Teacher.Samples
}

// rowsWanted counts the rows that the recipe asks for.
func (r *Run) rowsWanted(p *promptState) int {
	return p.Heldout*r.samplesOf(distill.Heldout) + (p.Count-p.Heldout)*r.samplesOf(distill.Train)
}

// teacherIdentity is that of the recipe's teacher.
func (r *Run) teacherIdentity() string { return identityOf(&r.Recipe.Teacher) }

func extraText(extra map[string]any) (string, error) {
	text, err := json.Marshal(extra)
	return string(text), err
}

// sampling is the recipe's, without its seed: another seed of the run does not make paid answers worthless.
func (r *Run) sampling() distill.Sampling { return samplingOf(&r.Recipe.Teacher.Sampling) }

func samplingOf(s *config.Sampling) distill.Sampling {
	return distill.Sampling{
		Temperature: s.Temperature, TopP: s.TopP, TopK: s.TopK, MinP: s.MinP,
		RepetitionPenalty: s.RepetitionPenalty, MaxTokens: s.MaxTokens, Stop: s.Stop,
	}
}

// digestOf returns a digest of the wanted rows that are there.
func digestOf(wanted questions, data *dataset.Dataset) (string, error) {
	list := newListDigest()
	for q, err := range wanted {
		if err != nil {
			return "", err
		}
		if data.Has(q.id) {
			list.add(q.id)
		}
	}
	return list.sum(), nil
}
