package recipe

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/device"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// Plan is what a recipe will take, told before anything is spent.
type Plan struct {
	Name       string          `json:"name"`
	Prompts    int             `json:"prompts"`
	Heldout    int             `json:"heldout"`
	Generate   GeneratePlan    `json:"generate"`
	Asked      []AskedPlan     `json:"asked"` // models beside the teacher, in the order in which they are asked
	Train      TrainPlan       `json:"train"`
	Exports    []ExportPlan    `json:"exports"`
	Eval       EvalPlan        `json:"eval"`
	Stages     []StagePlan     `json:"stages"`                   // that the recipe has, in their order
	Seconds    Span            `json:"seconds"`                  // of all stages whose time is known
	Unknown    []string        `json:"unknown_stages,omitempty"` // those whose time is not
	PeakBytes  int64           `json:"peak_memory_bytes"`        // of the stage that takes most
	DiskBytes  int64           `json:"disk_bytes"`
	DiskFree   int64           `json:"disk_free_bytes"` // 0 where the system does not tell
	Warnings   []string        `json:"warnings"`
	Devices    []device.Device `json:"devices"`
	Student    StudentSummary  `json:"student"`
	PilotCalls int             `json:"pilot_calls"`

	refusal error // training will not fit
}

// StudentSummary is the student's shape in numbers.
type StudentSummary struct {
	Parameters int `json:"parameters"`
	Vocabulary int `json:"vocabulary"`
}

// Span is an estimate with what it may lie between: two standard errors of the mean where answers were measured, half and
// double where nothing was.
type Span struct {
	Low    float64 `json:"low"`
	Likely float64 `json:"likely"`
	High   float64 `json:"high"`
}

func (s Span) times(f float64) Span { return Span{s.Low * f, s.Likely * f, s.High * f} }

// GeneratePlan is what the teacher will be asked.
type GeneratePlan struct {
	Rows             int     `json:"rows"`  // wanted in all
	Calls            int     `json:"calls"` // still to be asked
	Measured         int     `json:"measured_answers"`
	Tried            int     `json:"tried_answers,omitempty"` // by a teacher that runs here, for this plan alone
	PromptTokens     Span    `json:"prompt_tokens"`           // of the calls, in all
	CompletionTokens Span    `json:"completion_tokens"`
	AnswerTokens     Span    `json:"answer_tokens"`     // of one answer
	USD              *Span   `json:"usd,omitempty"`     // nil when no price is known
	MostUSD          float64 `json:"most_usd"`          // every answer as long as it may be; 0 when no price is known
	PriceSource      string  `json:"price_source"`      //
	Seconds          *Span   `json:"seconds,omitempty"` // nil before an answer was measured
	Bytes            int64   `json:"bytes"`
}

// TrainPlan is what training will take.
type TrainPlan struct {
	Examples     int               `json:"examples"`
	Steps        int               `json:"steps"`
	Tokens       int64             `json:"tokens"`
	TokensPerS   float64           `json:"tokens_per_s"` // measured on this machine, at this shape
	Seconds      float64           `json:"seconds"`
	MemoryBytes  int64             `json:"memory_bytes"`
	Footprint    student.Footprint `json:"footprint"`
	Recompute    bool              `json:"recompute"`              // activations are computed again in the backward pass
	Beside       int64             `json:"beside_bytes,omitempty"` // models in the process beside the student
	Checkpoints  int64             `json:"checkpoint_bytes"`
	LearntTokens int64             `json:"learnt_tokens"`
}

// ExportPlan is what a file will be.
type ExportPlan struct {
	Format        string             `json:"format"`
	Bytes         int64              `json:"bytes"`
	BitsPerWeight float64            `json:"bits_per_weight"`
	Substituted   int                `json:"substituted_tensors"`
	DecodePerS    map[string]float64 `json:"decode_tokens_per_s"`   // by device; absent where it does not fit, 0 where nothing is known
	MeasuredOn    []string           `json:"measured_on,omitempty"` // the devices whose speed comes from a measurement there
}

// PlanOptions say how much may be done to know better.
type PlanOptions struct {
	Pilot   int  // questions to be asked, and paid, beforehand; their answers are kept
	NoBench bool // do not time a training step, nor decoding, and ask a teacher that runs here nothing
	// Measured is what bench --ssh found on other machines; it counts before published figures.
	Measured []device.Measurement
}

// Plan estimates what the run will take. But for a pilot it spends nothing and writes nothing.
func (r *Run) Plan(ctx context.Context, o PlanOptions) (*Plan, error) {
	prompts, err := r.preparePrompts()
	if err != nil {
		return nil, err
	}
	p := &Plan{Name: r.Recipe.Name, Prompts: prompts.Count, Heldout: prompts.Heldout, Devices: device.With(o.Measured), Warnings: []string{}, Asked: []AskedPlan{}}
	if o.Pilot > 0 {
		if p.PilotCalls, err = r.pilot(ctx, o.Pilot); err != nil {
			return nil, err
		}
	}
	known, err := r.measured()
	if err != nil {
		return nil, err
	}
	if !o.NoBench && known.rows == 0 {
		if p.Generate.Tried, err = r.try(ctx, known); err != nil {
			return nil, err
		}
	}
	if err := p.planAsked(r, known); err != nil {
		return nil, err
	}
	cfg, err := r.studentShape()
	if err != nil {
		return nil, err
	}
	p.Student = StudentSummary{cfg.Params(), cfg.Vocab}
	if err := p.planTrain(ctx, r, cfg, known, o); err != nil {
		return nil, err
	}
	if err := p.planExports(r, cfg); err != nil {
		return nil, err
	}
	if !o.NoBench {
		if err := p.measureHere(ctx, r, cfg); err != nil {
			return nil, err
		}
	}
	p.planEval(r)
	if err := p.planStages(r, cfg, known); err != nil {
		return nil, err
	}
	p.DiskBytes += p.Generate.Bytes + p.Train.Checkpoints
	p.DiskFree = host.FreeDisk(r.Dir)
	p.warn(r, cfg)
	return p, nil
}

// studentShape finds out the student's shape.
func (r *Run) studentShape() (model.Config, error) {
	var cfg model.Config
	if from := r.origin(); from != "scratch" {
		m, err := workbench.Open(from)
		if err != nil {
			return cfg, err
		}
		defer m.Close()
		if cfg, err = cutSpec(r.Recipe.Student.Cut).Shape(m.Config); err != nil {
			return cfg, hint.Errorf("distill model inspect shows the model's shape", "student.cut: %w", err)
		}
		cfg.RopeInterleaved = false
	} else {
		vocabulary := r.Recipe.Tokenizer.Size
		if name := r.tokenizerModel(); name != "" {
			tok, _, err := workbench.OpenTokenizer(name)
			if err != nil {
				return cfg, err
			}
			vocabulary = tok.Size()
		}
		cfg = studentConfig(&r.Recipe.Student, vocabulary)
	}
	return cfg, cfg.Validate()
}

// tokenizerModel names the model whose tokenizer the student takes, "" when one is trained.
func (r *Run) tokenizerModel() string {
	switch from := r.Recipe.Tokenizer.From; from {
	case "train":
		return ""
	case "teacher":
		return r.vocabulary()
	default:
		return from
	}
}

// planExports says what each file will be.
func (p *Plan) planExports(r *Run, cfg model.Config) error {
	beside, err := r.containerBytes(cfg)
	if err != nil {
		return err
	}
	for _, format := range r.Recipe.Export.Formats {
		plan, err := model.NewPlan(cfg, format, model.PlanOptions{Strict: r.Recipe.Export.Strict})
		if err != nil {
			return &hint.Error{Hint: "choose widths that are multiples of the block, or set export.strict=false", Err: err}
		}
		e := ExportPlan{Format: strings.ToUpper(format), Bytes: plan.Bytes() + beside, BitsPerWeight: plan.BitsPerWeight(), Substituted: len(plan.Substitutions()), DecodePerS: map[string]float64{}}
		for _, d := range p.Devices {
			perSecond, measured, fits := d.DecodeTokensPerS(e.Bytes)
			if fits {
				e.DecodePerS[d.Name] = perSecond
			}
			if fits && measured {
				e.MeasuredOn = append(e.MeasuredOn, d.Name)
			}
		}
		if e.Substituted > 0 {
			c := plan.Substitutions()[0]
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s: %s another type, such as %s: %s", e.Format, tensorsGet(e.Substituted), c.Name, c.Reason))
		}
		p.Exports = append(p.Exports, e)
		p.DiskBytes += e.Bytes
	}
	if r.Recipe.Export.HF {
		p.DiskBytes += 2 * int64(cfg.Params())
	}
	p.DiskBytes += 8 * int64(cfg.Params()) // the student before and after training, float32
	return nil
}

func tensorsGet(n int) string {
	if n == 1 {
		return "1 tensor gets"
	}
	return fmt.Sprintf("%d tensors get", n)
}
