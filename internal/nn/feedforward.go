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
	inv    []float32 // (N)
	h      []float32 // (N, C)
	gateUp []float32 // (N, 2F)
	a      []float32 // (N, F)
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
	neurons := dense(f.state().a, x.Rows)
	f.down.forward(f.e, out, neurons, true)
	if f.Watch != nil {
		f.Watch(x, out, dense(f.state().h, x.Rows), neurons)
	}
	return y, nil
}

// hidden computes everything up to the input of down.
func (f *FeedForward) hidden(x kernel.Matrix) {
	s, n, width := f.state(), x.Rows, f.Gate.Shape()[0]
	h := growMatrix(&s.h, n, x.Cols)
	s.h = h.Data
	s.inv = grow(&s.inv, n)
	kernel.RMSNormForward(f.e.Pool, h, x, f.Norm.Data(), f.Eps, s.inv)
	gateUp := growMatrix(&s.gateUp, n, 2*width)
	s.gateUp = gateUp.Data
	f.gateUp.forward(f.e, gateUp, h, false)
	a := growMatrix(&s.a, n, width)
	s.a = a.Data
	kernel.SwiGLUForward(f.e.Pool, a, gateUp.Columns(0, width), gateUp.Columns(width, 2*width))
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
	f.down.backward(e, da, dy, dense(s.a, n), false)
	// The gradients of gate and up take the place of their values, which are not needed again.
	gateUp := dense(s.gateUp, n)
	gate, up := gateUp.Columns(0, width), gateUp.Columns(width, 2*width)
	kernel.SwiGLUBackward(e.Pool, gate, up, da, gate, up)
	dh := growMatrix(&e.scratch.branch, n, x.Cols)
	f.gateUp.backward(e, dh, gateUp, dense(s.h, n), false)
	dxv := growTensor(&f.dx, x.Rows, x.Cols)
	dx := dense(data(dxv), n)
	e.copyMatrix(dx, dy)
	kernel.RMSNormBackward(e.Pool, dx, e.gradOrScratch(f.Norm), dh, x, f.Norm.Data(), s.inv, true)
	f.grads = grads(f.grads, dxv, f.params)
	return f.grads, nil
}
