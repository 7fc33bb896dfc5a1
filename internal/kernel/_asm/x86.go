package main

import "fmt"

// x86 emits AVX2+FMA or AVX-512. Constants are memory operands: 32 bytes in full for AVX2, an
// embedded broadcast for AVX-512.
type x86 struct {
	letter string // of the vector registers
	wide   int    // lanes
	count  int    // registers to allocate
	name   string
	bcst   string // mnemonic suffix of a constant operand
}

var (
	avx2   = &x86{letter: "Y", wide: 8, count: 15, name: "AVX2"} // Y15 is the tail's mask
	avx512 = &x86{letter: "Z", wide: 16, count: 32, name: "AVX512", bcst: ".BCST"}
)

// Registers: the slices' pointers, the number of elements left, and scratch.
var x86Pointers = []string{"AX", "BX", "DX", "SI", "DI", "R8", "R9", "R10"}

const (
	x86Count   = "CX"
	x86Scratch = "R11"
)

func (x *x86) suffix() string { return x.name }
func (x *x86) lanes() int     { return x.wide }
func (x *x86) registers() int { return x.count }

func (x *x86) v(r reg) string { return fmt.Sprintf("%s%d", x.letter, r) }

// o formats an operand, declaring the constant if it is one; suffix is what the mnemonic then needs.
func (x *x86) o(p *program, b operand) (text, suffix string) {
	switch b := b.(type) {
	case reg:
		return x.v(b), ""
	case constant:
		return x86Constant(p.file, b), x.bcst
	}
	panic("operand")
}

// x86Constant declares eight copies of a constant and returns its address.
func x86Constant(f *file, c constant) string {
	s := c.symbol()
	if !f.constants[s] {
		f.constants[s] = true
		for i := range 4 {
			fmt.Fprintf(&f.data, "DATA %s<>+%d(SB)/8, $0x%08x%08x\n", s, 8*i, c.bits(), c.bits())
		}
		fmt.Fprintf(&f.data, "GLOBL %s<>(SB), RODATA|NOPTR, $32 // %g\n", s, float32(c))
	}
	return s + "<>+0(SB)"
}

// x86FlushDenormals sets FTZ and DAZ, keeping the caller's mode in 0(SP).
func x86FlushDenormals(f *file) {
	f.p("\tSTMXCSR 0(SP)")
	f.p("\tMOVL 0(SP), %s", x86Scratch)
	f.p("\tORL $0x8040, %s // FTZ, DAZ", x86Scratch)
	f.p("\tMOVL %s, 4(SP)", x86Scratch)
	f.p("\tLDMXCSR 4(SP)")
}

func (x *x86) prologue(p *program, _ routine) {
	n := 0
	for _, q := range p.sig.params {
		if q.slice() {
			p.p("\tMOVQ %s, %s", q.base(), x86Pointers[n])
			n++
		}
	}
	p.p("\tMOVQ %s, %s", p.sig.params[0].length(), x86Count)
	x86FlushDenormals(p.file)
}

func (x *x86) epilogue(p *program) {
	p.p("\tLDMXCSR 0(SP)\n\tVZEROUPPER\n\tRET")
}

func (x *x86) loop(p *program, unroll int, vector func()) {
	advance := func(n int) {
		for i := range slices(p.sig) {
			p.p("\tADDQ $%d, %s", n*x.wide*4, x86Pointers[i])
		}
		p.p("\tSUBQ $%d, %s", n*x.wide, x86Count)
	}
	for _, n := range steps(unroll) {
		p.p("loop%d:", n)
		p.p("\tCMPQ %s, $%d\n\tJLT past%d", x86Count, n*x.wide, n)
		for p.offset = range n {
			vector()
		}
		advance(n)
		p.p("\tJMP loop%d\npast%d:", n, n)
	}
	p.offset = 0
	p.p("\tTESTQ %s, %s\n\tJZ done", x86Count, x86Count)
	x.mask(p)
	p.tail = true
	vector()
	p.tail = false
	p.p("done:")
}

// steps returns the vectors per iteration of the successive loops.
func steps(unroll int) []int {
	if unroll == 1 {
		return []int{1}
	}
	return []int{unroll, 1}
}

// slices returns the slice parameters.
func slices(s signature) (out []parameter) {
	for _, p := range s.params {
		if p.slice() {
			out = append(out, p)
		}
	}
	return out
}

// mask selects the first CX lanes, in K1 or Y15.
func (x *x86) mask(p *program) {
	if x == avx512 {
		p.p("\tMOVL $1, %s\n\tSHLL CX, %s\n\tDECL %s\n\tKMOVW %s, K1", x86Scratch, x86Scratch, x86Scratch, x86Scratch)
		return
	}
	if !p.constants["lanes"] {
		p.constants["lanes"] = true
		for i := range 8 {
			fmt.Fprintf(&p.data, "DATA lanes<>+%d(SB)/8, $%d\n", 8*i, i/4-1)
		}
		fmt.Fprintf(&p.data, "GLOBL lanes<>(SB), RODATA|NOPTR, $64 // a window of it selects the first lanes\n")
	}
	p.p("\tLEAQ lanes<>+32(SB), %s\n\tSHLQ $2, %s\n\tSUBQ %s, %s\n\tVMOVUPS (%s), Y15",
		x86Scratch, x86Count, x86Count, x86Scratch, x86Scratch)
}

// address of the current vector of a parameter.
func (x *x86) address(p *program, param int) string {
	n := 0
	for _, q := range p.sig.params[:param] {
		if q.slice() {
			n++
		}
	}
	if p.offset == 0 {
		return "(" + x86Pointers[n] + ")"
	}
	return fmt.Sprintf("%d(%s)", p.offset*x.wide*4, x86Pointers[n])
}

func (x *x86) broadcast(p *program, dst reg, q parameter) {
	p.p("\tVBROADCASTSS %s, %s", q.base(), x.v(dst))
}

func (x *x86) broadcastField(p *program, dst reg, q parameter, index int) {
	p.p("\tMOVQ %s, %s\n\tVBROADCASTSS %d(%s), %s", q.base(), x86Scratch, 4*index, x86Scratch, x.v(dst))
}

func (x *x86) fill(p *program, dst reg, c constant) {
	p.p("\tVBROADCASTSS %s, %s // %g", x86Constant(p.file, c), x.v(dst), float32(c))
}

func (x *x86) load(p *program, dst reg, param int) {
	at := x.address(p, param)
	switch {
	case !p.tail:
		p.p("\tVMOVUPS %s, %s", at, x.v(dst))
	case x == avx512:
		p.p("\tVMOVUPS.Z %s, K1, %s", at, x.v(dst))
	default:
		p.p("\tVMASKMOVPS %s, Y15, %s", at, x.v(dst))
	}
}

func (x *x86) store(p *program, param int, src reg) {
	at := x.address(p, param)
	switch {
	case !p.tail:
		p.p("\tVMOVUPS %s, %s", x.v(src), at)
	case x == avx512:
		p.p("\tVMOVUPS %s, K1, %s", x.v(src), at)
	default:
		p.p("\tVMASKMOVPS %s, Y15, %s", x.v(src), at)
	}
}

func (x *x86) move(p *program, dst, a reg) { p.p("\tVMOVAPS %s, %s", x.v(a), x.v(dst)) }

var x86Mnemonic = map[string]string{"add": "VADDPS", "sub": "VSUBPS", "mul": "VMULPS", "div": "VDIVPS", "min": "VMINPS", "max": "VMAXPS"}

// three emits mnemonic(dst, a, b); Go's assembler wants the reverse of the manual's order.
func (x *x86) three(p *program, mnemonic string, dst, a reg, b operand) {
	text, suffix := x.o(p, b)
	p.p("\t%s%s %s, %s, %s", mnemonic, suffix, text, x.v(a), x.v(dst))
}

func (x *x86) binary(p *program, op string, dst, a reg, b operand) {
	x.three(p, x86Mnemonic[op], dst, a, b)
}

// clamp keeps NaN because MINPS and MAXPS return their second source if either is NaN.
func (x *x86) clamp(p *program, dst, low, high reg) {
	x.three(p, "VMINPS", dst, high, dst)
	x.three(p, "VMAXPS", dst, low, dst)
}

func (x *x86) sqrt(p *program, dst, a reg) { p.p("\tVSQRTPS %s, %s", x.v(a), x.v(dst)) }

func (x *x86) fma(p *program, dst, a reg, b operand)  { x.three(p, "VFMADD231PS", dst, a, b) }
func (x *x86) fnma(p *program, dst, a reg, b operand) { x.three(p, "VFNMADD231PS", dst, a, b) }

func (x *x86) horner(p *program, dst, r reg, c constant) { x.three(p, "VFMADD213PS", dst, r, c) }

func (x *x86) set(p *program, dst reg, c constant) { x.fill(p, dst, c) }

// unbounded: VREDUCEPS makes 0 of infinities, and VSCALEFPS takes any exponent.
func (x *x86) unbounded() bool { return x == avx512 }

func (x *x86) fraction(p *program, n, z reg) {
	if x == avx512 {
		p.p("\tVMOVAPS %s, %s\n\tVREDUCEPS $9, %s, %s // z − ⌊z⌋", x.v(z), x.v(n), x.v(z), x.v(z))
		return
	}
	x.three(p, "VADDPS", n, z, roundingMagic)
	integer := p.reg()
	x.three(p, "VSUBPS", integer, n, roundingMagic)
	x.three(p, "VSUBPS", z, z, integer)
	p.release(integer)
}

// power on AVX2 adds n to the exponent of 1, whose bits are 127 there: −127 makes 0 of it and 128 infinity.
func (x *x86) power(p *program, y, n reg) {
	if x == avx512 {
		x.three(p, "VSCALEFPS", y, y, n)
		return
	}
	p.p("\tVPSLLD $23, %s, %s", x.v(n), x.v(n))
	x.three(p, "VPADDD", n, n, constant(1))
	x.three(p, "VMULPS", y, y, n)
}

func (x *x86) accumulate(p *program, acc, a, scratch reg) {
	switch {
	case !p.tail:
		x.three(p, "VADDPS", acc, acc, a)
	case x == avx512:
		p.p("\tVADDPS %s, %s, K1, %s", x.v(a), x.v(acc), x.v(acc))
	default:
		p.p("\tVANDPS %s, Y15, %s", x.v(a), x.v(scratch))
		x.three(p, "VADDPS", acc, acc, scratch)
	}
}

// accumulateFMA needs no mask: lanes beyond a tail are loaded as zero.
func (x *x86) accumulateFMA(p *program, acc, a, b, _ reg) { x.fma(p, acc, a, b) }

// accumulateMax passes over NaN because MAXPS then returns its second source, the accumulator.
func (x *x86) accumulateMax(p *program, acc, a, scratch reg) {
	switch {
	case !p.tail:
		x.three(p, "VMAXPS", acc, a, acc)
	case x == avx512:
		p.p("\tVMAXPS %s, %s, K1, %s", x.v(acc), x.v(a), x.v(acc))
	default:
		p.p("\tVBLENDVPS Y15, %s, %s, %s", x.v(a), x.v(acc), x.v(scratch))
		x.three(p, "VMAXPS", acc, scratch, acc)
	}
}

func (x *x86) reduce(p *program, op string, accs []reg, to string) {
	m := x86Mnemonic[op]
	for len(accs) > 1 {
		half := len(accs) / 2
		for i := range half {
			x.three(p, m, accs[i], accs[i], accs[half+i])
		}
		accs = accs[:half]
	}
	a, t := accs[0], accs[0]+1
	if x == avx512 {
		p.p("\tVEXTRACTF64X4 $1, Z%d, Y%d\n\t%s Y%d, Y%d, Y%d", a, t, m, t, a, a)
	}
	p.p("\tVEXTRACTF128 $1, Y%d, X%d\n\t%s X%d, X%d, X%d", a, t, m, t, a, a)
	p.p("\tVSHUFPS $0xEE, X%d, X%d, X%d\n\t%s X%d, X%d, X%d", a, a, t, m, t, a, a)
	p.p("\tVSHUFPS $0x55, X%d, X%d, X%d\n\t%s X%d, X%d, X%d", a, a, t, m, t, a, a)
	p.p("\tVMOVSS X%d, %s", a, to)
}
