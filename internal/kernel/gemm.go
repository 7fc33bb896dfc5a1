package kernel

// Precision says how a matrix product treats its inputs. Sums are float32 always.
type Precision uint8

// The precisions of a product's inputs.
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

// GemmNT computes y = x·wᵀ, or y += x·wᵀ: the forward pass of a linear layer.
// y has shape (M, N), x (M, K), w (N, K). The last bits of a row may change with the number of rows.
func GemmNT(p *Pool, prec Precision, y, x, w Matrix, accumulate bool) {
	x.checkFactor()
	w.checkFactorShape(w.Rows, x.Cols)
	y.checkShape(x.Rows, w.Rows)
	gemm(p, prec, y, operand{Matrix: x}, operand{Matrix: w, transposed: true}, accumulate)
}

// GemmNN computes dx = dy·w, or dx += dy·w: the gradient of a linear layer's input.
// dx has shape (M, N), dy (M, K), w (K, N).
func GemmNN(p *Pool, prec Precision, dx, dy, w Matrix, accumulate bool) {
	dy.checkFactor()
	w.checkFactorShape(dy.Cols, w.Cols)
	dx.checkShape(dy.Rows, w.Cols)
	gemm(p, prec, dx, operand{Matrix: dy}, operand{Matrix: w}, accumulate)
}

// GemmTN computes dw = dyᵀ·x, or dw += dyᵀ·x: the gradient of a linear layer's weights.
// dw has shape (M, N), dy (K, M), x (K, N).
func GemmTN(p *Pool, prec Precision, dw, dy, x Matrix, accumulate bool) {
	dy.checkFactor()
	x.checkFactorShape(dy.Rows, x.Cols)
	dw.checkShape(dy.Cols, x.Cols)
	gemm(p, prec, dw, operand{Matrix: dy, transposed: true}, operand{Matrix: x}, accumulate)
}
