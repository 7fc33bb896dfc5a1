package recipe

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/dataset/pack"
	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// startFile says, below trainDir, where the student came from.
const startFile = "start.json"

// descent is where a student came from: start.json.
type descent struct {
	From     string          `json:"from"`               // a model, or scratch
	Layers   []int           `json:"layers,omitempty"`   // of that model that were kept, from 0; none where nothing was cut
	Choose   string          `json:"choose,omitempty"`   // how they were chosen
	Measured int             `json:"measured,omitempty"` // tokens that importance was measured on
	Was      workbench.Shape `json:"was,omitzero"`       // of that model
	Is       workbench.Shape `json:"is,omitzero"`        // of the student
}

// String says it in a sentence's worth of words, for the report.
func (s descent) String() string {
	if s.From == plan.Scratch {
		return "the student began with random weights"
	}
	name := filepath.Base(s.From)
	if s.Layers == nil {
		return "the student began as " + name
	}
	text := "the student was cut from " + name + ": "
	if s.Is.Layers < s.Was.Layers {
		text += fmt.Sprintf("layers %s of 0 to %d", strings.Trim(fmt.Sprint(s.Layers), "[]"), s.Was.Layers-1)
		text += map[string]string{"importance": ", by importance", "spread": ", evenly spread"}[s.Choose]
	} else {
		text += fmt.Sprintf("all %d layers", s.Was.Layers)
	}
	for _, d := range []struct {
		name    string
		is, was int
	}{{"width", s.Is.Width, s.Was.Width}, {"ffn", s.Is.FFN, s.Was.FFN}, {"heads", s.Is.Heads, s.Was.Heads}, {"KV heads", s.Is.KVHeads, s.Was.KVHeads}} {
		if d.is < d.was {
			text += fmt.Sprintf(", %s %d of %d", d.name, d.is, d.was)
		}
	}
	if s.Measured > 0 {
		text += fmt.Sprintf(", measured on %d tokens of the training rows", s.Measured)
	}
	return text
}

// untouched returns the file of the student before training.
func (r *Run) untouched() string {
	if from := r.models.Origin; from != plan.Scratch && r.Recipe.Student.Cut == nil {
		return from
	}
	return r.path(trainDir, initialFile)
}

// beginning returns what training starts from: scratch, or a model. One that is to be cut is cut here, once.
func (r *Run) beginning(ctx context.Context, l *language, rows rowSeq) (string, error) {
	from, cut := r.models.Origin, r.Recipe.Student.Cut
	if cut == nil {
		return from, r.writeStart(descent{From: from})
	}
	path := r.path(trainDir, initialFile)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	start, err := r.cut(ctx, l, rows)
	if err != nil {
		return "", err
	}
	r.log.Info("cut the student", "from", from, "layers", fmt.Sprintf("%v of %d", start.Layers, start.Was.Layers),
		"width", start.Is.Width, "ffn", start.Is.FFN, "heads", start.Is.Heads, "parameters", start.Is.Parameters)
	return path, nil
}

func (r *Run) writeStart(s descent) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(r.path(trainDir, startFile), append(data, '\n'))
}

// readStart returns where the student came from, "" where the run does not know.
func (r *Run) readStart() string {
	data, err := os.ReadFile(r.path(trainDir, startFile))
	var s descent
	if err != nil || json.Unmarshal(data, &s) != nil {
		return ""
	}
	return s.String()
}

// cut writes initial.gguf: what is left of the model that the student starts from.
func (r *Run) cut(ctx context.Context, l *language, rows rowSeq) (descent, error) {
	c := r.Recipe.Student.Cut
	m, err := workbench.Open(r.models.Origin)
	if err != nil {
		return descent{}, err
	}
	defer m.Close()
	batches, tokens, err := r.measuringBatches(l, rows, m.Config)
	if err != nil {
		return descent{}, err
	}
	whole, err := student.FromModel(m, student.Frozen(), student.Threads(r.opts.Threads), student.BF16(plan.Precision(&r.Recipe.Train) == "bf16"))
	if err != nil {
		return descent{}, err
	}
	defer whole.Close()
	small, kept, err := workbench.Cut(ctx, r.opts.Monitor, whole, plan.CutOf(c), batches)
	if err != nil {
		return descent{}, err
	}
	defer small.Close()
	start := descent{From: r.models.Origin, Layers: kept, Choose: c.Choose, Measured: tokens, Was: workbench.ShapeOf(whole.Config()), Is: workbench.ShapeOf(small.Config())}
	if c.Keep != nil {
		start.Choose = ""
	}
	if err := r.writeStart(start); err != nil {
		return start, err
	}
	return start, r.saveStudent(small, l, initialFile)
}

// measuringBatches returns batches of the training rows with about as many tokens as the cut is measured on.
func (r *Run) measuringBatches(l *language, rows rowSeq, cfg model.Config) ([]*nn.Batch, int, error) {
	if !plan.CutOf(r.Recipe.Student.Cut).Measured(cfg) {
		return nil, 0, nil
	}
	c, err := r.encode(l, rows, r.Recipe.Train.LearnReasoning)
	if err != nil {
		return nil, 0, err
	}
	defer c.close()
	source, err := pack.New(c.train, r.packing(l, cfg.Context))
	if err != nil {
		return nil, 0, err
	}
	var batches []*nn.Batch
	tokens := 0
	for range source.PerEpoch() {
		if tokens >= r.Recipe.Student.Cut.Tokens {
			break
		}
		b, _, err := source.Next()
		if err != nil {
			return nil, 0, err
		}
		batches = append(batches, trainBatch(b))
		tokens += b.Rows * b.Length
	}
	return batches, tokens, nil
}

// packing says how examples become batches for a model of that context.
func (r *Run) packing(l *language, context int) pack.Options {
	t := &r.Recipe.Train
	length := t.Sequence(context)
	o := pack.Options{Rows: t.Batch, Length: length, Pad: padToken(l), Seed: r.Recipe.Seed}
	if r.Recipe.Prompts.Format == "raw" {
		o.TooLong = pack.Split // running text may be cut
	}
	return o
}
