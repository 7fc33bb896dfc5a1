package kernel

import "math"

// The divergences of a student's distribution from a teacher's over a whole vocabulary, in as few passes as they allow, each
// over rows that lie in a cache by then: [ExpBoth] makes exponentials of both, [JSD] and the others the terms of a divergence
// and its derivative, and [MulAffine] or [Axpby] the gradient with respect to logits. p and q are not normalised: what would
// make distributions of them goes into the factors of later passes.

// BothSums is what one pass over exponentials p and q and the difference d of what they were made of sums.
type BothSums struct{ P, Q, PD, QD float64 } // Σp, Σq, Σ p·d, Σ q·d

// ExpBoth sets p[i] = exp(a·(x[i] − shiftX)), q[i] = exp(a·(y[i] − shiftY)) and d[i] = x[i] − y[i], and returns their sums; see
// [ExpShifted]. p or d may be x, and q or d may be y.
func ExpBoth(p, q, d, x, y []float32, a, shiftX, shiftY float32) (sums BothSums) {
	if len(q) != len(p) || len(d) != len(p) || len(x) != len(p) || len(y) != len(p) {
		panic(errLength)
	}
	for lo := 0; lo < len(p); lo += reduceBlock {
		hi := min(lo+reduceBlock, len(p))
		p1, q1, pd, qd := active.expBoth(p[lo:hi], q[lo:hi], d[lo:hi], x[lo:hi], y[lo:hi], shiftX, shiftY, rate(a))
		sums.P += float64(p1)
		sums.Q += float64(q1)
		sums.PD += float64(pd)
		sums.QD += float64(qd)
	}
	return sums
}

// Mixture is m = P·p + Q·q, of exponentials p and q. With log q/p = Ratio − A·d where p and q are made distributions, and
// P = β/Σp, Q = (1−β)/Σq, it is the mixture β·p + (1−β)·q of these.
type Mixture struct {
	P, Q     float64
	Beta     float64 // share of the distribution p, in (0, 1)
	Ratio, A float64
}

// logs returns log β and what becomes log (1−β)·q/p when A·d is taken from it.
func (m Mixture) logs() (a, b float32) {
	return float32(math.Log(m.Beta)), float32(math.Log(1-m.Beta) + m.Ratio)
}

// JSD sets d[i] to log m/q − log 1/(1−β) and returns Σ p·log m/p and Σ q·d. Absolute errors of the logarithms are below 4e-7
// beside that of d.
func (m Mixture) JSD(d, p, q []float32) (pl, qd float64) { return m.pass(active.jsd, d, p, q) }

// SkewForward sets d[i] to β·p/m, the share of p in the mixture, and returns Σ p·log m/p and Σ q·d.
func (m Mixture) SkewForward(d, p, q []float32) (pl, qd float64) {
	return m.pass(active.skewForward, d, p, q)
}

// SkewReverse sets d[i] to l − β·p/m, where l = log m/q − log 1/(1−β), and returns Σ q·l and Σ q·d.
func (m Mixture) SkewReverse(d, p, q []float32) (ql, qd float64) {
	return m.pass(active.skewReverse, d, p, q)
}

func (m Mixture) pass(f func(d, p, q []float32, mp, mq, a, b, c float32) (x, y float32), d, p, q []float32) (sumX, sumY float64) {
	if len(p) != len(d) || len(q) != len(d) {
		panic(errLength)
	}
	a, b := m.logs()
	for lo := 0; lo < len(d); lo += reduceBlock {
		hi := min(lo+reduceBlock, len(d))
		x, y := f(d[lo:hi], p[lo:hi], q[lo:hi], float32(m.P), float32(m.Q), a, b, float32(m.A))
		sumX += float64(x)
		sumY += float64(y)
	}
	return sumX, sumY
}

// TotalVariation sets g[i] to half the sign of v = mq·q[i] − mp·p[i] and returns Σ v·g = ½·Σ |v| and Σ q·g.
func TotalVariation(g, p, q []float32, mp, mq float32) (vg, qg float64) {
	if len(p) != len(g) || len(q) != len(g) {
		panic(errLength)
	}
	for lo := 0; lo < len(g); lo += reduceBlock {
		hi := min(lo+reduceBlock, len(g))
		x, y := active.totalVariation(g[lo:hi], p[lo:hi], q[lo:hi], mp, mq)
		vg += float64(x)
		qg += float64(y)
	}
	return vg, qg
}
