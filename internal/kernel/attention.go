package kernel

import "math"

// Attention describes causal grouped-query attention over packed sequences.
//
// Rows are the N positions of all sequences one after another. Row i attends rows Start[i] … i; rows
// of one sequence share the Start of its first row, and Start never decreases. Query head h reads KV
// head h / (Heads/KVHeads).
//
// Queries and outputs have shape (N, Heads·HeadDim), keys and values (N, KVHeads·HeadDim); all may
// be column blocks of wider matrices. Where [KeepsBF16] holds, queries, keys, values and the gradient
// of outputs may be in bf16. No T×T matrix is kept: the backward pass recomputes probabilities in tiles
// from LSE (Dao et al. 2022, arXiv:2205.14135).
type Attention struct {
	Heads, KVHeads, HeadDim int
	Start                   []int32
	Precision               Precision

	// Rotation, where it is not nil, is what queries and keys were rotated by before Forward, row i by
	// Positions[i]: Backward takes their gradients back through it.
	Rotation  *RoPE
	Positions []int32
}

// Forward computes, for every row i and head,
//
//	s_j = q_i·k_j / √D for Start[i] ≤ j ≤ i,   lse_i = log Σ_j exp(s_j),   out_i = Σ_j exp(s_j − lse_i) · v_j
//
// lse has shape (Heads, N) and is what Backward needs.
func (a Attention) Forward(p *Pool, out, q, k, v Matrix, lse []float32) {
	a.check(q, k, v, lse)
	out.checkShape(q.Rows, q.Cols)
	t := attentionTasks.get()
	t.Attention, t.engine, t.out, t.q, t.k, t.v, t.lse = a, attentionEngine(a.Precision), out, q, k, v, lse
	t.scale = float32(1 / math.Sqrt(float64(a.HeadDim)))
	p.Run(blockCount(q.Rows, attentionBlock)*a.KVHeads, (*attentionForward)(t))
	t.forget()
	attentionTasks.put(t)
}

// Delta computes delta (N, Heads), delta_i = dout_i·out_i of each head, for any rows of dout and out.
func (a Attention) Delta(delta []float32, dout, out Matrix) {
	out.checkShape(out.Rows, a.Heads*a.HeadDim)
	dout.checkShape(out.Rows, out.Cols)
	if len(delta) != out.Rows*a.Heads {
		panic(errLength)
	}
	d := a.HeadDim
	for i := range out.Rows {
		x, y := out.Row(i), dout.Row(i)
		for h := range a.Heads {
			delta[i*a.Heads+h] = active.dot(x[h*d:(h+1)*d], y[h*d:(h+1)*d])
		}
	}
}

// Backward computes the gradients of Forward from dout, with P_ij = exp(s_ij − lse_i):
//
//	dv_j = Σ_i P_ij dout_i;  dS_ij = P_ij (dout_i·v_j − delta_i) / √D;  dq_i = Σ_j dS_ij k_j;  dk_j = Σ_i dS_ij q_i
//
// lse is that of Forward, delta that of Delta. dq, dk and dv are overwritten and must not overlap the inputs;
// they may be in bf16 where those may.
func (a Attention) Backward(p *Pool, dq, dk, dv, dout, q, k, v Matrix, lse, delta []float32) {
	a.check(q, k, v, lse)
	if len(delta) != len(lse) {
		panic(errLength)
	}
	a.checkFactor(dout, q.Rows, q.Cols)
	a.checkFactor(dq, q.Rows, q.Cols)
	a.checkFactor(dk, k.Rows, k.Cols)
	a.checkFactor(dv, k.Rows, k.Cols)
	if a.Rotation != nil && (a.Rotation.HeadDim != a.HeadDim || len(a.Positions) != q.Rows) {
		panic(errShape)
	}
	t := attentionTasks.get()
	t.Attention, t.engine, t.out, t.q, t.k, t.v, t.lse = a, attentionEngine(a.Precision), Matrix{}, q, k, v, lse
	t.dout, t.dq, t.dk, t.dv, t.delta = dout, dq, dk, dv, delta
	t.scale = float32(1 / math.Sqrt(float64(a.HeadDim)))
	t.spans = appendSpans(t.spans[:0], a.Start)
	p.Run(len(t.spans)*a.KVHeads, (*attentionBackward)(t))
	t.forget()
	attentionTasks.put(t)
}

// attentionTask is one call on its way.
type attentionTask struct {
	Attention
	engine       engine
	scale        float32
	out, q, k, v Matrix
	lse          []float32
	dout         Matrix
	dq, dk, dv   Matrix
	delta        []float32
	spans        []span
}

var attentionTasks = newRecycler[attentionTask]()

// forget drops what belongs to the caller.
func (t *attentionTask) forget() { *t = attentionTask{spans: t.spans} }

// head returns the columns of one head.
func (t *attentionTask) head(m Matrix, h int) Matrix { return m.Columns(h*t.HeadDim, (h+1)*t.HeadDim) }

// visible returns which of the keys [c0, c0+n) row i attends, relative to c0; none if hi ≤ lo.
func (t *attentionTask) visible(i, c0, n int) (lo, hi int) {
	return max(int(t.Start[i])-c0, 0), min(i+1-c0, n)
}

func (a Attention) check(q, k, v Matrix, lse []float32) {
	a.checkFactor(q, len(a.Start), a.Heads*a.HeadDim)
	a.checkFactor(k, len(a.Start), a.KVHeads*a.HeadDim)
	a.checkFactor(v, len(a.Start), a.KVHeads*a.HeadDim)
	if len(lse) != a.Heads*q.Rows {
		panic(errLength)
	}
	if a.KVHeads == 0 || a.Heads%a.KVHeads != 0 {
		panic(errShape)
	}
}

// checkFactor panics unless m is a valid (rows, cols) view that the products of a.Precision take.
func (a Attention) checkFactor(m Matrix, rows, cols int) {
	m.checkFactorShape(rows, cols)
	if m.BF16 != nil && !KeepsBF16(a.Precision) {
		panic(errBF16)
	}
}
