package kernel

import "math"

// RMSNormForward computes, for each row of x and each group of D = len(w) columns in it,
//
//	inv = 1/√(Σ_j x_j²/D + eps),   y_j = x_j · inv · w_j
//
// x and y have shape (N, C) and may be the same; C is a multiple of D: equal for the norm of a layer,
// several times for the norm of each head of queries and keys. inv (N, C/D) is kept for the backward
// pass and may be nil. y may be in bf16. Source: Zhang and Sennrich 2019, arXiv:1910.07467.
func RMSNormForward(p *Pool, y, x Matrix, w []float32, eps float32, inv []float32) {
	y.checkFactorShape(x.Rows, x.Cols)
	checkNorm(x, w, inv)
	t := normTasks.get()
	t.y, t.x, t.w, t.eps, t.inv = y, x, w, eps, inv
	p.Run(blockCount(x.Rows, normRows), (*normForward)(t))
	*t = normTask{partial: t.partial}
	normTasks.put(t)
}

// RMSNormBackward computes the gradients of RMSNormForward for each group,
//
//	dx_j += inv·w_j·dy_j − x_j · inv³/D · Σ_i dy_i·w_i·x_i,   dw_j += Σ dy_j · x_j · inv
//
// adding to dx if accumulate is set and overwriting it otherwise; it always adds to dw. dx may be dy.
func RMSNormBackward(p *Pool, dx Matrix, dw []float32, dy, x Matrix, w, inv []float32, accumulate bool) {
	dx.checkShape(x.Rows, x.Cols)
	dy.checkShape(x.Rows, x.Cols)
	checkNorm(x, w, inv)
	if len(dw) != len(w) || inv == nil {
		panic(errLength)
	}
	t := normTasks.get()
	t.y, t.dy, t.x, t.w, t.inv, t.accumulate = dx, dy, x, w, inv, accumulate
	blocks, d := blockCount(x.Rows, normRows), len(w)
	t.partial = grow(t.partial, blocks*d)
	p.Run(blocks, (*normBackward)(t))
	for b := range blocks {
		active.axpy(dw, 1, t.partial[b*d:][:d])
	}
	*t = normTask{partial: t.partial}
	normTasks.put(t)
}

func checkNorm(x Matrix, w, inv []float32) {
	x.check()
	if len(w) == 0 || x.Cols%len(w) != 0 {
		panic(errShape)
	}
	if inv != nil && len(inv) != x.Rows*(x.Cols/len(w)) {
		panic(errLength)
	}
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
	d, groups := len(t.w), t.x.Cols/len(t.w)
	lo, hi := blockRange(item, normRows, t.x.Rows)
	buf := rowBuffers.get()
	defer rowBuffers.put(buf)
	for i := lo; i < hi; i++ {
		xs, ys := t.x.Row(i), t.y.rowFor(i, &buf.first)
		for g := range groups {
			x := xs[g*d : (g+1)*d]
			inv := float32(1 / math.Sqrt(float64(active.dot(x, x))/float64(d)+float64(t.eps)))
			active.mulScaled(ys[g*d:(g+1)*d], x, t.w, inv)
			if t.inv != nil {
				t.inv[i*groups+g] = inv
			}
		}
		t.y.setRow(i, ys)
	}
}

type normBackward normTask

func (t *normBackward) Do(item int) {
	d, groups := len(t.w), t.x.Cols/len(t.w)
	dw := t.partial[item*d:][:d]
	clear(dw)
	gradient := active.normBackward
	if t.accumulate {
		gradient = active.normBackwardAdd
	}
	lo, hi := blockRange(item, normRows, t.x.Rows)
	for i := lo; i < hi; i++ {
		xs, dys, dxs := t.x.Row(i), t.dy.Row(i), t.y.Row(i)
		for at := 0; at < len(xs); at += d {
			x, dy, inv := xs[at:at+d], dys[at:at+d], t.inv[i*groups+at/d]
			b := inv * inv * inv * active.dot3(dy, t.w, x) / float32(d)
			gradient(dxs[at:at+d], dw, dy, x, t.w, inv, b)
		}
	}
}
