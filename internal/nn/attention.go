package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Attention is the first half of a block,
//
//	y = x + output(attend(rope(q), rope(k), v)),   q, k, v = query(h), key(h), value(h),   h = RMSNorm(x)
//
// causal, grouped-query, within the sequences that a batch packs into a row. Norm has shape (C), Query (H·D, C), Key and
// Value (K·D, C), Output (C, H·D). Biases (Qwen2), norms of queries and keys over each head (D) before the rotation
// (Qwen3) and adapters may be nil.
type Attention struct {
	Norm, Query, Key, Value, Output *Param
	QueryBias, KeyBias, ValueBias   *Param
	QueryNorm, KeyNorm              *Param
	QueryAdapter, KeyAdapter        *Adapter
	ValueAdapter, OutputAdapter     *Adapter
	Heads, KVHeads, HeadDim         int
	Eps                             float32
	RoPE                            *kernel.RoPE // at least as many positions as a sequence has tokens

	// Watch, where it is not nil, sees the activations of every forward pass: what came in and goes out (N, C), the
	// normed input (N, C) and the heads' outputs (N, H·D).
	Watch func(in, out, normed, inner kernel.Matrix)

	e               *Engine
	qkv, output     *linear
	inward, outward int // rows of a chunk up to attention and behind it
	own             attentionState
	y               *tensor.Dense
	params          Params
	grads           []G.Value

	run attentionRun
}

// attentionState is what the backward pass needs of the forward pass.
type attentionState struct {
	inv  []float32     // (N)
	h    kernel.Matrix // (N, C)
	qkv  kernel.Matrix // (N, (H+2K)·D) as attended to
	raw  []float32     // (N, (H+K)·D) queries and keys before their norm, where there is one
	head []float32     // (N·(H+K)) factors of that norm
	lse  []float32     // (H, N)
	out  []float32     // (N, H·D)
}

// attentionRun is what the chunks of a pass read and write.
type attentionRun struct {
	x, y   kernel.Matrix // of the forward pass
	dy     kernel.Matrix // of the backward pass; dx takes its place
	factor kernel.Matrix // dy as products read it
	dout   kernel.Matrix
	delta  []float32     // (N, H)
	dqkv   kernel.Matrix // gradients of queries, keys and values
	dNorm  kernel.Matrix // a row for each chunk
}

// Apply adds the half to the graph.
func (a *Attention) Apply(e *Engine, in Inputs, x *G.Node) (*G.Node, error) {
	a.e = e
	a.qkv = newLinear(e, Params{a.Query, a.Key, a.Value}, Params{a.QueryBias, a.KeyBias, a.ValueBias},
		[]*Adapter{a.QueryAdapter, a.KeyAdapter, a.ValueAdapter})
	a.output = newLinear(e, Params{a.Output}, nil, []*Adapter{a.OutputAdapter})
	a.outward = e.chunkOf(a.output)
	if a.inward = e.chunkOf(a.qkv); a.QueryNorm != nil {
		a.inward = e.rows // its scratch memory is for one thread
	}
	a.params = append(append(Params{a.Norm}, a.qkv.params()...), a.output.params()...)
	for _, p := range []*Param{a.QueryNorm, a.KeyNorm} {
		if p != nil {
			a.params = append(a.params, p)
		}
	}
	return in.apply("attention", a, x.Shape(), x, a.params)
}

func (a *Attention) state() *attentionState {
	if a.e.Recompute || a.e.Inference {
		return &a.e.attention
	}
	return &a.own
}

// Forward implements Function.
func (a *Attention) Forward(in []G.Value) (G.Value, error) {
	x := dense(data(in[0]), a.e.rows)
	y := growTensor(&a.y, x.Rows, x.Cols)
	a.attend(x)
	a.output.pack(a.e)
	a.run = attentionRun{x: x, y: dense(data(y), x.Rows)}
	a.e.inChunks(a.outward, (*attentionOutward)(a))
	a.run = attentionRun{}
	if a.Watch != nil {
		a.Watch(x, dense(data(y), x.Rows), a.state().h, dense(a.state().out, x.Rows))
	}
	return y, nil
}

// attend computes everything up to the input of the output projection.
func (a *Attention) attend(x kernel.Matrix) {
	s, e, n := a.state(), a.e, x.Rows
	e.growFactor(&s.h, n, x.Cols, a.Watch != nil || a.qkv.masks())
	s.inv = grow(&s.inv, n)
	e.growFactor(&s.qkv, n, (a.Heads+2*a.KVHeads)*a.HeadDim, false)
	a.qkv.pack(e)
	a.run = attentionRun{x: x}
	e.inChunks(a.inward, (*attentionInward)(a))
	a.run = attentionRun{}
	q, k, v := a.split(s.qkv)
	out := growMatrix(&s.out, n, a.Heads*a.HeadDim)
	s.out, s.lse = out.Data, grow(&s.lse, a.Heads*n)
	a.kernel().Forward(e.Pool, out, q, k, v, s.lse)
}

// attentionInward makes queries, keys and values.
type attentionInward Attention

// Do implements kernel.Task on chunks of rows.
func (t *attentionInward) Do(i int) {
	a, e := (*Attention)(t), t.e
	s := a.state()
	lo, hi := e.chunk(i, a.inward)
	mine := e.borrow()
	defer e.giveBack(mine)
	h, kept := s.h.Slice(lo, hi), s.qkv.Slice(lo, hi)
	all := kept
	if kept.BF16 != nil {
		all = growMatrix(&mine.wide, hi-lo, kept.Cols)
	}
	kernel.RMSNormForward(e.Pool, h, a.run.x.Slice(lo, hi), a.Norm.Data(), a.Eps, s.inv[lo:hi])
	a.qkv.forward(e, all, h, false)
	q, k, _ := a.split(all)
	if a.QueryNorm != nil {
		a.normHeads(q, k)
	}
	kernel.RoPEForward(e.Pool, q, a.RoPE, e.layout.position[lo:hi])
	kernel.RoPEForward(e.Pool, k, a.RoPE, e.layout.position[lo:hi])
	if kept.BF16 != nil {
		kernel.Narrow(e.Pool, kept, all)
	}
}

// attentionOutward adds the output projection to the residual stream.
type attentionOutward Attention

// Do implements kernel.Task on chunks of rows.
func (t *attentionOutward) Do(i int) {
	a, e := (*Attention)(t), t.e
	lo, hi := e.chunk(i, a.outward)
	y := a.run.y.Slice(lo, hi)
	e.copyMatrix(y, a.run.x.Slice(lo, hi))
	a.output.forward(e, y, dense(a.state().out, e.rows).Slice(lo, hi), true)
}

func (a *Attention) kernel() kernel.Attention {
	return kernel.Attention{Heads: a.Heads, KVHeads: a.KVHeads, HeadDim: a.HeadDim, Start: a.e.layout.start, Precision: a.e.Precision,
		Rotation: a.RoPE, Positions: a.e.layout.position}
}

// gradients returns memory for the gradients of queries, keys and values: as products read them, or, where norms and
// biases do, in float32.
func (a *Attention) gradients(n int) kernel.Matrix {
	cols := (a.Heads + 2*a.KVHeads) * a.HeadDim
	if a.QueryNorm != nil || a.qkv.biases != nil || !kernel.KeepsBF16(a.e.Precision) {
		return growMatrix(&a.e.scratch.wide, n, cols)
	}
	a.e.growFactor(&a.e.dqkv, n, cols, false)
	return a.e.dqkv
}

// split returns queries, keys and values as columns of their common matrix.
func (a *Attention) split(all kernel.Matrix) (q, k, v kernel.Matrix) {
	h, kv := a.Heads*a.HeadDim, a.KVHeads*a.HeadDim
	return all.Columns(0, h), all.Columns(h, h+kv), all.Columns(h+kv, h+2*kv)
}

// normHeads replaces queries and keys by their RMSNorm over each head, keeping what they were.
func (a *Attention) normHeads(q, k kernel.Matrix) {
	s, n := a.state(), q.Rows
	s.raw, s.head = grow(&s.raw, n*(a.Heads+a.KVHeads)*a.HeadDim), grow(&s.head, n*(a.Heads+a.KVHeads))
	rawQ, rawK, invQ, invK := a.rawHeads(s, n)
	for _, side := range [...]struct {
		m, raw kernel.Matrix
		inv    []float32
		weight *Param
	}{{q, rawQ, invQ, a.QueryNorm}, {k, rawK, invK, a.KeyNorm}} {
		a.e.copyToHeads(side.raw, side.m)
		normed := growMatrix(&a.e.scratch.low, side.raw.Rows, a.HeadDim)
		kernel.RMSNormForward(a.e.Pool, normed, side.raw, side.weight.Data(), a.Eps, side.inv)
		a.e.copyFromHeads(side.m, normed)
	}
}

// rawHeads views the kept queries and keys as (heads, D).
func (a *Attention) rawHeads(s *attentionState, n int) (q, k kernel.Matrix, invQ, invK []float32) {
	heads := n * a.Heads
	q = kernel.NewMatrix(s.raw, heads, a.HeadDim)
	k = kernel.NewMatrix(s.raw[heads*a.HeadDim:], n*a.KVHeads, a.HeadDim)
	return q, k, s.head[:heads], s.head[heads : heads+n*a.KVHeads]
}

// Backward implements Function.
func (a *Attention) Backward(in []G.Value, _, dyv G.Value) ([]G.Value, error) {
	e, s := a.e, a.state()
	x, dy := dense(data(in[0]), e.rows), dense(data(dyv), e.rows)
	n := x.Rows
	if e.Recompute {
		a.attend(x)
	}
	e.growFactor(&e.dout, n, a.Heads*a.HeadDim, false)
	a.run = attentionRun{x: x, dy: dy, factor: e.residualFactor(dy), dout: e.dout, delta: grow(&e.scratch.delta, n*a.Heads),
		dqkv: a.gradients(n), dNorm: e.partials(a.inward, x.Cols)}
	e.inChunks(a.outward, (*attentionOutwardBackward)(a))
	a.output.backwardWeights(e, a.run.factor, dense(s.out, n))
	q, k, v := a.split(s.qkv)
	dq, dk, dv := a.split(a.run.dqkv)
	a.kernel().Backward(e.Pool, dq, dk, dv, e.dout, q, k, v, s.lse, a.run.delta)
	e.inChunks(a.inward, (*attentionInwardBackward)(a))
	addPartials(a.Norm, a.run.dNorm)
	a.qkv.backwardWeights(e, a.run.dqkv, s.h)
	a.run = attentionRun{}
	a.grads = grads(a.grads, dyv, a.params)
	return a.grads, nil
}

// attentionOutwardBackward takes the gradient of the residual stream back to that of attention's output.
type attentionOutwardBackward Attention

// Do implements kernel.Task on chunks of rows.
func (t *attentionOutwardBackward) Do(i int) {
	a, e, r := (*Attention)(t), t.e, &t.run
	lo, hi := e.chunk(i, a.outward)
	mine := e.borrow()
	defer e.giveBack(mine)
	dy, kept, out := e.factor(r.factor, r.dy, lo, hi), r.dout.Slice(lo, hi), dense(a.state().out, e.rows).Slice(lo, hi)
	dout := kept
	if kept.BF16 != nil {
		dout = growMatrix(&mine.branch, hi-lo, kept.Cols)
	}
	a.output.backwardInput(e, dout, dy, out, false)
	a.kernel().Delta(r.delta[lo*a.Heads:hi*a.Heads], dout, out)
	if kept.BF16 != nil {
		kernel.Narrow(e.Pool, kept, dout)
	}
}

// attentionInwardBackward takes the gradients of queries, keys and values back to the input of the half.
type attentionInwardBackward Attention

// Do implements kernel.Task on chunks of rows.
func (t *attentionInwardBackward) Do(i int) {
	a, e, r := (*Attention)(t), t.e, &t.run
	s := a.state()
	lo, hi := e.chunk(i, a.inward)
	dqkv := r.dqkv.Slice(lo, hi)
	if a.QueryNorm != nil {
		dq, dk, _ := a.split(dqkv)
		a.normHeadsBackward(dq, dk)
	}
	mine := e.borrow()
	defer e.giveBack(mine)
	x := r.x.Slice(lo, hi)
	dh := growMatrix(&mine.branch, hi-lo, x.Cols)
	a.qkv.backwardInput(e, dh, dqkv, s.h.Slice(lo, hi), false)
	kernel.RMSNormBackward(e.Pool, r.dy.Slice(lo, hi), r.dNorm.Row(i), dh, x, a.Norm.Data(), s.inv[lo:hi], true)
}

// normHeadsBackward takes dq and dk back through the norm over each head, in place.
func (a *Attention) normHeadsBackward(dq, dk kernel.Matrix) {
	e, s := a.e, a.state()
	rawQ, rawK, invQ, invK := a.rawHeads(s, dq.Rows)
	for _, side := range [...]struct {
		d, raw kernel.Matrix
		inv    []float32
		weight *Param
	}{{dq, rawQ, invQ, a.QueryNorm}, {dk, rawK, invK, a.KeyNorm}} {
		heads := growMatrix(&e.scratch.low, side.raw.Rows, a.HeadDim)
		e.copyToHeads(heads, side.d)
		kernel.RMSNormBackward(e.Pool, heads, e.gradOrScratch(side.weight), heads, side.raw, side.weight.Data(), side.inv, false)
		e.copyFromHeads(side.d, heads)
	}
}
