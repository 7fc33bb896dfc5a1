package plan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/device"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// Export is what a file will be.
type Export struct {
	Format        string             `json:"format"`
	Bytes         int64              `json:"bytes"`
	BitsPerWeight float64            `json:"bits_per_weight"`
	Substituted   int                `json:"substituted_tensors"`
	DecodePerS    map[string]float64 `json:"decode_tokens_per_s"`   // by device; absent where it does not fit, 0 where nothing is known
	MeasuredOn    []string           `json:"measured_on,omitempty"` // the devices whose speed comes from a measurement there
}

// planExports says what each file will be.
func (p *planner) planExports() error {
	container, err := p.containerBytes()
	if err != nil {
		return err
	}
	for _, format := range p.recipe.Export.Formats {
		plan, err := model.NewPlan(p.shape, format, model.PlanOptions{Strict: p.recipe.Export.Strict})
		if err != nil {
			return &hint.Error{Hint: "choose widths that are multiples of the block, or set export.strict=false", Err: err}
		}
		e := Export{Format: strings.ToUpper(format), Bytes: plan.Bytes() + container, BitsPerWeight: plan.BitsPerWeight(), Substituted: len(plan.Substitutions()), DecodePerS: map[string]float64{}}
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
			p.warning("%s: %s another type, such as %s: %s", e.Format, tensorsGet(e.Substituted), c.Name, c.Reason)
		}
		p.Exports = append(p.Exports, e)
		p.DiskBytes += e.Bytes
	}
	if p.recipe.Export.HF {
		p.DiskBytes += 2 * int64(p.shape.Params())
	}
	p.DiskBytes += 8 * int64(p.shape.Params()) // the student before and after training, float32
	return nil
}

func tensorsGet(n int) string {
	if n == 1 {
		return "1 tensor gets"
	}
	return fmt.Sprintf("%d tensors get", n)
}

// trainedTokenBytes is about what a token of a vocabulary that is still to be trained takes in a file, its merge included.
const trainedTokenBytes = 28

// containerBytes returns what stands beside the tensors in a student's file: metadata, tokenizer, chat template and the list
// of tensors. It is that of a file with the same vocabulary and as many tensors, which are as small as they can be.
func (p *planner) containerBytes() (int64, error) {
	cfg := p.shape
	if p.models.Tokenizer == "" {
		return trainedTokenBytes * int64(cfg.Vocab), nil
	}
	tok, template, err := workbench.OpenTokenizer(p.models.Tokenizer)
	if err != nil {
		return 0, err
	}
	cfg.Width, cfg.FFN, cfg.Heads, cfg.KVHeads, cfg.HeadDim = 2, 2, 1, 1, 2
	m, err := model.Random(cfg, tok, 1)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	m.Template = template
	dir, err := os.MkdirTemp("", "distill-plan")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "container.gguf")
	if err := workbench.WriteGGUF(path, m, "f32"); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size() - 4*int64(cfg.Params()), nil
}

// Here is the name of the machine that plans, among the devices.
const Here = "this machine"

// decodeLimit is the size above which a plan does not time decoding: writing and packing the weights would take longer
// than everything else it does.
const decodeLimit = 30e6

// measureHere times decoding on this machine: random weights of the student's shape, in each of the export's formats.
func (p *planner) measureHere(ctx context.Context) error {
	if p.shape.Params() > decodeLimit || len(p.Exports) == 0 {
		return nil
	}
	m, err := model.Random(p.shape, nil, 1)
	if err != nil {
		return err
	}
	defer m.Close()
	dir, err := os.MkdirTemp("", "distill-plan")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	here := device.Device{Name: Here}
	for i := range p.Exports {
		e := &p.Exports[i]
		path := filepath.Join(dir, e.Format+".gguf")
		if err := workbench.WriteGGUF(path, m, strings.ToLower(e.Format)); err != nil {
			return err
		}
		s, err := workbench.MeasureSpeed(ctx, path, workbench.SpeedOptions{Prefill: 8, Decode: 64, Threads: p.opts.Threads, Repeat: 2})
		if err != nil {
			return err
		}
		here.Measured = append(here.Measured, device.Measurement{Device: Here, File: e.Format, Program: p.opts.Program, Speed: s})
		e.DecodePerS[Here] = s.DecodeTokensPerS
		e.MeasuredOn = append(e.MeasuredOn, Here)
	}
	p.Devices = append([]device.Device{here}, p.Devices...)
	return nil
}
