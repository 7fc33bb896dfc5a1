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
	size         int  // rows of a chunk
	keep         bool // gate and up from the forward pass to the backward pass
	own          feedForwardState
	y            *tensor.Dense
	params       Params
	grads        []G.Value

	run feedForwardRun
}

// feedForwardState is what the backward pass needs of the forward pass.
type feedForwardState struct {
	inv    []float32     // (N)
	h      kernel.Matrix // (N, C)
	gateUp kernel.Matrix // (N, 2F), if they are kept
	a      kernel.Matrix // (N, F)
}

// feedForwardRun is what the chunks of a pass read and write.
type feedForwardRun struct {
	x, y    kernel.Matrix // of the forward pass; y has no elements if only the state is wanted
	dy      kernel.Matrix // of the backward pass; dx takes its place
	factor  kernel.Matrix // dy as products read it
	dGateUp kernel.Matrix
	dNorm   kernel.Matrix // a row for each chunk
}

// Apply adds the half to the graph.
func (f *FeedForward) Apply(e *Engine, in Inputs, x *G.Node) (*G.Node, error) {
	f.e = e
	f.gateUp = newLinear(e, Params{f.Gate, f.Up}, nil, []*Adapter{f.GateAdapter, f.UpAdapter})
	f.down = newLinear(e, Params{f.Down}, nil, []*Adapter{f.DownAdapter})
	f.size = e.chunkOf(f.gateUp, f.down)
	// A chunk makes gate and up in its cache in less time than memory takes to keep them.
	f.keep = f.size == e.rows || e.Recompute
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
	f.forward(x, dense(data(y), x.Rows))
	if f.Watch != nil {
		f.Watch(x, dense(data(y), x.Rows), f.state().h, f.state().a)
	}
	return y, nil
}

// forward makes the state, and y where it has elements.
func (f *FeedForward) forward(x, y kernel.Matrix) {
	s, n, width := f.state(), x.Rows, f.Gate.Shape()[0]
	f.e.growFactor(&s.h, n, x.Cols, f.Watch != nil || f.gateUp.masks())
	s.inv = grow(&s.inv, n)
	if f.keep {
		growPadded(&s.gateUp, n, 2*width)
	}
	f.e.growFactor(&s.a, n, width, f.Watch != nil || f.down.masks())
	f.gateUp.pack(f.e)
	f.down.pack(f.e)
	f.run = feedForwardRun{x: x, y: y}
	f.e.inChunks(f.size, (*feedForwardForward)(f))
	f.run = feedForwardRun{}
}

type feedForwardForward FeedForward

// Do implements kernel.Task on chunks of rows.
func (f *feedForwardForward) Do(i int) {
	e, s, width := f.e, (*FeedForward)(f).state(), f.Gate.Shape()[0]
	lo, hi := e.chunk(i, f.size)
	mine := e.borrow()
	defer e.giveBack(mine)
	x, h, a := f.run.x.Slice(lo, hi), s.h.Slice(lo, hi), s.a.Slice(lo, hi)
	kernel.RMSNormForward(e.Pool, h, x, f.Norm.Data(), f.Eps, s.inv[lo:hi])
	gateUp := (*FeedForward)(f).gates(mine, lo, hi)
	f.gateUp.forward(e, gateUp, h, false)
	kernel.SwiGLUForward(e.Pool, a, gateUp.Columns(0, width), gateUp.Columns(width, 2*width))
	if f.run.y.Rows == 0 {
		return
	}
	y := f.run.y.Slice(lo, hi)
	e.copyMatrix(y, x)
	f.down.forward(e, y, a, true)
}

// gates returns the memory of gate and up of rows [lo, hi).
func (f *FeedForward) gates(mine *scratch, lo, hi int) kernel.Matrix {
	if f.keep {
		return f.state().gateUp.Slice(lo, hi)
	}
	growPadded(&mine.gateUp, hi-lo, 2*f.Gate.Shape()[0])
	return mine.gateUp
}

// Backward implements Function.
func (f *FeedForward) Backward(in []G.Value, _, dyv G.Value) ([]G.Value, error) {
	e, s := f.e, f.state()
	x, dy := dense(data(in[0]), e.rows), dense(data(dyv), e.rows)
	if e.Recompute {
		f.forward(x, kernel.Matrix{})
	}
	f.run = feedForwardRun{x: x, dy: dy, factor: e.residualFactor(dy), dNorm: e.partials(f.size, x.Cols)}
	if f.keep { // the gradients of gate and up take the place of their values, which are not needed again
		f.run.dGateUp = e.gradientFactor(s.gateUp)
	} else {
		e.growFactor(&e.dGateUp, x.Rows, 2*f.Gate.Shape()[0], false)
		f.run.dGateUp = e.dGateUp
	}
	rounded := f.run.factor.BF16 != nil
	if !rounded { // then dx takes its place
		f.down.backwardWeights(e, dy, s.a)
	}
	e.inChunks(f.size, (*feedForwardInner)(f))
	e.inChunks(f.size, (*feedForwardInput)(f))
	addPartials(f.Norm, f.run.dNorm)
	if rounded {
		f.down.backwardWeights(e, f.run.factor, s.a)
	}
	f.gateUp.backwardWeights(e, f.run.dGateUp, s.h)
	f.run = feedForwardRun{}
	f.grads = grads(f.grads, dyv, f.params)
	return f.grads, nil
}

// feedForwardInner takes dy back to the gradients of gate and up.
type feedForwardInner FeedForward

// Do implements kernel.Task on chunks of rows.
func (f *feedForwardInner) Do(i int) {
	e, r, s, width := f.e, &f.run, (*FeedForward)(f).state(), f.Gate.Shape()[0]
	lo, hi := e.chunk(i, f.size)
	mine := e.borrow()
	defer e.giveBack(mine)
	da, dGateUp, gateUp := growMatrix(&mine.wide, hi-lo, width), r.dGateUp.Slice(lo, hi), (*FeedForward)(f).gates(mine, lo, hi)
	if !f.keep {
		f.gateUp.multiply(e, gateUp, s.h.Slice(lo, hi), false)
	}
	f.down.backwardInput(e, da, e.factor(r.factor, r.dy, lo, hi), s.a.Slice(lo, hi), false)
	kernel.SwiGLUBackward(e.Pool, dGateUp.Columns(0, width), dGateUp.Columns(width, 2*width), da, gateUp.Columns(0, width), gateUp.Columns(width, 2*width))
}

// feedForwardInput takes the gradients of gate and up back to the input of the half.
type feedForwardInput FeedForward

// Do implements kernel.Task on chunks of rows.
func (f *feedForwardInput) Do(i int) {
	e, r, s := f.e, &f.run, (*FeedForward)(f).state()
	lo, hi := e.chunk(i, f.size)
	mine := e.borrow()
	defer e.giveBack(mine)
	x := r.x.Slice(lo, hi)
	dh := growMatrix(&mine.branch, hi-lo, x.Cols)
	f.gateUp.backwardInput(e, dh, r.dGateUp.Slice(lo, hi), s.h.Slice(lo, hi), false)
	kernel.RMSNormBackward(e.Pool, r.dy.Slice(lo, hi), r.dNorm.Row(i), dh, x, f.Norm.Data(), s.inv[lo:hi], true)
}
