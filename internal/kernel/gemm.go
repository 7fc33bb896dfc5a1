package kernel

import "fmt"

// Precision says how a matrix product treats its inputs. Sums are float32 always.
type Precision uint8

const (
	FP32 Precision = iota // inputs as they are
	BF16                  // inputs rounded to bfloat16, to nearest even: AMX tiles where there are some
)

// String returns fp32 or bf16.
func (p Precision) String() string {
	if p == BF16 {
		return "bf16"
	}
	return "fp32"
}

// ParsePrecision reads fp32 or bf16.
func ParsePrecision(s string) (Precision, error) {
	switch s {
	case "fp32":
		return FP32, nil
	case "bf16":
		return BF16, nil
	}
	return 0, fmt.Errorf("kernel: precision %q is neither fp32 nor bf16", s)
}

// GemmNT computes y = x·wᵀ, or y += x·wᵀ: the forward pass of a linear layer.
// y has shape (M, N), x (M, K), w (N, K).
func GemmNT(p *Pool, prec Precision, y, x, w Matrix, accumulate bool) {
	x.check()
	w.checkShape(w.Rows, x.Cols)
	y.checkShape(x.Rows, w.Rows)
	gemm(p, prec, y, operand{Matrix: x}, operand{Matrix: w, transposed: true}, accumulate)
}

// GemmNN computes dx = dy·w, or dx += dy·w: the gradient of a linear layer's input.
// dx has shape (M, N), dy (M, K), w (K, N).
func GemmNN(p *Pool, prec Precision, dx, dy, w Matrix, accumulate bool) {
	dy.check()
	w.checkShape(dy.Cols, w.Cols)
	dx.checkShape(dy.Rows, w.Cols)
	gemm(p, prec, dx, operand{Matrix: dy}, operand{Matrix: w}, accumulate)
}

// GemmTN computes dw = dyᵀ·x, or dw += dyᵀ·x: the gradient of a linear layer's weights.
// dw has shape (M, N), dy (K, M), x (K, N).
func GemmTN(p *Pool, prec Precision, dw, dy, x Matrix, accumulate bool) {
	dy.check()
	x.checkShape(dy.Rows, x.Cols)
	dw.checkShape(dy.Cols, x.Cols)
	gemm(p, prec, dw, operand{Matrix: dy, transposed: true}, operand{Matrix: x}, accumulate)
}

// Weights are one or several matrices of a linear layer, stacked and laid out for the kernels, so
// that the cost of packing is paid once per optimizer step and not in every product.
//
// Stacking makes one wide product of several: queries, keys and values, or gate and up.
type Weights struct {
	prec     Precision
	out, in  int
	matrices []Matrix
}

// Pack lays out the stack of matrices, all of shape (·, in), for prec, in both orientations. It
// reuses the memory of the previous call. Pack again after the weights have changed; the slices of
// the matrices must stay valid until then.
func (w *Weights) Pack(p *Pool, prec Precision, matrices ...Matrix) {
	w.prec, w.out, w.in = prec, 0, matrices[0].Cols
	for _, m := range matrices {
		m.checkShape(m.Rows, w.in)
		w.out += m.Rows
	}
	w.matrices = append(w.matrices[:0], matrices...)
}

// Shape returns the rows (outputs) and columns (inputs) of the stack.
func (w *Weights) Shape() (out, in int) { return w.out, w.in }

// Forward computes y = x·wᵀ, or y += x·wᵀ; y has shape (M, out), x (M, in).
func (w *Weights) Forward(p *Pool, y, x Matrix, accumulate bool) {
	x.checkShape(x.Rows, w.in)
	y.checkShape(x.Rows, w.out)
	at := 0
	for _, m := range w.matrices {
		GemmNT(p, w.prec, y.Columns(at, at+m.Rows), x, m, accumulate)
		at += m.Rows
	}
}

// Backward computes dx = dy·w, or dx += dy·w; dx has shape (M, in), dy (M, out).
func (w *Weights) Backward(p *Pool, dx, dy Matrix, accumulate bool) {
	dy.checkShape(dy.Rows, w.out)
	dx.checkShape(dy.Rows, w.in)
	at := 0
	for _, m := range w.matrices {
		GemmNN(p, w.prec, dx, dy.Columns(at, at+m.Rows), m, accumulate || at > 0)
		at += m.Rows
	}
}

// operand is a matrix as a factor: Matrix, or its transpose.
type operand struct {
	Matrix
	transposed bool
}

// at returns element (i, j) of the factor.
func (o operand) at(i, j int) float32 {
	if o.transposed {
		i, j = j, i
	}
	return o.Data[i*o.Stride+j]
}

func gemm(p *Pool, prec Precision, c Matrix, a, b operand, accumulate bool) {
	k := a.Cols
	if a.transposed {
		k = a.Rows
	}
	p.For(blockCount(c.Rows, 16), func(item int) {
		lo, hi := blockRange(item, 16, c.Rows)
		for i := lo; i < hi; i++ {
			row := c.Row(i)
			if !accumulate {
				clear(row)
			}
			for j := range k {
				av := a.at(i, j)
				if prec == BF16 {
					av = roundBF16(av)
				}
				for q := range row {
					bv := b.at(j, q)
					if prec == BF16 {
						bv = roundBF16(bv)
					}
					row[q] += av * bv
				}
			}
		}
	})
}
