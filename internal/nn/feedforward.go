package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// FeedForward is the second half of a block,
//
//	y = x + down(silu(gate(h)) ∘ up(h)),   h = RMSNorm(x)
//
// with Norm (C), Gate and Up (F, C) and Down (C, F). GateAdapter, UpAdapter and DownAdapter may be nil.
type FeedForward struct {
	Norm, Gate, Up, Down                *Param
	GateAdapter, UpAdapter, DownAdapter *Adapter
	Eps                                 float32

	// Watch, where it is not nil, sees the activations of every forward pass: what came in and goes out (N, C), the
	// normed input (N, C) and the neurons' outputs (N, F).
	Watch func(in, out, normed, inner kernel.Matrix)

	e            *Engine
	gateUp, down *linear
	own          feedForwardState
	y, dx        *tensor.Dense
	params       Params
	grads        []G.Value
}

// feedForwardState is what the backward pass needs of the forward pass.
type feedForwardState struct {
	inv    []float32     // (N)
	h      kernel.Matrix // (N, C)
	gateUp kernel.Matrix // (N, 2F)
	a      kernel.Matrix // (N, F)
}

// Apply adds the half to the graph.
func (f *FeedForward) Apply(e *Engine, in Inputs, x *G.Node) (*G.Node, error) {
	f.e = e
	f.gateUp = newLinear(e, Params{f.Gate, f.Up}, nil, []*Adapter{f.GateAdapter, f.UpAdapter})
	f.down = newLinear(e, Params{f.Down}, nil, []*Adapter{f.DownAdapter})
	f.params = append(append(Params{f.Norm}, f.gateUp.params()...), f.down.params()...)
	return in.apply("feed-forward", f, x.Shape(), x, f.params)
}

// state returns where the forward pass keeps what it made.
func (f *FeedForward) state() *feedForwardState {
	if f.e.Recompute || f.e.Inference {
		return &f.e.ffn
	}
	return &f.own
}

// Forward implements Function.
func (f *FeedForward) Forward(in []G.Value) (G.Value, error) {
	x := dense(data(in[0]), f.e.rows)
	y := growTensor(&f.y, x.Rows, x.Cols)
	f.hidden(x)
	out := dense(data(y), x.Rows)
	f.e.copyMatrix(out, x)
	s := f.state()
	f.down.forward(f.e, out, s.a, true)
	if f.Watch != nil {
		f.Watch(x, out, s.h, s.a)
	}
	return y, nil
}

// hidden computes everything up to the input of down.
func (f *FeedForward) hidden(x kernel.Matrix) {
	s, n, width := f.state(), x.Rows, f.Gate.Shape()[0]
	f.e.growFactor(&s.h, n, x.Cols, f.Watch != nil || f.gateUp.masks())
	s.inv = grow(&s.inv, n)
	kernel.RMSNormForward(f.e.Pool, s.h, x, f.Norm.Data(), f.Eps, s.inv)
	growPadded(&s.gateUp, n, 2*width)
	f.gateUp.forward(f.e, s.gateUp, s.h, false)
	f.e.growFactor(&s.a, n, width, f.Watch != nil || f.down.masks())
	kernel.SwiGLUForward(f.e.Pool, s.a, s.gateUp.Columns(0, width), s.gateUp.Columns(width, 2*width))
}

// Backward implements Function.
func (f *FeedForward) Backward(in []G.Value, _, dyv G.Value) ([]G.Value, error) {
	e, s := f.e, f.state()
	x, dy := dense(data(in[0]), e.rows), dense(data(dyv), e.rows)
	n, width := x.Rows, f.Gate.Shape()[0]
	if e.Recompute {
		f.hidden(x)
	}
	da := growMatrix(&e.scratch.wide, n, width)
	f.down.backward(e, da, dy, s.a, false)
	// The gradients of gate and up take the place of their values, which are not needed again.
	gate, up := s.gateUp.Columns(0, width), s.gateUp.Columns(width, 2*width)
	dGateUp := e.gradientFactor(s.gateUp)
	kernel.SwiGLUBackward(e.Pool, dGateUp.Columns(0, width), dGateUp.Columns(width, 2*width), da, gate, up)
	dh := growMatrix(&e.scratch.branch, n, x.Cols)
	f.gateUp.backward(e, dh, dGateUp, s.h, false)
	dxv := growTensor(&f.dx, x.Rows, x.Cols)
	dx := dense(data(dxv), n)
	e.copyMatrix(dx, dy)
	kernel.RMSNormBackward(e.Pool, dx, e.gradOrScratch(f.Norm), dh, x, f.Norm.Data(), s.inv, true)
	f.grads = grads(f.grads, dxv, f.params)
	return f.grads, nil
}
