package workbench

import (
	"context"

	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/student"
)

// Shape is a model's shape in numbers.
type Shape struct {
	Layers     int `json:"layers"`
	Width      int `json:"width"`
	FFN        int `json:"ffn"`
	Heads      int `json:"heads"`
	KVHeads    int `json:"kv_heads"`
	Parameters int `json:"parameters"`
}

// ShapeOf returns the shape of a configuration.
func ShapeOf(c model.Config) Shape {
	return Shape{c.Layers, c.Width, c.FFN, c.Heads, c.KVHeads, c.Params()}
}

// Cut measures a model on batches, where the cut needs it, and returns what is left of it and which layers those are.
func Cut(ctx context.Context, monitor progress.Monitor, whole *student.Student, c student.Cut, batches []*nn.Batch) (*student.Student, []int, error) {
	if _, err := c.Shape(whole.Config()); err != nil {
		return nil, nil, hint.Errorf("distill model inspect shows the model's shape", "cut: %w", err)
	}
	var im student.Importance
	if c.Measured(whole.Config()) {
		meter := monitor.Start("measure", "batches", int64(len(batches)), 0)
		defer meter.Stop()
		var err error
		im, err = whole.Measure(func(yield func(*nn.Batch) bool) {
			for _, b := range batches {
				if ctx.Err() != nil || !yield(b) {
					return
				}
				meter.Add(1)
			}
		})
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			return nil, nil, err
		}
	}
	kept, err := c.Kept(whole.Config().Layers, im)
	if err != nil {
		return nil, nil, hint.Errorf("", "cut: %w", err)
	}
	small, err := whole.Prune(c, im, student.Frozen())
	if err != nil {
		return nil, nil, hint.Errorf("distill model inspect shows the model's shape", "%w", err)
	}
	return small, kept, nil
}
