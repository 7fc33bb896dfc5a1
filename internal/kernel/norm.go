package kernel

import "math"

// RMSNormForward computes, for each row of x,
//
//	inv = 1/√(Σ_j x_j²/C + eps),   y_j = x_j · inv · w_j
//
// x and y have shape (N, C) and may be the same; w has C elements; inv (N) is kept for the backward
// pass and may be nil. For the per-head norm of queries and keys view them as (heads, D) matrices.
// Source: Zhang and Sennrich 2019, arXiv:1910.07467.
func RMSNormForward(p *Pool, y, x Matrix, w []float32, eps float32, inv []float32) {
	y.checkShape(x.Rows, x.Cols)
	x.check()
	if len(w) != x.Cols || inv != nil && len(inv) != x.Rows {
		panic(errLength)
	}
	t := normTasks.get()
	t.y, t.x, t.w, t.eps, t.inv = y, x, w, eps, inv
	p.Run(blockCount(x.Rows, normRows), (*normForward)(t))
	*t = normTask{partial: t.partial}
	normTasks.put(t)
}

// RMSNormBackward computes the gradients of RMSNormForward for each row,
//
//	dx_j += inv·w_j·dy_j − x_j · inv³/C · Σ_i dy_i·w_i·x_i,   dw_j += Σ_rows dy_j · x_j · inv
//
// adding to dx if accumulate is set and overwriting it otherwise; it always adds to dw. dx may be dy.
func RMSNormBackward(p *Pool, dx Matrix, dw []float32, dy, x Matrix, w, inv []float32, accumulate bool) {
	dx.checkShape(x.Rows, x.Cols)
	dy.checkShape(x.Rows, x.Cols)
	x.check()
	if len(w) != x.Cols || len(dw) != x.Cols || len(inv) != x.Rows {
		panic(errLength)
	}
	t := normTasks.get()
	t.y, t.dy, t.x, t.w, t.inv, t.accumulate = dx, dy, x, w, inv, accumulate
	blocks := blockCount(x.Rows, normRows)
	t.partial = grow(t.partial, blocks*x.Cols)
	p.Run(blocks, (*normBackward)(t))
	for b := range blocks {
		active.axpy(dw, 1, t.partial[b*x.Cols:][:x.Cols])
	}
	*t = normTask{partial: t.partial}
	normTasks.put(t)
}

// normRows is how many rows a task takes: enough to amortise a claim, and the unit in which the
// gradient of w is summed.
const normRows = 64

type normTask struct {
	y, dy, x   Matrix
	w, inv     []float32
	partial    []float32 // one gradient of w per block of rows
	eps        float32
	accumulate bool
}

var normTasks = newRecycler[normTask]()

type normForward normTask

func (t *normForward) Do(item int) {
	lo, hi := blockRange(item, normRows, t.x.Rows)
	for i := lo; i < hi; i++ {
		x := t.x.Row(i)
		inv := float32(1 / math.Sqrt(float64(active.dot(x, x))/float64(len(x))+float64(t.eps)))
		active.mulScaled(t.y.Row(i), x, t.w, inv)
		if t.inv != nil {
			t.inv[i] = inv
		}
	}
}

type normBackward normTask

func (t *normBackward) Do(item int) {
	c := t.x.Cols
	dw := t.partial[item*c:][:c]
	clear(dw)
	gradient := active.normBackward
	if t.accumulate {
		gradient = active.normBackwardAdd
	}
	lo, hi := blockRange(item, normRows, t.x.Rows)
	for i := lo; i < hi; i++ {
		x, dy, inv := t.x.Row(i), t.dy.Row(i), t.inv[i]
		dot := active.dot3(dy, t.w, x)
		gradient(t.y.Row(i), dw, dy, x, t.w, inv, inv*inv*inv*dot/float32(c))
	}
}
