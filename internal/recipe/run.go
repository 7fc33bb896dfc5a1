package recipe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// The files of a run directory.
const (
	RecipeFile  = "recipe.yaml"
	PromptsFile = "prompts.arrow"
	GrownFile   = "grown.arrow" // prompts that were grown out of the recipe's
	DataDir     = "data"
	JudgedDir   = "judged" // a folder for each judge: what it said
	ScoredDir   = "scored"
	TrainDir    = "train"
	ExportDir   = workbench.ExportDir
	EvalDir     = "eval"
	stateFile   = "run.json"
	lockFile    = ".lock"
)

// Options of a run that are no part of its recipe: they do not change its result.
type Options struct {
	Threads int // for arithmetic; 0 for all there are
	Fresh   bool
	Monitor progress.Monitor // nil for Silent
	Log     *slog.Logger     // nil for none
	Program string           // name and version, for run.json and the report
	Again   []string         // what to type to do it again, for the report
	Machine report.Machine
}

// Run is a recipe at work in its directory.
type Run struct {
	Recipe *config.Recipe
	Dir    string

	models plan.Models // that the recipe names
	opts   Options
	log    *slog.Logger
	state  *State
	lock   *os.File

	along *student.Teacher // that runs along in training, or nil

	reported bool // a report is among what was asked for

	checks checks
	judges []*grader // made once
}

// Open makes or continues the run directory dir and takes it for this process. With Options.Fresh what is there is set
// aside, under a name that says when; nothing is deleted.
func Open(r *config.Recipe, dir string, opts Options) (*Run, error) {
	if opts.Monitor == nil {
		opts.Monitor = progress.Silent
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Fresh {
		if err := setAside(dir, opts.Log); err != nil {
			return nil, fmt.Errorf("run: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	held, err := lock(dir)
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	run := &Run{Recipe: r, Dir: dir, models: plan.ModelsOf(r), opts: opts, log: opts.Log, lock: held}
	if err := run.begin(); err != nil {
		held.Close()
		return nil, fmt.Errorf("run: %w", err)
	}
	return run, nil
}

// Preview is a run that is only looked at: nothing is written and nothing is held, so that it can be planned while another
// process works on it.
func Preview(r *config.Recipe, dir string, opts Options) *Run {
	if opts.Monitor == nil {
		opts.Monitor = progress.Silent
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Run{Recipe: r, Dir: dir, models: plan.ModelsOf(r), opts: opts, log: opts.Log, state: &State{Stages: map[string]*StageState{}}}
}

// begin reads what was done before, says what the recipe changes about it, and writes the resolved recipe.
func (r *Run) begin() error {
	var err error
	if r.state, err = readState(r.Dir); err != nil {
		return err
	}
	path := filepath.Join(r.Dir, RecipeFile)
	if old, err := os.ReadFile(path); err == nil {
		if before, err := config.Parse(path, "", old, nil); err == nil {
			for _, change := range config.Diff(before, r.Recipe) {
				r.log.Info("the recipe has changed since the last run", "field", change.Path, "was", change.From, "is", change.To)
			}
		}
	}
	text, err := config.Marshal(r.Recipe)
	if err != nil {
		return err
	}
	header := "# The resolved recipe of this run: every default filled in.\n"
	if err := durable.WriteFile(path, append([]byte(header), text...)); err != nil {
		return err
	}
	r.state.Name, r.state.Program, r.state.Seed, r.state.Machine = r.Recipe.Name, r.opts.Program, r.Recipe.Seed, r.opts.Machine
	return r.state.write(r.Dir)
}

// Close gives the run directory back.
func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	return r.lock.Close()
}

// lock takes a run directory for this process.
func lock(dir string) (*os.File, error) {
	held, err := durable.Lock(filepath.Join(dir, lockFile))
	if errors.Is(err, durable.ErrLocked) {
		return nil, hint.Errorf("wait for it, or give this one another --dir", "%s: another process is running there", dir)
	}
	return held, err
}

// path returns a path within the run directory.
func (r *Run) path(elem ...string) string { return filepath.Join(append([]string{r.Dir}, elem...)...) }

// setAside renames a run directory that has something in it.
func setAside(dir string, log *slog.Logger) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == stateFile }) {
		return hint.Errorf("choose another --dir", "%s is not empty and no run directory", dir)
	}
	aside := strings.TrimRight(dir, `/\`) + time.Now().Format(".20060102-150405")
	log.Info("the old run was set aside", "as", aside)
	return os.Rename(dir, aside)
}

// stage is one step of a run.
type stage struct {
	name string
	// needs names the stages whose files this one reads.
	needs []string
	// inputs returns everything the outcome depends on, apart from the files of the stage it needs.
	inputs func(*Run) (any, error)
	// do does the work, or the rest of it, and returns a digest of what it made.
	do func(context.Context, *Run, *StageState) (output string, err error)
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
		at = &StageState{Started: time.Now().UTC()}
	case at.Inputs != key:
		if at.State == done {
			r.log.Info("done before, but for other inputs: doing it again", "stage", s.name)
		}
		at = &StageState{Started: time.Now().UTC()}
	case at.State == done:
		announce(r.opts.Monitor, s.name, done)
		r.log.Info("done already", "stage", s.name, "result", at.Note)
		return nil
	default:
		r.log.Info("continuing", "stage", s.name)
	}
	at.State, at.Inputs = running, key
	announce(r.opts.Monitor, s.name, running)
	r.state.Stages[s.name] = at
	if err := r.state.write(r.Dir); err != nil {
		return err
	}
	start, worked, cpu := time.Now(), at.Seconds, host.ProcessorTime()
	output, err := s.do(ctx, r, at)
	at.Seconds, at.CPU = worked+time.Since(start).Seconds(), at.CPU+(host.ProcessorTime()-cpu).Seconds()
	if err == nil {
		at.State, at.Output = done, output
		announce(r.opts.Monitor, s.name, done)
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

// Stages returns how each stage that was begun has gone, in order.
func (r *Run) Stages() []report.Stage {
	var all []report.Stage
	for _, s := range stages() {
		if at := r.state.Stages[s.name]; at != nil {
			all = append(all, report.Stage{Name: s.name, State: at.State, Seconds: at.Seconds, CPUSeconds: at.CPU, Calls: at.Calls, Tokens: at.Tokens, CostUSD: at.CostUSD, Note: at.Note})
		}
	}
	return all
}

// Report returns the report that Do has made or found up to date, or nil where it was not asked for one.
func (r *Run) Report() *report.Report {
	if !r.reported {
		return nil
	}
	if at := r.state.Stages["report"]; at == nil || at.State != done {
		return nil
	}
	rep, err := report.Read(r.Dir)
	if err != nil {
		r.log.Warn("the report cannot be read", "error", err)
		return nil
	}
	return rep
}
