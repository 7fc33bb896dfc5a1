package main

import (
	"fmt"
	"log"
	"math"
)

// reg is a vector register of float32 lanes.
type reg int

// constant is a float32 that stands in all lanes.
type constant float32

// operand is a reg or a constant.
type operand interface{ operand() }

func (reg) operand()      {}
func (constant) operand() {}

// backend emits the operations for one instruction set. Operand order is that of the formula: the
// destination first. On a tail only the first lanes count; what each operation does there is said
// where it differs.
type backend interface {
	suffix() string // AVX512: appended to the names of routines
	lanes() int
	registers() int // how many may be allocated

	prologue(p *program, r routine)
	epilogue(p *program)
	loop(p *program, unroll int, vector func())

	broadcast(p *program, dst reg, param parameter)
	broadcastField(p *program, dst reg, param parameter, index int)
	fill(p *program, dst reg, c constant)
	load(p *program, dst reg, param int) // lanes beyond a tail: anything
	store(p *program, param int, src reg)

	move(p *program, dst, a reg)
	binary(p *program, op string, dst reg, a reg, b operand) // add sub mul div; min and max: b where it is NaN
	clamp(p *program, dst, low, high reg)                    // NaN stays NaN
	sqrt(p *program, dst, a reg)
	fma(p *program, dst, a reg, b operand)     // dst += a·b
	fnma(p *program, dst, a reg, b operand)    // dst −= a·b
	horner(p *program, dst, r reg, c constant) // dst = dst·r + c
	set(p *program, dst reg, c constant)       // within a loop
	unbounded() bool                           // fraction takes anything, and leaves what is above the next lower integer
	fraction(p *program, n, z reg)             // leaves what z in [−127, 128] is above or below the nearest integer; n is for power
	power(p *program, y, n reg)                // y *= 2^integer

	accumulate(p *program, acc, a reg, scratch reg)       // acc += a, lanes of a tail only
	accumulateFMA(p *program, acc, a, b reg, scratch reg) // acc += a·b, lanes of a tail only
	accumulateMax(p *program, acc, a reg, scratch reg)    // NaN is passed over
	reduce(p *program, op string, accs []reg, to string)  // add or max of all lanes; overwrites the register after accs[0]
}

// program is one routine on its way out.
type program struct {
	*file
	backend
	sig    signature
	next   reg // first register never used
	free   []reg
	tail   bool // emitting the last, partial vector
	offset int  // vectors from the loop's pointers, when unrolled
	accs   []reg
}

// routine describes a loop over slices of equal length.
type routine struct {
	signature string
	unroll    int                     // vectors per iteration of the main loop, 1 if zero
	reduce    string                  // add or max: what happens to the accumulators at the end; one for each of several results
	start     constant                // initial value of the accumulators
	body      func(p *program) func() // broadcasts what the loop holds; returns what emits one vector
}

// emitVector writes r for one backend.
func emitVector(f *file, b backend, r routine) {
	p := &program{file: f, backend: b, sig: parse(r.signature)}
	name := p.sig.name + b.suffix()
	f.declare("func " + name + p.sig.text)
	f.p("// func %s%s", name, p.sig.text)
	f.p("TEXT ·%s(SB), NOSPLIT, $8-%d", name, p.sig.size)
	b.prologue(p, r)
	for range r.accumulators(p.sig) {
		p.accs = append(p.accs, p.keep(r.start))
	}
	vector := r.body(p)
	first := p.next
	b.loop(p, max(1, r.unroll), func() {
		p.next, p.free = first, nil
		vector()
	})
	if len(p.sig.results) == 1 {
		b.reduce(p, r.reduce, p.accs, p.sig.result(0))
	} else {
		for i := len(p.sig.results) - 1; i >= 0; i-- {
			b.reduce(p, r.reduce, p.accs[i:i+1], p.sig.result(i))
		}
	}
	b.epilogue(p)
	f.p("")
}

// accumulators returns how many registers sum: as many as there are results, or one for each unrolled vector of one result.
func (r routine) accumulators(s signature) int {
	if len(s.results) > 1 {
		return len(s.results)
	}
	return len(s.results) * max(1, r.unroll)
}

// reg allocates a register until the end of the vector.
func (p *program) reg() reg {
	if n := len(p.free); n > 0 {
		r := p.free[n-1]
		p.free = p.free[:n-1]
		return r
	}
	if int(p.next) >= p.registers() {
		log.Fatalf("%s%s needs more than %d registers", p.sig.name, p.suffix(), p.registers())
	}
	p.next++
	return p.next - 1
}

// release gives registers back whose values are no longer needed.
func (p *program) release(r ...reg) { p.free = append(p.free, r...) }

// param returns the index of a parameter.
func (p *program) param(name string) int {
	for i, q := range p.sig.params {
		if q.name == name {
			return i
		}
	}
	log.Fatalf("%s has no parameter %s", p.sig.name, name)
	return 0
}

// arg broadcasts a scalar parameter.
func (p *program) arg(name string) reg {
	r := p.reg()
	p.broadcast(p, r, p.sig.params[p.param(name)])
	return r
}

// field broadcasts float32 number index of the struct that a pointer parameter points to.
func (p *program) field(name string, index int) reg {
	r := p.reg()
	p.broadcastField(p, r, p.sig.params[p.param(name)], index)
	return r
}

// keep fills a register with a constant.
func (p *program) keep(c constant) reg {
	r := p.reg()
	p.fill(p, r, c)
	return r
}

func (p *program) in(name string) reg {
	r := p.reg()
	p.load(p, r, p.param(name))
	return r
}

func (p *program) out(name string, r reg) { p.store(p, p.param(name), r) }

func (p *program) op(op string, a reg, b operand) reg {
	r := p.reg()
	p.binary(p, op, r, a, b)
	return r
}

func (p *program) add(a reg, b operand) reg { return p.op("add", a, b) }
func (p *program) sub(a reg, b operand) reg { return p.op("sub", a, b) }
func (p *program) mul(a reg, b operand) reg { return p.op("mul", a, b) }
func (p *program) div(a reg, b operand) reg { return p.op("div", a, b) }

func (p *program) copy(a reg) reg {
	r := p.reg()
	p.move(p, r, a)
	return r
}

// sumProduct adds a·b to an accumulator of several results, whatever is in the lanes beyond a tail.
func (p *program) sumProduct(acc int, a, b reg) {
	scratch := p.reg()
	if p.tail {
		r := p.mul(a, b)
		p.accumulate(p, p.accs[acc], r, scratch)
		p.release(r)
	} else {
		p.fma(p, p.accs[acc], a, b)
	}
	p.release(scratch)
}

// acc is the accumulator of the vector being emitted.
func (p *program) acc() reg { return p.accs[min(p.offset, len(p.accs)-1)] }

func (c constant) bits() uint32   { return math.Float32bits(float32(c)) }
func (c constant) symbol() string { return fmt.Sprintf("f%08x", c.bits()) }
