package nn

import (
	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Adapter is a low-rank addition to a linear layer, y += Scale · (x·Aᵀ)·Bᵀ with A of shape (rank, in) and B (out, rank).
// Source: Hu et al. 2021, arXiv:2106.09685, section 4.1; Scale is their alpha/rank.
type Adapter struct {
	A, B    *Param
	Scale   float32
	Dropout float32 // share of x's elements that the adapter does not see in training, the others being scaled up

	hidden []float32 // Scale · x·Aᵀ of the last forward pass
}

func (a *Adapter) rank() int { return a.A.Shape()[0] }

func (a *Adapter) forward(e *Engine, y, x kernel.Matrix) {
	h := growMatrix(&a.hidden, x.Rows, a.rank())
	a.hidden = h.Data
	kernel.GemmNT(e.Pool, e.Precision, h, a.seen(e, x), a.A.matrix(a.A.Data()), false)
	kernel.Scale(h.Data, a.Scale)
	kernel.GemmNT(e.Pool, e.Precision, y, h, a.B.matrix(a.B.Data()), true)
}

// backward adds to dx and to the gradients of A and B.
func (a *Adapter) backward(e *Engine, dx, dy, x kernel.Matrix) {
	h := growMatrix(&a.hidden, x.Rows, a.rank())
	kernel.GemmTN(e.Pool, e.Precision, a.B.matrix(a.B.GradData()), dy, h, true)
	dh := growMatrix(&e.scratch.low, x.Rows, a.rank())
	kernel.GemmNN(e.Pool, e.Precision, dh, dy, a.B.matrix(a.B.Data()), false)
	kernel.Scale(dh.Data, a.Scale)
	kernel.GemmTN(e.Pool, e.Precision, a.A.matrix(a.A.GradData()), dh, a.seen(e, x), true)
	if a.Dropout == 0 {
		kernel.GemmNN(e.Pool, e.Precision, dx, dh, a.A.matrix(a.A.Data()), true)
		return
	}
	d := growMatrix(&e.scratch.dropped, dx.Rows, dx.Cols)
	kernel.GemmNN(e.Pool, e.Precision, d, dh, a.A.matrix(a.A.Data()), false)
	a.mask(e, d, d)
	e.eachRow(rowTask{do: addRow, a: dx, b: d})
}

// seen returns what of x the adapter sees: all of it but in training with dropout.
func (a *Adapter) seen(e *Engine, x kernel.Matrix) kernel.Matrix {
	if a.Dropout == 0 || e.Inference {
		return x
	}
	d := growMatrix(&e.scratch.dropped, x.Rows, x.Cols)
	a.mask(e, d, x)
	return d
}

// mask sets dst to src without the dropped elements; the two may be the same. Which ones are dropped is a hash of the
// adapter, the tokens of the batch and the position, so a run that is resumed drops the same ones, and so does the
// backward pass.
func (a *Adapter) mask(e *Engine, dst, src kernel.Matrix) {
	seed := e.batchHash ^ xxhash.Sum64String(a.A.name)
	drop, keep := uint64(float64(a.Dropout)*(1<<32)), 1/(1-a.Dropout)
	e.Pool.For((dst.Rows+rowsPerTask-1)/rowsPerTask, func(block int) {
		for i := block * rowsPerTask; i < min(dst.Rows, (block+1)*rowsPerTask); i++ {
			to, from := dst.Row(i), src.Row(i)
			for j, v := range from {
				to[j] = v * keep
				if splitmix(seed+uint64(i*dst.Cols+j))>>32 < drop {
					to[j] = 0
				}
			}
		}
	})
}

// splitmix is the finaliser of SplitMix64 (Steele et al. 2014).
func splitmix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Merge returns the weights of a layer with its adapter folded in, w + Scale · B·A, in the memory of buf where that is
// large enough.
func (a *Adapter) Merge(buf []float32, w *Param) []float32 {
	out, in := w.Shape()[0], w.Shape()[1]
	merged := grow(&buf, out*in)
	w.Rows(merged, 0, out)
	up, down := a.B.Data(), a.A.Data()
	for i := range out {
		row := merged[i*in : (i+1)*in]
		for r := range a.rank() {
			kernel.Axpy(row, a.Scale*up[i*a.rank()+r], down[r*in:(r+1)*in])
		}
	}
	return merged
}
