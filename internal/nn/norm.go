package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Norm returns RMSNorm of x (N, C) with the given weight (C).
func Norm(e *Engine, in Inputs, x *G.Node, weight *Param, eps float32) (*G.Node, error) {
	f := &norm{e: e, weight: weight, eps: eps, params: Params{weight}}
	return in.apply("norm", f, x.Shape(), x, f.params)
}

type norm struct {
	e      *Engine
	weight *Param
	eps    float32
	params Params

	y     *tensor.Dense
	inv   []float32
	grads []G.Value
}

func (f *norm) Forward(in []G.Value) (G.Value, error) {
	x := dense(data(in[0]), f.e.rows)
	y := growTensor(&f.y, x.Rows, x.Cols)
	kernel.RMSNormForward(f.e.Pool, dense(data(y), x.Rows), x, f.weight.Data(), f.eps, grow(&f.inv, x.Rows))
	return y, nil
}

func (f *norm) Backward(in []G.Value, _, dy G.Value) ([]G.Value, error) {
	x := dense(data(in[0]), f.e.rows)
	dx := dense(data(dy), x.Rows) // in place of dy
	kernel.RMSNormBackward(f.e.Pool, dx, f.e.gradOrScratch(f.weight), dx, x, f.weight.Data(), f.inv, false)
	f.grads = grads(f.grads, dy, f.params)
	return f.grads, nil
}

// gradOrScratch returns the accumulator of a norm's weight, or scratch for a frozen one.
func (e *Engine) gradOrScratch(p *Param) []float32 {
	if p.Frozen() {
		return grow(&e.scratch.narrow, len(p.Data()))
	}
	return p.GradData()
}
