package plan

import (
	"context"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/device"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/model"
)

// Plan is what a recipe will take, told before anything is spent.
type Plan struct {
	Name       string          `json:"name"`
	Prompts    int             `json:"prompts"`
	Heldout    int             `json:"heldout"`
	Generate   Generate        `json:"generate"`
	Asked      []Asked         `json:"asked"` // models beside the teacher, in the order in which they are asked
	Train      Train           `json:"train"`
	Exports    []Export        `json:"exports"`
	Eval       Eval            `json:"eval"`
	Stages     []Stage         `json:"stages"`                   // that the recipe has, in their order
	Seconds    Span            `json:"seconds"`                  // of all stages whose time is known
	Unknown    []string        `json:"unknown_stages,omitempty"` // those whose time is not
	PeakBytes  int64           `json:"peak_memory_bytes"`        // of the stage that takes most
	DiskBytes  int64           `json:"disk_bytes"`
	DiskFree   int64           `json:"disk_free_bytes"` // 0 where the system does not tell
	Warnings   []string        `json:"warnings"`
	Devices    []device.Device `json:"devices"`
	Student    Student         `json:"student"`
	PilotCalls int             `json:"pilot_calls"`
}

// Student is the student's shape in numbers.
type Student struct {
	Parameters int `json:"parameters"`
	Vocabulary int `json:"vocabulary"`
}

// Options say how a plan is made.
type Options struct {
	Dir      string // that the run is in, or will be
	Threads  int    // for what is timed; 0 for all there are
	Program  string // name and version, for what is measured
	NoBench  bool   // do not time a training step, nor decoding
	Measured []device.Measurement
}

// planner makes a plan.
type planner struct {
	Plan
	recipe *config.Recipe
	models Models
	known  Known
	opts   Options

	shape   model.Config // of the student
	refusal error        // training will not fit
}

// New estimates what carrying a recipe out will take, beyond what is known to be done.
func New(ctx context.Context, recipe *config.Recipe, known Known, o Options) (*Plan, error) {
	p := &planner{recipe: recipe, models: ModelsOf(recipe), known: known, opts: o}
	p.Plan = Plan{Name: recipe.Name, Prompts: known.Prompts, Heldout: known.Heldout, PilotCalls: known.PilotCalls,
		Devices: device.With(o.Measured), Warnings: []string{}, Asked: []Asked{}}
	p.planAsking()
	var err error
	if p.shape, err = p.models.Shape(recipe); err != nil {
		return nil, err
	}
	p.Student = Student{p.shape.Params(), p.shape.Vocab}
	if err := p.planTrain(ctx); err != nil {
		return nil, err
	}
	if err := p.planExports(); err != nil {
		return nil, err
	}
	if !o.NoBench {
		if err := p.measureHere(ctx); err != nil {
			return nil, err
		}
	}
	p.planEval()
	if err := p.planStages(); err != nil {
		return nil, err
	}
	p.DiskBytes += p.Generate.Bytes + p.Train.Checkpoints
	p.DiskFree = host.FreeDisk(o.Dir)
	p.warn()
	return &p.Plan, nil
}

// Known is what a run directory knows of its recipe: what there is to ask, and what was answered so far.
type Known struct {
	Prompts, Heldout int
	Answers          Answers
	Tried            int // answers that were measured for this plan alone, by a teacher that runs here
	PilotCalls       int // questions that were asked just now, and whose answers are kept
	Grow             Growth
	Judges           []Judge
}

// Answers are what a recipe wants of its teacher, and what is there.
type Answers struct {
	Wanted, Rows   int     // in all, and that are there
	QuestionBytes  int     // of all questions
	Prompt, Answer Mean    // tokens of those that are there
	Seconds        Mean    // that each took
	RowBytes       float64 // of a row on disk; 0 where there is none
}

// Ledger is what a model that is asked beside the teacher has said so far.
type Ledger struct {
	Replies         int
	SecondsPerToken float64 // 0 where there is no reply
}

// Growth is how far the growing of prompts has come.
type Growth struct {
	Ledger
	By      config.Teacher // who is asked
	Missing int            // prompts still to be grown
}

// Judge is how far one judge has come.
type Judge struct {
	Ledger
	Name        string
	By          config.Teacher // who is asked
	RubricBytes int            // of a question without the answer that it is about
	Passing     float64        // share of the answers so far that other checks let pass; 1 where there is none
}
