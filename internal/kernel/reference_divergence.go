package kernel

import "math"

func expBothReference(p, q, d, x, y []float32, shiftX, shiftY, rate float32) (p1, q1, pd, qd float32) {
	var sumP, sumQ, sumPD, sumQD float64
	for i := range p {
		s, t := x[i], y[i]
		d[i] = s - t
		p[i], q[i] = exp2(rate, s, shiftX), exp2(rate, t, shiftY)
		sumP, sumQ = sumP+float64(p[i]), sumQ+float64(q[i])
		sumPD, sumQD = sumPD+product(p[i], d[i]), sumQD+product(q[i], d[i])
	}
	return float32(sumP), float32(sumQ), float32(sumPD), float32(sumQD)
}

// mixedReference returns the share of mp·p in the mixture m = mp·p + mq·q, the logarithm u = b − c·d of what mq·q is in terms of
// p, and that of m, log(exp(a) + exp(u)), where exp(a) is mp and exp(u) is mq·q/p. Where both parts are next to nothing the
// share is 0: they count for nothing.
func mixedReference(d, p, q, mp, mq, a, b, c float32) (share, u, l float32) {
	part := mp * p
	share = part / (part + mq*q + 0x1p-120)
	u = b - c*d
	return share, u, max(a, u) - float32(math.Log(float64(max(share, 1-share))))
}

func jsdReference(d, p, q []float32, mp, mq, a, b, c float32) (pl, qg float32) {
	var sumP, sumQ float64
	for i := range d {
		_, u, l := mixedReference(d[i], p[i], q[i], mp, mq, a, b, c)
		d[i] = l - u
		sumP, sumQ = sumP+product(p[i], l), sumQ+product(q[i], d[i])
	}
	return float32(sumP), float32(sumQ)
}

func skewForwardReference(d, p, q []float32, mp, mq, a, b, c float32) (pl, qg float32) {
	var sumP, sumQ float64
	for i := range d {
		share, _, l := mixedReference(d[i], p[i], q[i], mp, mq, a, b, c)
		d[i] = share
		sumP, sumQ = sumP+product(p[i], l), sumQ+product(q[i], share)
	}
	return float32(sumP), float32(sumQ)
}

func skewReverseReference(d, p, q []float32, mp, mq, a, b, c float32) (ql, qg float32) {
	var sumL, sumQ float64
	for i := range d {
		share, u, l := mixedReference(d[i], p[i], q[i], mp, mq, a, b, c)
		d[i] = l - u - share
		sumL, sumQ = sumL+product(q[i], l-u), sumQ+product(q[i], d[i])
	}
	return float32(sumL), float32(sumQ)
}

func totalVariationReference(g, p, q []float32, mp, mq float32) (vg, qg float32) {
	var sumV, sumQ float64
	for i := range g {
		v := mq*q[i] - mp*p[i]
		g[i] = max(-0.5, min(0.5, 0x1p120*v))
		sumV, sumQ = sumV+product(v, g[i]), sumQ+product(q[i], g[i])
	}
	return float32(sumV), float32(sumQ)
}

// product is exact.
func product(x, y float32) float64 { return float64(x) * float64(y) }
