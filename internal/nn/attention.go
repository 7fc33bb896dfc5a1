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

	e           *Engine
	qkv, output *linear
	own         attentionState
	y, dx       *tensor.Dense
	params      Params
	grads       []G.Value
}

// attentionState is what the backward pass needs of the forward pass.
type attentionState struct {
	inv  []float32     // (N)
	h    kernel.Matrix // (N, C)
	qkv  []float32     // (N, (H+2K)·D) as attended to
	raw  []float32     // (N, (H+K)·D) queries and keys before their norm, where there is one
	head []float32     // (N·(H+K)) factors of that norm
	lse  []float32     // (H, N)
	out  []float32     // (N, H·D)
}

// Apply adds the half to the graph.
func (a *Attention) Apply(e *Engine, in Inputs, x *G.Node) (*G.Node, error) {
	a.e = e
	a.qkv = newLinear(e, Params{a.Query, a.Key, a.Value}, Params{a.QueryBias, a.KeyBias, a.ValueBias},
		[]*Adapter{a.QueryAdapter, a.KeyAdapter, a.ValueAdapter})
	a.output = newLinear(e, Params{a.Output}, nil, []*Adapter{a.OutputAdapter})
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
	a.attend(x)
	y := growTensor(&a.y, x.Rows, x.Cols)
	out := dense(data(y), x.Rows)
	a.e.copyMatrix(out, x)
	heads := dense(a.state().out, x.Rows)
	a.output.forward(a.e, out, heads, true)
	if a.Watch != nil {
		a.Watch(x, out, a.state().h, heads)
	}
	return y, nil
}

// attend computes everything up to the input of the output projection.
func (a *Attention) attend(x kernel.Matrix) {
	s, e, n := a.state(), a.e, x.Rows
	e.growFactor(&s.h, n, x.Cols, a.Watch != nil || a.qkv.masks())
	s.inv = grow(&s.inv, n)
	kernel.RMSNormForward(e.Pool, s.h, x, a.Norm.Data(), a.Eps, s.inv)
	all := growMatrix(&s.qkv, n, (a.Heads+2*a.KVHeads)*a.HeadDim)
	s.qkv = all.Data
	a.qkv.forward(e, all, s.h, false)
	q, k, v := a.split(all)
	if a.QueryNorm != nil {
		a.normHeads(q, k)
	}
	kernel.RoPEForward(e.Pool, q, a.RoPE, e.layout.position)
	kernel.RoPEForward(e.Pool, k, a.RoPE, e.layout.position)
	out := growMatrix(&s.out, n, a.Heads*a.HeadDim)
	s.out, s.lse = out.Data, grow(&s.lse, a.Heads*n)
	a.kernel().Forward(e.Pool, out, q, k, v, s.lse)
}

func (a *Attention) kernel() kernel.Attention {
	return kernel.Attention{Heads: a.Heads, KVHeads: a.KVHeads, HeadDim: a.HeadDim, Start: a.e.layout.start, Precision: a.e.Precision}
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
	out := dense(s.out, n)
	dout := growMatrix(&e.scratch.branch, n, out.Cols)
	a.output.backward(e, dout, dy, out, false)
	q, k, v := a.split(dense(s.qkv, n))
	dall := growMatrix(&e.scratch.wide, n, len(s.qkv)/n)
	dq, dk, dv := a.split(dall)
	a.kernel().Backward(e.Pool, dq, dk, dv, dout, out, q, k, v, s.lse)
	kernel.RoPEBackward(e.Pool, dq, a.RoPE, e.layout.position)
	kernel.RoPEBackward(e.Pool, dk, a.RoPE, e.layout.position)
	if a.QueryNorm != nil {
		a.normHeadsBackward(dq, dk)
	}
	dh := growMatrix(&e.scratch.branch, n, x.Cols)
	a.qkv.backward(e, dh, dall, s.h, false)
	dxv := growTensor(&a.dx, n, x.Cols)
	dx := dense(data(dxv), n)
	e.copyMatrix(dx, dy)
	kernel.RMSNormBackward(e.Pool, dx, e.gradOrScratch(a.Norm), dh, x, a.Norm.Data(), s.inv, true)
	a.grads = grads(a.grads, dxv, a.params)
	return a.grads, nil
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
