package kernel

// routines is one implementation of every inner loop. Lengths are checked by the callers: all slices
// of a call are as long as its first. The reference loops in reference.go say what each computes.
type routines struct {
	name   string
	tile   tile   // of the float32 matrix product
	tiles  engine // of the bf16 matrix product; nil without tiles
	floats engine // of the float32 one where tiles do that; nil elsewhere

	fmaPeak   func(n int) // rounds of fmaFlops operations on registers; nil in plain Go
	fmaFlops  float64
	tilePeak  func(n int) // the same for bf16 tiles
	tileFlops float64

	max             func(x []float32) float32
	dot             func(x, y []float32) float32
	dot3            func(x, y, z []float32) float32
	scale           func(x []float32, a float32)
	axpy            func(y []float32, a float32, x []float32)
	axpby           func(y []float32, a float32, x []float32, b float32)
	mulAffine       func(x, y []float32, a, b float32)
	add             func(dst, x, y []float32)
	expBoth         func(p, q, d, x, y []float32, shiftX, shiftY, rate float32) (p1, q1, pd, qd float32)
	jsd             func(d, p, q []float32, mp, mq, a, b, c float32) (pl, qg float32)
	skewForward     func(d, p, q []float32, mp, mq, a, b, c float32) (pl, qg float32)
	skewReverse     func(d, p, q []float32, mp, mq, a, b, c float32) (ql, qg float32)
	totalVariation  func(g, p, q []float32, mp, mq float32) (vg, qg float32)
	expShifted      func(dst, x []float32, shift, rate float32) float32
	mulScaled       func(dst, x, w []float32, a float32)
	normBackward    func(dx, dw, dy, x, w []float32, a, b float32)
	normBackwardAdd func(dx, dw, dy, x, w []float32, a, b float32)
	rotate          func(lo, hi, cos, sin []float32, direction float32)
	swiglu          func(a, gate, up []float32)
	swigluBackward  func(dgate, dup, da, gate, up []float32)
	scoreGradient   func(p, dp []float32, scale, shift, rate, delta float32)
	adamW           func(w, g, m, v []float32, c *adamCoefficients)
	narrow          func(dst []uint16, x []float32) // bf16 as tiles round it; nil without tiles
	transpose       func(dst []float32, width int, src []float32, stride, n, k int)
	toBF16          func(dst []uint16, x []float32)
	fromBF16        func(dst []float32, x []uint16)
	toF16           func(dst []uint16, x []float32)
	fromF16         func(dst []float32, x []uint16)
}
