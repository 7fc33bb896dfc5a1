package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// ErrInterrupted says that the context ended; what was done is kept and the same call continues.
var ErrInterrupted = errors.New("interrupted")

// ErrGate says that the run is finished and a gate of the recipe does not hold.
var ErrGate = errors.New("a quality gate failed")

// The files of a run directory.
const (
	recipeFile  = "recipe.yaml"
	promptsFile = "prompts.arrow"
	grownFile   = "grown.arrow" // prompts that were grown out of the recipe's
	DataDir     = "data"
	judgedDir   = "judged" // a folder for each judge: what it said
	scoredDir   = "scored"
	trainDir    = "train"
	ExportDir   = workbench.ExportDir
	evalDir     = "eval"
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
	state  *runState
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
	return &Run{Recipe: r, Dir: dir, models: plan.ModelsOf(r), opts: opts, log: opts.Log, state: &runState{Stages: map[string]*stageState{}}}
}

// begin reads what was done before, says what the recipe changes about it, and writes the resolved recipe.
func (r *Run) begin() error {
	var err error
	if r.state, err = readState(r.Dir); err != nil {
		return err
	}
	path := filepath.Join(r.Dir, recipeFile)
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
