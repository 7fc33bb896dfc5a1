package main

import "fmt"

// neonISA emits arm64 Advanced SIMD. Go's assembler lacks most of its float instructions, so they are
// words here. A loop's constants stay in registers, taken from the top.
type neonISA struct {
	held map[constant]reg // constants of the routine being emitted
}

var neon = &neonISA{}

// Reserved registers: the last lane's mask, and scratch for moves.
const (
	neonLane    = reg(31)
	neonScratch = reg(30)
)

// General registers: pointers R0 to R6, the number of elements left, scratch, the caller's FPCR.
const (
	neonCount = "R7"
	neonTemp  = "R8"
	neonMode  = "R9"
)

func (*neonISA) suffix() string   { return "NEON" }
func (*neonISA) lanes() int       { return 4 }
func (n *neonISA) registers() int { return int(neonScratch) - len(n.held) }

// word emits op Vd.4S, Vn.4S, Vm.4S for an encoding with empty register fields.
func word(f *file, code uint32, d, n, m reg, text string) {
	f.p("\tWORD $0x%08x // %s v%d, v%d, v%d", code|uint32(m)<<16|uint32(n)<<5|uint32(d), text, d, n, m)
}

// word2 is word for instructions with one source.
func word2(f *file, code uint32, d, n reg, text string) {
	f.p("\tWORD $0x%08x // %s v%d, v%d", code|uint32(n)<<5|uint32(d), text, d, n)
}

// Encodings, Arm ARM section C7, vectors of four float32.
const (
	neonFADD    = 0x4e20d400
	neonFSUB    = 0x4ea0d400
	neonFMUL    = 0x6e20dc00
	neonFDIV    = 0x6e20fc00
	neonFMAX    = 0x4e20f400
	neonFMIN    = 0x4ea0f400
	neonFMAXNM  = 0x4e20c400
	neonFADDP   = 0x6e20d400
	neonFMAXNMV = 0x6e30c800
	neonFSQRT   = 0x6ea1f800
	neonSHL23   = 0x4f375400
	neonADD     = 0x4ea08400
	neonMOV     = 0x4ea01c00
	neonAND     = 0x4e201c00
)

func neonMove(f *file, dst, a reg) { word(f, neonMOV, dst, a, a, "orr") }

// prologue finds the constants by emitting the body once for nothing.
func (n *neonISA) prologue(p *program, r routine) {
	n.held = map[constant]reg{}
	dry := &program{file: newFile("arm64"), backend: n, sig: p.sig, next: 0}
	for range r.accumulators(p.sig) {
		dry.accs = append(dry.accs, dry.reg())
	}
	r.body(dry)()
	i := 0
	for _, q := range p.sig.params {
		if q.slice() {
			p.p("\tMOVD %s, R%d", q.base(), i)
			i++
		}
	}
	p.p("\tMOVD %s, %s", p.sig.params[0].length(), neonCount)
	neonFlushDenormals(p.file)
	p.p("\tVEOR V31.B16, V31.B16, V31.B16\n\tMOVD $0xffffffff, %s\n\tVMOV %s, V31.S[0]", neonTemp, neonTemp)
	for c, r := range ordered(n.held) {
		n.fill(p, r, c)
	}
}

// neonFlushDenormals sets FPCR.FZ, keeping the caller's mode in R9.
func neonFlushDenormals(f *file) {
	f.p("\tMOVD FPCR, %s\n\tORR $0x1000000, %s, %s\n\tMOVD %s, FPCR // flush to zero", neonMode, neonMode, neonTemp, neonTemp)
}

// ordered yields the constants in the order of their registers, so that output does not vary.
func ordered(held map[constant]reg) func(func(constant, reg) bool) {
	return func(yield func(constant, reg) bool) {
		for r := neonScratch; r >= 0; r-- {
			for c, q := range held {
				if q == r && !yield(c, r) {
					return
				}
			}
		}
	}
}

func (n *neonISA) epilogue(p *program) { p.p("\tMOVD %s, FPCR\n\tRET", neonMode) }

// loop does the tail one element at a time, in all lanes at once; only lane 0 is stored or summed.
func (n *neonISA) loop(p *program, unroll int, vector func()) {
	advance := func(elements int) {
		for i := range slices(p.sig) {
			p.p("\tADD $%d, R%d", 4*elements, i)
		}
		p.p("\tSUB $%d, %s", elements, neonCount)
	}
	for _, k := range steps(unroll) {
		p.p("loop%d:\n\tCMP $%d, %s\n\tBLT past%d", k, 4*k, neonCount, k)
		for p.offset = range k {
			vector()
		}
		advance(4 * k)
		p.p("\tB loop%d\npast%d:", k, k)
	}
	p.offset = 0
	p.p("\tCBZ %s, done\ntail:", neonCount)
	p.tail = true
	vector()
	p.tail = false
	advance(1)
	p.p("\tCBNZ %s, tail\ndone:", neonCount)
}

// address of the current vector of a parameter.
func (n *neonISA) address(p *program, param int) string {
	i := 0
	for _, q := range p.sig.params[:param] {
		if q.slice() {
			i++
		}
	}
	if p.offset == 0 {
		return fmt.Sprintf("(R%d)", i)
	}
	return fmt.Sprintf("%d(R%d)", 16*p.offset, i)
}

func (n *neonISA) splat(p *program, dst reg) { p.p("\tVDUP V%d.S[0], V%d.S4", dst, dst) }

func (n *neonISA) broadcast(p *program, dst reg, q parameter) {
	p.p("\tFMOVS %s, F%d", q.base(), dst)
	n.splat(p, dst)
}

func (n *neonISA) broadcastField(p *program, dst reg, q parameter, index int) {
	p.p("\tMOVD %s, %s\n\tFMOVS %d(%s), F%d", q.base(), neonTemp, 4*index, neonTemp, dst)
	n.splat(p, dst)
}

func (n *neonISA) fill(p *program, dst reg, c constant) {
	p.p("\tMOVW $0x%08x, %s // %g\n\tVDUP %s, V%d.S4", c.bits(), neonTemp, float32(c), neonTemp, dst)
}

func (n *neonISA) load(p *program, dst reg, param int) {
	if p.tail {
		p.p("\tVLD1R %s, [V%d.S4]", n.address(p, param), dst)
	} else {
		p.p("\tFMOVQ %s, F%d", n.address(p, param), dst)
	}
}

func (n *neonISA) store(p *program, param int, src reg) {
	if p.tail {
		p.p("\tFMOVS F%d, %s", src, n.address(p, param))
	} else {
		p.p("\tFMOVQ F%d, %s", src, n.address(p, param))
	}
}

func (n *neonISA) move(p *program, dst, a reg) { neonMove(p.file, dst, a) }

// o returns the register that holds an operand.
func (n *neonISA) o(b operand) reg {
	c, ok := b.(constant)
	if !ok {
		return b.(reg)
	}
	if r, ok := n.held[c]; ok {
		return r
	}
	r := neonScratch - 1 - reg(len(n.held))
	n.held[c] = r
	return r
}

var neonOps = map[string]uint32{"add": neonFADD, "sub": neonFSUB, "mul": neonFMUL, "div": neonFDIV, "min": neonFMIN, "max": neonFMAX}

func (n *neonISA) binary(p *program, op string, dst, a reg, b operand) {
	word(p.file, neonOps[op], dst, a, n.o(b), "f"+op)
}

func (n *neonISA) clamp(p *program, dst, low, high reg) {
	word(p.file, neonFMIN, dst, dst, high, "fmin")
	word(p.file, neonFMAX, dst, dst, low, "fmax")
}

func (n *neonISA) sqrt(p *program, dst, a reg) { word2(p.file, neonFSQRT, dst, a, "fsqrt") }

func (n *neonISA) fma(p *program, dst, a reg, b operand) {
	p.p("\tVFMLA V%d.S4, V%d.S4, V%d.S4", n.o(b), a, dst)
}

func (n *neonISA) fnma(p *program, dst, a reg, b operand) {
	p.p("\tVFMLS V%d.S4, V%d.S4, V%d.S4", n.o(b), a, dst)
}

func (n *neonISA) horner(p *program, dst, r reg, c constant) {
	neonMove(p.file, neonScratch, n.o(c))
	p.p("\tVFMLA V%d.S4, V%d.S4, V%d.S4", r, dst, neonScratch)
	neonMove(p.file, dst, neonScratch)
}

func (n *neonISA) set(p *program, dst reg, c constant) { neonMove(p.file, dst, n.o(c)) }

func (*neonISA) unbounded() bool { return false }

func (n *neonISA) fraction(p *program, to, z reg) {
	n.binary(p, "add", to, z, roundingMagic)
	n.binary(p, "sub", neonScratch, to, roundingMagic)
	n.binary(p, "sub", z, z, neonScratch)
}

// power adds n to the exponent of 1, whose bits are 127 there: −127 makes 0 of it and 128 infinity.
func (n *neonISA) power(p *program, y, by reg) {
	word2(p.file, neonSHL23, by, by, "shl #23")
	word(p.file, neonADD, by, by, n.o(constant(1)), "add")
	word(p.file, neonFMUL, y, y, by, "fmul")
}

// first keeps lane 0 of a on a tail.
func (n *neonISA) first(p *program, a, scratch reg) reg {
	if !p.tail {
		return a
	}
	word(p.file, neonAND, scratch, a, neonLane, "and")
	return scratch
}

func (n *neonISA) accumulate(p *program, acc, a, scratch reg) {
	word(p.file, neonFADD, acc, acc, n.first(p, a, scratch), "fadd")
}

func (n *neonISA) accumulateFMA(p *program, acc, a, b, scratch reg) {
	if p.tail { // both, since 0·Inf is not 0
		word(p.file, neonAND, neonScratch, b, neonLane, "and")
		b = neonScratch
	}
	n.fma(p, acc, n.first(p, a, scratch), b)
}

func (n *neonISA) accumulateMax(p *program, acc, a, _ reg) {
	word(p.file, neonFMAXNM, acc, acc, a, "fmaxnm")
}

func (n *neonISA) reduce(p *program, op string, accs []reg, to string) {
	pair := uint32(neonFADD)
	if op == "max" {
		pair = neonFMAXNM
	}
	for len(accs) > 1 {
		half := len(accs) / 2
		for i := range half {
			word(p.file, pair, accs[i], accs[i], accs[half+i], op)
		}
		accs = accs[:half]
	}
	a := accs[0]
	if op == "max" {
		word2(p.file, neonFMAXNMV, a, a, "fmaxnmv")
	} else {
		word(p.file, neonFADDP, a, a, a, "faddp")
		word(p.file, neonFADDP, a, a, a, "faddp")
	}
	p.p("\tFMOVS F%d, %s", a, to)
}
