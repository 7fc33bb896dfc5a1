package main

import "math"

// exp2Code emits 2^z as 2^n·2^r with n integral and a polynomial of degree 5 in r, within 2 units in the last place of what z
// stands for: exponentials of other bases come by a factor, whose rounding counts |z| times. Results below the smallest normal
// number are 0; from 2^127.5 on they may be infinite.
type exp2Code struct{ low, high reg }

const log2E = constant(math.Log2E)

func newExp2(p *program) exp2Code {
	if p.unbounded() {
		return exp2Code{}
	}
	return exp2Code{low: p.keep(-127), high: p.keep(128)}
}

// emit returns 2^z; it overwrites z.
func (e exp2Code) emit(p *program, z reg) reg {
	coefficients := nearestPolynomial
	if p.unbounded() {
		coefficients = floorPolynomial
	} else {
		p.clamp(p, z, e.low, e.high)
	}
	n, y := p.reg(), p.reg()
	p.fraction(p, n, z)
	p.set(p, y, coefficients[0])
	for _, c := range coefficients[1:] {
		p.horner(p, y, z, c)
	}
	p.power(p, y, n)
	p.release(n, z)
	return y
}

// Coefficients of 2^r from degree 5 down, fitted to the least largest relative error, 7.5e-8, for r in [−½, ½] and in [0, 1].
var (
	nearestPolynomial = []constant{0.00132764721, 0.00967554145, 0.0555071327, 0.240221197, 0.693146967, 1.00000007}
	floorPolynomial   = []constant{0.00187757669, 0.00898934023, 0.0558263178, 0.240153617, 0.693153073, 0.999999925}
)

// roundingMagic is 1.5·2^23: a number below 2^22 that is added to it becomes an integer in the lowest bits.
const roundingMagic = constant(0x1.8p23)

func (p *program) negate(a reg) reg { return p.mul(a, constant(-1)) }
