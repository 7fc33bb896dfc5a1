package kernel

import (
	"math"
)

// reference is plain Go: what each routine means, the oracle of the tests and the last resort.
var reference = routines{
	name:            "purego",
	tile:            tile{rows: 4, columns: 4, cache: cacheShares{depth: 256, b: 32 << 10, c: 32 << 10}, byRows: goKernels, byColumns: goKernels},
	max:             maxReference,
	dot:             dotReference,
	dot3:            dot3Reference,
	scale:           scaleReference,
	axpy:            axpyReference,
	axpby:           axpbyReference,
	mulAffine:       mulAffineReference,
	add:             addReference,
	expBoth:         expBothReference,
	jsd:             jsdReference,
	skewForward:     skewForwardReference,
	skewReverse:     skewReverseReference,
	totalVariation:  totalVariationReference,
	expShifted:      expShiftedReference,
	mulScaled:       mulScaledReference,
	normBackward:    normBackwardReference,
	normBackwardAdd: normBackwardAddReference,
	rotate:          rotateReference,
	swiglu:          swigluReference,
	swigluBackward:  swigluBackwardReference,
	scoreGradient:   scoreGradientReference,
	adamW:           adamWReference,
	transpose:       transposeReference,
	toBF16:          toBF16Reference,
	fromBF16:        fromBF16Reference,
	toF16:           toF16Reference,
	fromF16:         fromF16Reference,
}

func maxReference(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

func dotReference(x, y []float32) float32 {
	s := float32(0)
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func dot3Reference(x, y, z []float32) float32 {
	s := float32(0)
	for i, v := range x {
		s += v * y[i] * z[i]
	}
	return s
}

func scaleReference(x []float32, a float32) {
	for i := range x {
		x[i] *= a
	}
}

func axpyReference(y []float32, a float32, x []float32) {
	for i, v := range x {
		y[i] += a * v
	}
}

func axpbyReference(y []float32, a float32, x []float32, b float32) {
	for i, v := range x {
		y[i] = a*v + b*y[i]
	}
}

func mulAffineReference(x, y []float32, a, b float32) {
	for i, v := range y {
		x[i] *= a*v + b
	}
}

func addReference(dst, x, y []float32) {
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

// expShiftedReference makes 2^(rate·(x − shift)), and their sum.
func expShiftedReference(dst, x []float32, shift, rate float32) float32 {
	s := float32(0)
	for i, v := range x {
		dst[i] = exp2(rate, v, shift)
		s += dst[i]
	}
	return s
}

func exp2(rate, x, shift float32) float32 {
	return float32(math.Exp2(float64(rate) * (float64(x) - float64(shift))))
}

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

func mulScaledReference(dst, x, w []float32, a float32) {
	for i := range dst {
		dst[i] = x[i] * a * w[i]
	}
}

func normBackwardReference(dx, dw, dy, x, w []float32, a, b float32) {
	for i := range dx {
		d := dy[i] * a
		dw[i] += d * x[i]
		dx[i] = d*w[i] - b*x[i]
	}
}

func normBackwardAddReference(dx, dw, dy, x, w []float32, a, b float32) {
	for i := range dx {
		d := dy[i] * a
		dw[i] += d * x[i]
		dx[i] += d*w[i] - b*x[i]
	}
}

func rotateReference(lo, hi, cos, sin []float32, direction float32) {
	for i := range lo {
		s := sin[i] * direction
		l, h := lo[i], hi[i]
		lo[i] = l*cos[i] - h*s
		hi[i] = h*cos[i] + l*s
	}
}

func swigluReference(a, gate, up []float32) {
	for i := range a {
		g := gate[i]
		a[i] = g / (1 + exp(-g)) * up[i]
	}
}

func swigluBackwardReference(dgate, dup, da, gate, up []float32) {
	for i := range dgate {
		d, g, u := da[i], gate[i], up[i]
		s := 1 / (1 + exp(-g))
		dgate[i] = d * s * u * (1 + g*(1-s))
		dup[i] = d * s * g
	}
}

// scoreGradientReference turns scores into probabilities p and the gradients of probabilities into
// those of scores.
func scoreGradientReference(p, dp []float32, scale, shift, rate, delta float32) {
	for i, s := range p {
		p[i] = exp2(rate, s, shift)
		dp[i] = (dp[i] - delta) * p[i] * scale
	}
}

func adamWReference(w, g, m, v []float32, c *adamCoefficients) {
	for i := range w {
		d := g[i] * c.gradScale
		m[i] = c.beta1*m[i] + c.oneMinus1*d
		v[i] = c.beta2*v[i] + c.oneMinus2*d*d
		w[i] = c.keep*w[i] - c.step*m[i]/(float32(math.Sqrt(float64(c.root*v[i])))+c.eps)
		g[i] = 0
	}
}

func toBF16Reference(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = bf16Bits(v)
	}
}

// bf16Bits rounds to nearest even; a NaN keeps its sign and becomes quiet.
func bf16Bits(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func roundBF16(v float32) float32 { return math.Float32frombits(uint32(bf16Bits(v)) << 16) }

func fromBF16(v uint16) float32 { return math.Float32frombits(uint32(v) << 16) }

func fromBF16Reference(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = fromBF16(v)
	}
}

// transposeReference packs n rows of k elements as k rows of width ≥ n, with zeros behind them.
func transposeReference(dst []float32, width int, src []float32, stride, n, k int) {
	if n < width {
		clear(dst[:k*width])
	}
	scatterRows(dst, width, src, stride, n, k)
}
