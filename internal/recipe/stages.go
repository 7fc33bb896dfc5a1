package recipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/progress"
)

// stage is one step of a run.
type stage struct {
	name string
	// needs names the stages whose files this one reads.
	needs []string
	// inputs returns everything the outcome depends on, apart from the files of the stage it needs.
	inputs func(*Run) (any, error)
	// do does the work, or the rest of it, and returns a digest of what it made.
	do func(context.Context, *Run, *stageState) (output string, err error)
}

// stages returns all in the order in which a run does them. Each needs the files of those it names, or of those that
// they need where the recipe does without them.
func stages() []stage {
	return []stage{
		{"grow", nil, growInputs, growPrompts},
		{"generate", []string{"grow"}, generateInputs, generate},
		{"judge", []string{"generate"}, judgeInputs, judgeRows},
		{"score", []string{"generate"}, scoreInputs, score},
		{"train", []string{"score", "judge"}, trainInputs, fit},
		{"export", []string{"train"}, exportInputs, export},
		{"eval", []string{"export"}, evalInputs, evaluate},
		{"report", []string{"eval"}, reportInputs, writeReport},
	}
}

// StageNames returns the names of the stages in their order.
func StageNames() []string {
	var names []string
	for _, s := range stages() {
		names = append(names, s.name)
	}
	return names
}

// HasStage reports whether a recipe has a stage: growing, judging and scoring are there when it says so.
func HasStage(r *config.Recipe, name string) bool {
	switch name {
	case "grow":
		return r.Prompts.Grow != nil
	case "judge":
		return len(r.Judges()) > 0
	case "score":
		return r.Score != nil
	}
	return true
}

// Do carries out the named stages in their order, all that the recipe has when none is named. A stage that is done for the
// inputs it has now is not done again.
func (r *Run) Do(ctx context.Context, names ...string) error {
	if err := r.foresee(names); err != nil {
		return err
	}
	if err := r.foreseeMemory(names); err != nil {
		return err
	}
	for _, s := range stages() {
		if len(names) > 0 && !slices.Contains(names, s.name) || !HasStage(r.Recipe, s.name) {
			continue
		}
		if err := r.do(ctx, s); err != nil {
			if ctx.Err() != nil && !errors.Is(err, ErrInterrupted) {
				err = ErrInterrupted
			}
			if strings.HasPrefix(err.Error(), s.name+": ") {
				return err // the package is named like the stage
			}
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// foreseeMemory refuses at the beginning a training that will not fit at the end.
func (r *Run) foreseeMemory(names []string) error {
	at := r.state.Stages["train"]
	if len(names) > 0 && !slices.Contains(names, "train") || at != nil && at.State == done {
		return nil
	}
	return plan.CheckMemory(r.Recipe)
}

// foresee refuses at the beginning what would fail at the end.
func (r *Run) foresee(names []string) error {
	r.reported = len(names) == 0 || slices.Contains(names, "report")
	if len(names) > 0 && !(slices.Contains(names, "generate") && slices.Contains(names, "eval")) {
		return nil
	}
	source, err := r.promptSource()
	if err != nil {
		return err
	}
	if p := r.state.Prompts; p != nil && p.Source == source && p.Heldout > 0 {
		return nil
	}
	count := 0
	for p, err := range r.sourcePrompts() {
		if err != nil {
			return err
		}
		if count++; p.Split == distill.Heldout {
			return nil
		}
	}
	return hint.Errorf("raise prompts.heldout, give more prompts, or stop before evaluation with --until export",
		"none of %d prompts is held out, so nothing could be measured", count)
}

func (r *Run) do(ctx context.Context, s stage) error {
	inputs, err := s.inputs(r)
	if err != nil {
		return err
	}
	before, err := r.needed(s)
	if err != nil {
		return err
	}
	key := digest(inputs, before)
	at := r.state.Stages[s.name]
	switch {
	case at == nil:
		at = &stageState{Started: time.Now().UTC()}
	case at.Inputs != key:
		if at.State == done {
			r.log.Info("done before, but for other inputs: doing it again", "stage", s.name)
		}
		at = &stageState{Started: time.Now().UTC()}
	case at.State == done:
		progress.Announce(r.opts.Monitor, s.name, done)
		r.log.Info("done already", "stage", s.name, "result", at.Note)
		return nil
	default:
		r.log.Info("continuing", "stage", s.name)
	}
	at.State, at.Inputs = running, key
	progress.Announce(r.opts.Monitor, s.name, running)
	r.state.Stages[s.name] = at
	if err := r.state.write(r.Dir); err != nil {
		return err
	}
	start, worked, cpu := time.Now(), at.Seconds, host.ProcessorTime()
	output, err := s.do(ctx, r, at)
	at.Seconds, at.CPU = worked+time.Since(start).Seconds(), at.CPU+(host.ProcessorTime()-cpu).Seconds()
	if err == nil {
		at.State, at.Output = done, output
		progress.Announce(r.opts.Monitor, s.name, done)
		r.log.Info("done", "stage", s.name, "result", at.Note, "took", time.Since(start).Round(time.Millisecond))
	}
	return errors.Join(err, r.state.write(r.Dir))
}

// needed returns the digest of what the stages before made.
func (r *Run) needed(s stage) (string, error) {
	var outputs []string
	for _, name := range r.needs(s) {
		before := r.state.Stages[name]
		if before == nil || before.State != done {
			return "", hint.Errorf("distill run does all stages in their order", "%s has not been done in %s", name, r.Dir)
		}
		outputs = append(outputs, before.Output)
	}
	return strings.Join(outputs, "+"), nil
}

// needs returns the stages of this recipe that s needs. For one that the recipe does without stand those that it needs.
func (r *Run) needs(s stage) []string {
	var names []string
	for _, before := range stages() {
		if !slices.Contains(s.needs, before.name) {
			continue
		}
		found := []string{before.name}
		if !HasStage(r.Recipe, before.name) {
			found = r.needs(before)
		}
		for _, name := range found {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
