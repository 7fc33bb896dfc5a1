package panel

import "math"

// Input holds activation rows and, if asked for, their 8-bit form. It is reused from product to product; the zero value
// is empty. One goroutine sets it, many may read it.
type Input struct {
	Rows, Cols int
	X          []float32 // (Rows, Cols), the caller's

	// The 8-bit form: x ≈ d·q in blocks of 32 columns.
	q      []int8    // (Rows, Cols)
	d      []float32 // (Rows, Cols/32)
	sum32  []int32   // (Rows, Cols/32): sums of q, for symmetric weights
	sum16  []int32   // (Rows, Cols/16)
	dsum32 []float32 // d·sum32, for weights with minima
	dsum16 []float32
}

// Set makes in hold the rows of x, which has shape (rows, columns) and must stay unchanged while in is used. With
// quantized set it computes the 8-bit form; columns must then be a multiple of 32.
func (in *Input) Set(x []float32, rows, columns int, quantized bool) {
	if len(x) < rows*columns {
		panic(errInput)
	}
	in.Rows, in.Cols, in.X = rows, columns, x[:rows*columns]
	if !quantized {
		in.q = in.q[:0]
		return
	}
	in.grow(rows, columns)
	for i := range rows {
		in.QuantizeRow(i)
	}
}

// grow makes room for the 8-bit form.
func (in *Input) grow(rows, columns int) {
	if columns%32 != 0 {
		panic(errInput)
	}
	n := rows * columns
	in.q = resized(in.q, n)
	in.d = resized(in.d, n/32)
	in.sum32, in.dsum32 = resized(in.sum32, n/32), resized(in.dsum32, n/32)
	in.sum16, in.dsum16 = resized(in.sum16, n/16), resized(in.dsum16, n/16)
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}

// QuantizeRow computes the 8-bit form of row i.
func (in *Input) QuantizeRow(i int) {
	n := in.Cols
	active.quantize(in.X[i*n:(i+1)*n], in.q[i*n:(i+1)*n], in.d[i*n/32:(i+1)*n/32])
	for b := range n / 32 {
		at := i*n/32 + b
		q := in.q[at*32 : at*32+32]
		low, high := sum(q[:16]), sum(q[16:])
		in.sum16[2*at], in.sum16[2*at+1], in.sum32[at] = low, high, low+high
		in.dsum16[2*at], in.dsum16[2*at+1] = in.d[at]*float32(low), in.d[at]*float32(high)
		in.dsum32[at] = in.d[at] * float32(low+high)
	}
}

func sum(q []int8) (s int32) {
	for _, v := range q {
		s += int32(v)
	}
	return s
}

// quantizeReference sets q = round(x·127/max|x|), ties to even, and d = max|x|/127 rounded to binary16, block by block:
// ggml's Q8_0 activations, so that a model chooses the same tokens here and there.
func quantizeReference(x []float32, q []int8, d []float32) {
	for b := range d {
		block := x[b*32 : b*32+32]
		var largest float32
		for _, v := range block {
			largest = max(largest, float32(math.Abs(float64(v))))
		}
		d[b] = roundToFloat16(largest / 127)
		var inverse float32
		if largest != 0 {
			inverse = 127 / largest
		}
		for j, v := range block {
			q[b*32+j] = int8(math.RoundToEven(float64(v * inverse)))
		}
	}
}
