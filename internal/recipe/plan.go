package recipe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/teacher/budget"
	"github.com/seed-d24fde5f/distill/teacher/remote"
)

// Plan is what a recipe will take, told before anything is spent.
type Plan struct {
	Name       string         `json:"name"`
	Prompts    int            `json:"prompts"`
	Heldout    int            `json:"heldout"`
	Generate   GeneratePlan   `json:"generate"`
	Train      TrainPlan      `json:"train"`
	Exports    []ExportPlan   `json:"exports"`
	DiskBytes  int64          `json:"disk_bytes"`
	DiskFree   int64          `json:"disk_free_bytes"` // 0 where the system does not tell
	Warnings   []string       `json:"warnings"`
	Devices    []Device       `json:"devices"`
	Student    StudentSummary `json:"student"`
	PilotCalls int            `json:"pilot_calls"`
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
	PromptTokens     Span    `json:"prompt_tokens"` // of the calls, in all
	CompletionTokens Span    `json:"completion_tokens"`
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
	Checkpoints  int64             `json:"checkpoint_bytes"`
	LearntTokens int64             `json:"learnt_tokens"`
}

// ExportPlan is what a file will be.
type ExportPlan struct {
	Format        string             `json:"format"`
	Bytes         int64              `json:"bytes"`
	BitsPerWeight float64            `json:"bits_per_weight"`
	Substituted   int                `json:"substituted_tensors"`
	DecodePerS    map[string]float64 `json:"decode_tokens_per_s"` // by device; estimates
}

// PlanOptions say how much may be done to know better.
type PlanOptions struct {
	Pilot   int  // questions to be asked, and paid, beforehand; their answers are kept
	NoBench bool // do not time a training step
}

// Plan estimates what the run will take. But for a pilot it asks nothing of the teacher and writes nothing.
func (r *Run) Plan(ctx context.Context, o PlanOptions) (*Plan, error) {
	prompts, err := r.makePrompts()
	if err != nil {
		return nil, err
	}
	p := &Plan{Name: r.Recipe.Name, Prompts: len(prompts), Devices: Devices, Warnings: []string{}}
	for i := range prompts {
		if prompts[i].Split == distill.Heldout {
			p.Heldout++
		}
	}
	wanted := r.wanted(prompts)
	if o.Pilot > 0 {
		if p.PilotCalls, err = r.pilot(ctx, prompts, wanted, o.Pilot); err != nil {
			return nil, err
		}
	}
	known, err := r.measured(wanted)
	if err != nil {
		return nil, err
	}
	p.planGenerate(r, wanted, known)
	cfg, err := p.planStudent(r)
	if err != nil {
		return nil, err
	}
	if err := p.planTrain(ctx, r, cfg, known, o); err != nil {
		return nil, err
	}
	if err := p.planExports(r, cfg); err != nil {
		return nil, err
	}
	p.DiskBytes += p.Generate.Bytes + p.Train.Checkpoints
	p.DiskFree = freeBytes(r.Dir)
	p.warn(r, cfg)
	return p, nil
}

// pilot asks the first few questions that have no answer yet, in the way the run will, and keeps the answers.
func (r *Run) pilot(ctx context.Context, prompts []distill.Prompt, wanted []question, n int) (int, error) {
	data, err := r.openData()
	if err != nil {
		return 0, err
	}
	defer data.Close()
	spent, err := spentOn(data)
	if err != nil {
		return 0, err
	}
	b := r.Recipe.Teacher.Budget
	purse := budget.New(budget.Limits{USD: b.USD, Tokens: b.Tokens, Calls: b.Calls, Time: b.Time}, spent)
	t, err := r.openTeacher(prompts, purse)
	if err != nil {
		return 0, err
	}
	defer t.Close()
	var few []question
	for _, q := range wanted {
		if len(few) < n && !data.Has(q.id) {
			few = append(few, q)
		}
	}
	a := &asker{run: r, teacher: t, data: data, purse: purse}
	return len(few), errors.Join(a.ask(ctx, few), data.Seal())
}

// measured describes the wanted rows that are there already.
type measured struct {
	have                  map[string]bool
	prompt, answer, bytes meanOf
	latency, cost         meanOf
}

func (r *Run) measured(wanted []question) (*measured, error) {
	m := &measured{have: map[string]bool{}}
	if _, err := os.Stat(r.path(DataDir)); err != nil {
		return m, nil
	}
	ids := map[string]bool{}
	for _, q := range wanted {
		ids[q.id] = true
	}
	data, err := dataset.Open(r.path(DataDir), dataset.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer data.Close()
	for row, err := range data.Rows() {
		if err != nil {
			return nil, err
		}
		if !ids[row.ID] {
			continue
		}
		m.have[row.ID] = true
		m.prompt.add(float64(row.PromptTokens))
		m.answer.add(float64(row.CompletionTokens))
		m.latency.add(row.Latency.Seconds())
		if row.CostUSD != nil {
			m.cost.add(*row.CostUSD)
		}
	}
	if n := len(m.have); n > 0 {
		m.bytes.add(float64(folderBytes(r.path(DataDir))) / float64(n))
	}
	return m, nil
}

// meanOf keeps what a mean and its standard error need.
type meanOf struct{ n, sum, squares float64 }

func (m *meanOf) add(x float64) { m.n++; m.sum += x; m.squares += x * x }

// span returns the mean with two standard errors to both sides.
func (m *meanOf) span() Span {
	mean := m.sum / m.n
	if m.n < 2 {
		return Span{mean / 2, mean, mean * 2}
	}
	err := 2 * math.Sqrt(max(0, m.squares/m.n-mean*mean)/(m.n-1))
	return Span{max(0, mean-err), mean, mean + err}
}

// bytesPerToken of English prose, to guess at tokens that were not counted.
const bytesPerToken = 4

// planGenerate estimates calls, tokens, money and time.
func (p *Plan) planGenerate(r *Run, wanted []question, known *measured) {
	g, t := &p.Generate, &r.Recipe.Teacher
	g.Rows, g.Measured = len(wanted), len(known.have)
	text := 0
	for _, q := range wanted {
		if !known.have[q.id] {
			g.Calls++
		}
		for _, m := range q.prompt.Messages {
			text += len(m.Content)
		}
	}
	calls := float64(g.Calls)
	perPrompt := Span{0.7, 1, 1.5}.times(float64(text) / float64(max(1, len(wanted))) / bytesPerToken)
	perAnswer := Span{0.1, 0.4, 1}.times(float64(t.Sampling.MaxTokens))
	if known.answer.n > 0 && known.answer.sum > 0 {
		perPrompt, perAnswer = known.prompt.span(), known.answer.span()
	}
	g.PromptTokens, g.CompletionTokens = perPrompt.times(calls), perAnswer.times(calls)
	if known.latency.n > 0 {
		s := known.latency.span().times(calls / float64(max(1, t.Concurrency)))
		g.Seconds = &s
	}
	price, ok := r.price()
	if ok {
		g.PriceSource = price.Source
		usd := Span{price.Cost(int64(g.PromptTokens.Low), 0, int64(g.CompletionTokens.Low)), price.Cost(int64(g.PromptTokens.Likely), 0, int64(g.CompletionTokens.Likely)),
			price.Cost(int64(g.PromptTokens.High), 0, int64(g.CompletionTokens.High))}
		g.USD = &usd
		g.MostUSD = price.Cost(int64(g.PromptTokens.High), 0, int64(g.Calls)*int64(t.Sampling.MaxTokens))
	}
	perRow := 600 + bytesPerToken*(perPrompt.Likely+perAnswer.Likely)
	if t.Signal.Kind != "none" {
		perRow += perAnswer.Likely * (8 + 6*float64(t.Signal.K)/2) // ids and log-probabilities; about half the entries are distinct after compression
	}
	if known.bytes.n > 0 {
		perRow = known.bytes.sum
	}
	g.Bytes = int64(perRow * float64(len(wanted)))
}

// price of the teacher's tokens, where it is known.
func (r *Run) price() (remote.Price, bool) {
	t := &r.Recipe.Teacher
	switch {
	case t.Kind != "remote":
		return remote.Price{Source: "runs here"}, true
	case t.Price != nil:
		return remote.Price{Input: t.Price.Input, CachedInput: t.Price.CachedInput, Output: t.Price.Output, Source: "the recipe"}, true
	}
	return remote.ListPrice(r.dialect(), t.Model)
}

func (r *Run) dialect() remote.Dialect {
	if d, ok := remote.DialectNamed(r.Recipe.Teacher.Dialect); ok {
		return d
	}
	return remote.GuessDialect(r.Recipe.Teacher.Endpoint)
}

// planStudent finds out the student's shape.
func (p *Plan) planStudent(r *Run) (model.Config, error) {
	var cfg model.Config
	if from := r.origin(); from != "scratch" {
		m, err := OpenModel(from)
		if err != nil {
			return cfg, err
		}
		defer m.Close()
		if cfg, err = cutSpec(r.Recipe.Student.Cut).Shape(m.Config); err != nil {
			return cfg, inputErrorf("distill model inspect shows the model's shape", "student.cut: %w", err)
		}
		cfg.RopeInterleaved = false
	} else {
		vocabulary := r.Recipe.Tokenizer.Size
		if name := r.tokenizerModel(); name != "" {
			m, err := OpenModel(name)
			if err != nil {
				return cfg, err
			}
			defer m.Close()
			if m.Tokenizer != nil {
				vocabulary = m.Tokenizer.Size()
			}
		}
		cfg = studentConfig(&r.Recipe.Student, vocabulary)
	}
	p.Student = StudentSummary{cfg.Params(), cfg.Vocab}
	return cfg, cfg.Validate()
}

// tokenizerModel names the model whose tokenizer the student takes, "" when one is trained.
func (r *Run) tokenizerModel() string {
	switch from := r.Recipe.Tokenizer.From; from {
	case "train":
		return ""
	case "teacher":
		return r.teacherModel()
	default:
		return from
	}
}

// planExports says what each file will be.
func (p *Plan) planExports(r *Run, cfg model.Config) error {
	for _, format := range r.Recipe.Export.Formats {
		plan, err := model.NewPlan(cfg, format, model.PlanOptions{Strict: r.Recipe.Export.Strict})
		if err != nil {
			return &InputError{Hint: "choose widths that are multiples of the block, or set export.strict=false", Err: err}
		}
		e := ExportPlan{Format: strings.ToUpper(format), Bytes: plan.Bytes(), BitsPerWeight: plan.BitsPerWeight(), Substituted: len(plan.Substitutions()), DecodePerS: map[string]float64{}}
		for _, d := range Devices {
			if perSecond, fits := d.DecodeTokensPerS(e.Bytes); fits {
				e.DecodePerS[d.Name] = perSecond
			}
		}
		if e.Substituted > 0 {
			c := plan.Substitutions()[0]
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s: %d tensors get another type, such as %s: %s", e.Format, e.Substituted, c.Name, c.Reason))
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
