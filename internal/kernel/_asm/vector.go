package main

import "math"

// vectorRoutines are the loops over vectors; reference.go of package kernel says what each computes.
var vectorRoutines = []routine{
	{
		signature: "max(x []float32) float32",
		unroll:    4, reduce: "max", start: constant(math.Inf(-1)),
		body: func(p *program) func() {
			return func() {
				x := p.in("x")
				p.accumulateMax(p, p.acc(), x, p.reg())
			}
		},
	},
	{
		signature: "dot(x, y []float32) float32",
		unroll:    4, reduce: "add",
		body: func(p *program) func() {
			return func() {
				x, y := p.in("x"), p.in("y")
				p.accumulateFMA(p, p.acc(), x, y, p.reg())
			}
		},
	},
	{
		signature: "dot3(x, y, z []float32) float32",
		unroll:    2, reduce: "add",
		body: func(p *program) func() {
			return func() {
				xy, z := p.mul(p.in("x"), p.in("y")), p.in("z")
				p.accumulateFMA(p, p.acc(), xy, z, p.reg())
			}
		},
	},
	{
		signature: "scale(x []float32, a float32)",
		body: func(p *program) func() {
			a := p.arg("a")
			return func() { p.out("x", p.mul(p.in("x"), a)) }
		},
	},
	{
		signature: "axpy(y []float32, a float32, x []float32)",
		body: func(p *program) func() {
			a := p.arg("a")
			return func() {
				x, y := p.in("x"), p.in("y")
				p.fma(p, y, x, a)
				p.out("y", y)
			}
		},
	},
	{
		signature: "axpby(y []float32, a float32, x []float32, b float32)",
		body: func(p *program) func() {
			a, b := p.arg("a"), p.arg("b")
			return func() {
				y := p.mul(p.in("y"), b)
				p.fma(p, y, p.in("x"), a)
				p.out("y", y)
			}
		},
	},
	{
		signature: "mulAffine(x, y []float32, a, b float32)",
		body: func(p *program) func() {
			a, b := p.arg("a"), p.arg("b")
			return func() {
				f := p.copy(b)
				p.fma(p, f, p.in("y"), a)
				p.out("x", p.mul(p.in("x"), f))
			}
		},
	},
	{
		signature: "add(dst, x, y []float32)",
		body: func(p *program) func() {
			return func() { p.out("dst", p.add(p.in("x"), p.in("y"))) }
		},
	},
	{
		signature: "expShifted(dst, x []float32, shift, rate float32) float32",
		reduce:    "add",
		body: func(p *program) func() {
			shift, rate := p.arg("shift"), p.arg("rate")
			e := newExp2(p)
			return func() {
				r := e.emit(p, p.mul(p.sub(p.in("x"), shift), rate))
				p.out("dst", r)
				p.accumulate(p, p.acc(), r, p.reg())
			}
		},
	},
	{
		signature: "mulScaled(dst, x, w []float32, a float32)",
		body: func(p *program) func() {
			a := p.arg("a")
			return func() { p.out("dst", p.mul(p.mul(p.in("x"), a), p.in("w"))) }
		},
	},
	{signature: "normBackward(dx, dw, dy, x, w []float32, a, b float32)", body: normBackward(false)},
	{signature: "normBackwardAdd(dx, dw, dy, x, w []float32, a, b float32)", body: normBackward(true)},
	{
		signature: "rotate(lo, hi, cos, sin []float32, direction float32)",
		body: func(p *program) func() {
			direction := p.arg("direction")
			return func() {
				lo, hi, cos := p.in("lo"), p.in("hi"), p.in("cos")
				sin := p.mul(p.in("sin"), direction)
				l, h := p.mul(lo, cos), p.mul(hi, cos)
				p.fnma(p, l, hi, sin)
				p.fma(p, h, lo, sin)
				p.out("lo", l)
				p.out("hi", h)
			}
		},
	},
	{
		signature: "swiglu(a, gate, up []float32)",
		body: func(p *program) func() {
			e := newExp2(p)
			return func() {
				g := p.in("gate")
				s := p.add(e.emit(p, p.mul(g, -log2E)), constant(1)) // 1 + exp(−g)
				p.out("a", p.mul(p.div(g, s), p.in("up")))
			}
		},
	},
	{
		signature: "swigluBackward(dgate, dup, da, gate, up []float32)",
		body: func(p *program) func() {
			e := newExp2(p)
			one := p.keep(1)
			return func() {
				g := p.in("gate")
				s := e.emit(p, p.mul(g, -log2E))
				p.binary(p, "add", s, s, constant(1))
				p.binary(p, "div", s, one, s) // the sigmoid of g
				d, u := p.in("da"), p.in("up")
				ds := p.mul(d, s)
				p.binary(p, "sub", s, one, s)
				p.binary(p, "mul", s, g, s)
				p.binary(p, "add", s, s, constant(1)) // 1 + g·(1−s)
				p.out("dgate", p.mul(p.mul(ds, u), s))
				p.out("dup", p.mul(ds, g))
			}
		},
	},
	{
		signature: "scoreGradient(p, dp []float32, scale, shift, rate, delta float32)",
		body: func(p *program) func() {
			scale, shift, rate, delta := p.arg("scale"), p.arg("shift"), p.arg("rate"), p.arg("delta")
			e := newExp2(p)
			return func() {
				r := e.emit(p, p.mul(p.sub(p.in("p"), shift), rate))
				p.out("p", r)
				p.out("dp", p.mul(p.mul(p.sub(p.in("dp"), delta), r), scale))
			}
		},
	},
	{
		signature: "adamW(w, g, m, v []float32, c *adamCoefficients)",
		body: func(p *program) func() {
			var c [9]reg // gradScale beta1 oneMinus1 beta2 oneMinus2 step root eps keep
			for i := range c {
				c[i] = p.field("c", i)
			}
			zero := p.keep(0)
			return func() {
				d := p.mul(p.in("g"), c[0])
				m := p.mul(p.in("m"), c[1])
				p.fma(p, m, d, c[2])
				p.out("m", m)
				p.binary(p, "mul", d, d, d)
				v := p.reg()
				p.load(p, v, p.param("v"))
				p.binary(p, "mul", v, v, c[3])
				p.fma(p, v, d, c[4])
				p.out("v", v)
				p.binary(p, "mul", v, v, c[6])
				p.sqrt(p, v, v)
				p.binary(p, "add", v, v, c[7])
				p.binary(p, "mul", m, m, c[5])
				p.binary(p, "div", m, m, v) // step·m / (√(root·v) + eps)
				p.load(p, d, p.param("w"))
				p.binary(p, "mul", d, d, c[8])
				p.binary(p, "sub", d, d, m)
				p.out("w", d)
				p.out("g", zero)
			}
		},
	},
}

func normBackward(accumulate bool) func(p *program) func() {
	return func(p *program) func() {
		a, b := p.arg("a"), p.arg("b")
		return func() {
			d, x := p.mul(p.in("dy"), a), p.in("x")
			dw := p.in("dw")
			p.fma(p, dw, d, x)
			p.out("dw", dw)
			dx := p.mul(d, p.in("w"))
			p.fnma(p, dx, x, b)
			if accumulate {
				dx = p.add(dx, p.in("dx"))
			}
			p.out("dx", dx)
		}
	}
}
