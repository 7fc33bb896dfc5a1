package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/convert"
	"github.com/seed-d24fde5f/distill/dataset/prompt"
	"github.com/seed-d24fde5f/distill/internal/problem"
)

// generateInputs is what the rows depend on: what is asked, of whom, and how.
func generateInputs(r *Run) (any, error) {
	prompts, err := r.makePrompts()
	if err != nil {
		return nil, err
	}
	t := r.Recipe.Teacher
	return []any{digest(prompts), r.teacherIdentity(), r.sampling(), t.Samples, t.HeldoutSamples}, nil
}

// makePrompts returns the recipe's prompts in order, held-out ones marked.
func (r *Run) makePrompts() ([]distill.Prompt, error) {
	if r.prompts != nil {
		return r.prompts, nil
	}
	var err error
	p := &r.Recipe.Prompts
	options := prompt.Options{Template: p.Template, System: p.System, ID: p.ID, Heldout: p.Heldout, Limit: p.Limit}
	if ref := p.Reference; ref != nil {
		options.Reference = &prompt.Reference{Field: ref.Field, After: ref.After, Pattern: ref.Pattern}
	}
	switch {
	case p.File != "":
		r.prompts, err = prompt.Collect(prompt.File(p.File, options))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, inputErrorf("--set prompts.file=PATH names another", "prompts: %w", err)
		}
	case p.Problems != nil:
		r.prompts, err = r.problems()
	default:
		r.prompts, err = prompt.List(p.List, options)
	}
	if err != nil {
		return nil, &InputError{Err: fmt.Errorf("prompts: %w", err)}
	}
	if len(r.prompts) == 0 {
		return nil, inputErrorf("", "prompts: there are none")
	}
	return r.prompts, nil
}

// savePrompts writes prompts.arrow: the prompts as rows without an answer, so that whatever reads rows reads them.
func (r *Run) savePrompts(prompts []distill.Prompt) error {
	path := r.path(PromptsFile)
	tmp := r.path("." + PromptsFile)
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	_, err := convert.Write(tmp, convert.Arrow, func(yield func(distill.Row, error) bool) {
		for _, p := range prompts {
			if !yield(distill.Row{ID: p.ID, Prompt: p}, nil) {
				return
			}
		}
	}, convert.Options{})
	if err != nil {
		return fmt.Errorf("prompts: %w", err)
	}
	return os.Rename(tmp, path)
}

// problems makes the recipe's word problems, of both splits in the share that the recipe holds out.
func (r *Run) problems() ([]distill.Prompt, error) {
	p := r.Recipe.Prompts.Problems
	count := p.Count
	if limit := r.Recipe.Prompts.Limit; limit > 0 {
		count = min(count, limit)
	}
	made, err := problem.Generate(count, problem.Options{
		Seed: r.Recipe.Seed, MinSteps: p.MinSteps, MaxSteps: p.MaxSteps, HeldoutShare: r.Recipe.Prompts.Heldout,
	})
	if err != nil {
		return nil, err
	}
	prompts := make([]distill.Prompt, len(made))
	for i, m := range made {
		prompts[i] = m.Prompt()
		if s := r.Recipe.Prompts.System; s != "" {
			prompts[i].Messages = append([]distill.Message{{Role: distill.RoleSystem, Content: s}}, prompts[i].Messages...)
		}
	}
	return prompts, nil
}
