package main

// divergenceRoutines are the passes over the distributions of a teacher, p, and a student, q, that are not normalised;
// divergence.go of package kernel says what each computes.
var divergenceRoutines = []routine{
	{
		signature: "expBoth(p, q, d, x, y []float32, shiftX, shiftY, rate float32) (p1, q1, pd, qd float32)",
		reduce:    "add",
		body: func(p *program) func() {
			shiftX, shiftY, rate := p.arg("shiftX"), p.arg("shiftY"), p.arg("rate")
			e := newExp2(p)
			return func() {
				x, y := p.in("x"), p.in("y")
				d := p.sub(x, y)
				p.out("d", d)
				exponential := func(to string, x, shift reg, sum, sumD int) {
					p.binary(p, "sub", x, x, shift)
					p.binary(p, "mul", x, x, rate)
					r := e.emit(p, x)
					p.out(to, r)
					scratch := p.reg()
					p.accumulate(p, p.accs[sum], r, scratch)
					p.release(scratch)
					p.sumProduct(sumD, r, d)
					p.release(r)
				}
				exponential("p", x, shiftX, 0, 2)
				exponential("q", y, shiftY, 1, 3)
			}
		},
	},
	{
		signature: "jsd(d, p, q []float32, mp, mq, a, b, c float32) (pl, qg float32)",
		reduce:    "add",
		body: mixture(func(p *program, m mixed) {
			p.sumProduct(0, m.p, m.l)
			p.binary(p, "sub", m.l, m.l, m.u)
			p.sumProduct(1, m.q, m.l)
			p.out("d", m.l)
		}),
	},
	{
		signature: "skewForward(d, p, q []float32, mp, mq, a, b, c float32) (pl, qg float32)",
		reduce:    "add",
		body: mixture(func(p *program, m mixed) {
			p.sumProduct(0, m.p, m.l)
			p.sumProduct(1, m.q, m.share)
			p.out("d", m.share)
		}),
	},
	{
		signature: "skewReverse(d, p, q []float32, mp, mq, a, b, c float32) (ql, qg float32)",
		reduce:    "add",
		body: mixture(func(p *program, m mixed) {
			p.binary(p, "sub", m.l, m.l, m.u)
			p.sumProduct(0, m.q, m.l)
			p.binary(p, "sub", m.l, m.l, m.share)
			p.sumProduct(1, m.q, m.l)
			p.out("d", m.l)
		}),
	},
	{
		signature: "totalVariation(g, p, q []float32, mp, mq float32) (vg, qg float32)",
		reduce:    "add",
		body: func(p *program) func() {
			mp, mq := p.arg("mp"), p.arg("mq")
			low, high := p.keep(-0.5), p.keep(0.5)
			return func() {
				q := p.in("q")
				v := p.mul(q, mq)
				p.fnma(p, v, p.in("p"), mp)
				g := p.mul(v, constant(signScale))
				p.clamp(p, g, low, high)
				p.out("g", g)
				p.sumProduct(0, v, g)
				p.sumProduct(1, q, g)
			}
		},
	},
}

const (
	signScale  = 0x1p120 // makes more than ½ of all but the smallest numbers
	minMixture = 0x1p-120
)

// mixed is what the divergences from a mixture m of p and q have in common.
type mixed struct {
	p, q  reg
	share reg // of p in m, in [0, 1]
	u, l  reg // logarithms of m's part of q, and of m, by p
}

// mixture emits share = mp·p/(mp·p + mq·q), u = b − c·d and l = log(exp(a) + exp(u)) = max(a, u) − log(max(share, 1−share)), and
// what finish makes of them. One division stands for exponentials: p and q have them already.
func mixture(finish func(p *program, m mixed)) func(p *program) func() {
	return func(p *program) func() {
		mp, mq, a, b, c := p.arg("mp"), p.arg("mq"), p.arg("a"), p.arg("b"), p.arg("c")
		one := p.keep(1)
		return func() {
			m := mixed{p: p.in("p"), q: p.in("q")}
			m.share = p.mul(m.p, mp)
			sum := p.add(m.share, constant(minMixture))
			p.fma(p, sum, m.q, mq)
			p.binary(p, "div", m.share, m.share, sum)
			v := sum
			p.binary(p, "sub", v, one, m.share)
			p.binary(p, "min", v, m.share, v)
			series := p.reg()
			p.set(p, series, logSeries[0])
			for _, c := range logSeries[1:] {
				p.horner(p, series, v, c)
			}
			m.u = p.copy(b)
			d := p.in("d")
			p.fnma(p, m.u, d, c)
			p.release(d)
			m.l = p.reg()
			p.binary(p, "max", m.l, a, m.u)
			p.fma(p, m.l, v, series)
			p.release(v, series)
			finish(p, m)
		}
	}
}

// logSeries are the coefficients of −log(1−v)/v for v in [0, ½], from degree 7 down: v times it is within 3.1e-8 (fitted to the
// least largest error).
var logSeries = []constant{1.58283535, -1.85035476, 1.38432108, -0.202308697, 0.324822798, 0.325781057, 0.500364641, 0.999994017}
