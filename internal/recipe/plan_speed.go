package recipe

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/device"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// Here is the name of the machine that plans, among the devices.
const Here = "this machine"

// decodeLimit is the size above which a plan does not time decoding: writing and packing the weights would take longer
// than everything else it does.
const decodeLimit = 30e6

// measureHere times decoding on this machine: random weights of the student's shape, in each of the export's formats.
func (p *Plan) measureHere(ctx context.Context, r *Run, cfg model.Config) error {
	if cfg.Params() > decodeLimit || len(p.Exports) == 0 {
		return nil
	}
	m, err := model.Random(cfg, nil, 1)
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
		if err := writeGGUF(path, m, strings.ToLower(e.Format)); err != nil {
			return err
		}
		s, err := workbench.MeasureSpeed(ctx, path, workbench.SpeedOptions{Prefill: 8, Decode: 64, Threads: r.opts.Threads, Repeat: 2})
		if err != nil {
			return err
		}
		here.Measured = append(here.Measured, device.Measurement{Device: Here, File: e.Format, Program: r.opts.Program, Speed: s})
		e.DecodePerS[Here] = s.DecodeTokensPerS
		e.MeasuredOn = append(e.MeasuredOn, Here)
	}
	p.Devices = append([]device.Device{here}, p.Devices...)
	return nil
}
