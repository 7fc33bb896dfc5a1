package workbench

import (
	"context"
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/student"
)

// Pruning says what is cut off a model, and on which text that is measured.
type Pruning struct {
	Cut     student.Cut
	Text    string // may be empty where nothing need be measured
	Window  int    // tokens; 0 for 256, or the model's context where that is shorter
	Tokens  int    // importance is measured on
	Compare int    // windows in which the two models are compared; 0 for all
	Type    string // of the file that is written
	Threads int
	Monitor progress.Monitor // nil for Silent
}

// Pruned is what became of a model that was cut.
type Pruned struct {
	Kept     []int       `json:"layers_kept"` // from 0
	Measured int         `json:"measured_tokens"`
	Was      Shape       `json:"was"`
	Is       Shape       `json:"is"`
	Bytes    int64       `json:"bytes"`
	Diff     *Difference `json:"diff,omitempty"` // from the model as it was, before any recovery; nil without a text
}

// Prune writes to file, as GGUF, what a cut leaves of a model.
func Prune(ctx context.Context, name, file string, p Pruning) (*Pruned, error) {
	if p.Monitor == nil {
		p.Monitor = progress.Silent
	}
	m, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	cfg, err := p.Cut.Shape(m.Config)
	if err != nil {
		return nil, hint.Errorf("distill model inspect shows the model's shape", "prune: %w", err)
	}
	if ShapeOf(cfg) == ShapeOf(m.Config) {
		return nil, hint.Errorf("distill model inspect shows the model's shape", "prune: the model has that shape already: nothing is cut")
	}
	if p.Window == 0 {
		p.Window = min(256, m.Context)
	}
	plan, err := model.NewPlan(cfg, p.Type, model.PlanOptions{})
	if err != nil {
		return nil, hint.Errorf("distill model quantize --help lists the types", "prune: %w", err)
	}
	tokens, err := p.tokens(m)
	if err != nil {
		return nil, err
	}
	result := &Pruned{Was: ShapeOf(m.Config), Is: ShapeOf(cfg), Bytes: plan.Bytes()}
	if err := p.write(ctx, m, file, plan, tokens, result); err != nil || tokens == nil {
		return result, err
	}
	result.Diff, err = p.compare(ctx, m, file, tokens)
	return result, err
}

// tokens returns those of the text, nil where there is none and none is needed.
func (p *Pruning) tokens(m *model.Model) ([]distill.Token, error) {
	if p.Text == "" {
		if p.Cut.Measured(m.Config) {
			return nil, hint.Errorf("--data FILE with a text such as the model is used for", "prune: a narrower model, and layers by importance, are measured on a text")
		}
		return nil, nil
	}
	t := m.Tokenizer
	if t == nil {
		return nil, hint.Errorf("put its tokenizer.json into the folder", "prune: the model has no tokenizer")
	}
	if p.Window < 4 || p.Window > m.Context {
		return nil, hint.Errorf("--ctx sets it", "prune: a window of %d tokens does not fit the model's context of %d", p.Window, m.Context)
	}
	ids := TextTokens(t, p.Text, false)
	if len(ids) < p.Window {
		return nil, hint.Errorf("give a longer text or a smaller --ctx", "prune: the text has %d tokens, fewer than one window of %d", len(ids), p.Window)
	}
	return ids, nil
}

// write measures the model, cuts it and writes what is left.
func (p *Pruning) write(ctx context.Context, m *model.Model, file string, plan model.Plan, tokens []distill.Token, result *Pruned) error {
	whole, err := student.FromModel(m, student.Frozen(), student.Threads(p.Threads))
	if err != nil {
		return err
	}
	defer whole.Close()
	var batches []*nn.Batch
	if p.Cut.Measured(m.Config) {
		batches = windows(tokens, p.Window, p.Tokens)
		result.Measured = len(batches) * p.Window
	}
	small, kept, err := Cut(ctx, p.Monitor, whole, p.Cut, batches)
	if err != nil {
		return err
	}
	defer small.Close()
	result.Kept = kept
	pruned, err := small.Model(m.Name, m.Tokenizer, m.Template)
	if err != nil {
		return err
	}
	return model.WriteGGUF(ctx, file, pruned, plan)
}

// windows cuts a text into batches of one row, about most tokens in all, evenly from its whole length.
func windows(tokens []distill.Token, length, most int) []*nn.Batch {
	n := len(tokens) / length
	take := max(1, min(n, (most+length-1)/length))
	var batches []*nn.Batch
	for i := range take {
		at := i * n / take * length
		row := tokens[at : at+length]
		b := &nn.Batch{Rows: 1, Length: length, Tokens: row, Targets: row, Weights: make([]float32, length)}
		b.Weights[0] = 1 // nothing is learnt; a batch must say that something is
		batches = append(batches, b)
	}
	return batches
}

// compare runs the model as it was and the file beside each other.
func (p *Pruning) compare(ctx context.Context, m *model.Model, file string, tokens []distill.Token) (*Difference, error) {
	small, err := model.Open(file)
	if err != nil {
		return nil, err
	}
	defer small.Close()
	var ready [2]*infer.Model
	for i, one := range []*model.Model{m, small} {
		if ready[i], err = infer.New(one, infer.Options{Threads: p.Threads, Context: p.Window}); err != nil {
			return nil, fmt.Errorf("prune: %w", err)
		}
		defer ready[i].Close()
	}
	d, err := Diff(ctx, ready[0], ready[1], tokens, p.Window, p.Compare, p.Monitor)
	return &d, err
}
