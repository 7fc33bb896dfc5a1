package main

import "math"

// Conversions between float32 and the two 16-bit formats, 16 elements a round; the length is a
// multiple of 16, and Go does the rest.
const (
	narrowSignature = "(dst []uint16, x []float32)"
	wideSignature   = "(dst []float32, x []uint16)"
)

func emitConvert(amd64, arm64 *file) {
	for _, x := range []*x86{avx2, avx512} {
		convertX86(amd64, x, "toBF16Blocks", narrowSignature, func() { x.toBF16(amd64) })
		convertX86(amd64, x, "fromBF16Blocks", wideSignature, func() {
			x.each(func(at, r int) {
				amd64.p("\tVPMOVZXWD %d(SI), %s\n\tVPSLLD $16, %s, %s", at/2, x.v(reg(r)), x.v(reg(r)), x.v(reg(r)))
				amd64.p("\tVMOVUPS %s, %d(DI)", x.v(reg(r)), at)
			})
		})
		convertX86(amd64, x, "toF16Blocks", narrowSignature, func() {
			x.each(func(at, r int) {
				amd64.p("\tVMOVUPS %d(SI), %s\n\tVCVTPS2PH $0, %s, %d(DI) // to nearest even", at, x.v(reg(r)), x.v(reg(r)), at/2)
			})
		})
		convertX86(amd64, x, "fromF16Blocks", wideSignature, func() {
			x.each(func(at, r int) {
				amd64.p("\tVCVTPH2PS %d(SI), %s\n\tVMOVUPS %s, %d(DI)", at/2, x.v(reg(r)), x.v(reg(r)), at)
			})
		})
	}
	convertNEON(arm64, "toBF16Blocks", narrowSignature, toBF16NEON)
	convertNEON(arm64, "fromBF16Blocks", wideSignature, func(f *file) { widenNEON(f, 0x2e613800, "shll #16") })
	convertNEON(arm64, "toF16Blocks", narrowSignature, func(f *file) { narrowNEON(f, 0x0e216800, "fcvtn") })
	convertNEON(arm64, "fromF16Blocks", wideSignature, func(f *file) { widenNEON(f, 0x0e217800, "fcvtl") })
}

// each calls part for every vector of 16 floats: its byte offset among floats and its number.
func (x *x86) each(part func(at, r int)) {
	for r := range 16 / x.wide {
		part(r*x.wide*4, r)
	}
}

func convertX86(f *file, x *x86, name, signature string, round func()) {
	name += x.name
	f.declare("func " + name + signature)
	f.p("// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-48", name, signature, name)
	f.p("\tMOVQ dst_base+0(FP), DI\n\tMOVQ x_base+24(FP), SI\n\tMOVQ x_len+32(FP), CX\n\tSHRQ $4, CX\n\tJZ done\nround:")
	round()
	dst, src := 64, 32
	if signature == narrowSignature {
		dst, src = 32, 64
	}
	f.p("\tADDQ $%d, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ round\ndone:\n\tVZEROUPPER\n\tRET\n", src, dst)
}

// bitPattern is an integer in all lanes.
func bitPattern(bits uint32) constant { return constant(math.Float32frombits(bits)) }

// toBF16 adds half a unit, less one if the result's last bit is even, and drops 16 bits; of a NaN it
// keeps the upper half and makes it quiet.
func (x *x86) toBF16(f *file) {
	suffix := x.bcst
	x.each(func(at, r int) {
		v, high, rounded, nan := x.v(reg(4*r)), x.v(reg(4*r+1)), x.v(reg(4*r+2)), x.v(reg(4*r+3))
		logic := "" // AVX-512 names the lane size
		if x == avx512 {
			logic = "D"
		}
		f.p("\tVMOVUPS %d(SI), %s\n\tVPSRLD $16, %s, %s", at, v, v, high)
		f.p("\tVPAND%s%s %s, %s, %s", logic, suffix, x86Constant(f, bitPattern(1)), high, rounded)
		f.p("\tVPADDD%s %s, %s, %s", suffix, x86Constant(f, bitPattern(0x7fff)), rounded, rounded)
		f.p("\tVPADDD %s, %s, %s\n\tVPSRLD $16, %s, %s", v, rounded, rounded, rounded, rounded)
		f.p("\tVPOR%s%s %s, %s, %s", logic, suffix, x86Constant(f, bitPattern(0x40)), high, high)
		if x == avx512 {
			f.p("\tVCMPPS $3, %s, %s, K1 // unordered\n\tVMOVDQA32 %s, K1, %s", v, v, high, rounded)
			f.p("\tVPMOVDW %s, (DI)", rounded)
			return
		}
		f.p("\tVCMPPS $3, %s, %s, %s // unordered\n\tVBLENDVPS %s, %s, %s, %s", v, v, nan, nan, high, rounded, rounded)
	})
	if x == avx2 {
		f.p("\tVPACKUSDW Y6, Y2, Y2\n\tVPERMQ $0xD8, Y2, Y2\n\tVMOVDQU Y2, (DI)")
	}
}

func convertNEON(f *file, name, signature string, round func(f *file)) {
	name += "NEON"
	f.declare("func " + name + signature)
	f.p("// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-48", name, signature, name)
	f.p("\tMOVD dst_base+0(FP), R0\n\tMOVD x_base+24(FP), R1\n\tMOVD x_len+32(FP), R2\n\tLSR $4, R2, R2")
	if name == "toBF16BlocksNEON" {
		for i, bits := range []int{1, 0x7fff, 0x40} {
			f.p("\tMOVW $%d, R3\n\tVDUP R3, V%d.S4", bits, 28+i)
		}
	}
	f.p("\tCBZ R2, done\nround:")
	round(f)
	f.p("\tSUB $1, R2, R2\n\tCBNZ R2, round\ndone:\n\tRET\n")
}

// The second half of a narrowing or widening instruction has bit 30 set.
const neonUpper = 1 << 30

// narrowNEON makes V16 and V17 of V0 to V3.
func narrowNEON(f *file, code uint32, name string) {
	f.p("\tVLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]")
	narrowHalves(f, code, name)
}

func narrowHalves(f *file, code uint32, name string) {
	for i := range reg(2) {
		word2(f, code, 16+i, 2*i, name)
		word2(f, code|neonUpper, 16+i, 2*i+1, name+" (upper)")
	}
	f.p("\tVST1.P [V16.H8, V17.H8], 32(R0)")
}

func widenNEON(f *file, code uint32, name string) {
	f.p("\tVLD1.P 32(R1), [V16.H8, V17.H8]")
	for i := range reg(2) {
		word2(f, code, 2*i, 16+i, name)
		word2(f, code|neonUpper, 2*i+1, 16+i, name+" (upper)")
	}
	f.p("\tVST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)")
}

// toBF16NEON is as toBF16.
func toBF16NEON(f *file) {
	const ushr16, fcmeq, bsl, xtn = 0x6f300400, 0x4e20e400, 0x6e601c00, 0x0e612800
	f.p("\tVLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]")
	for r := range reg(4) {
		high, rounded, number := 4+r, 8+r, 12+r
		word2(f, ushr16, high, r, "ushr #16")
		word(f, neonAND, rounded, high, 28, "and")
		word(f, neonADD, rounded, rounded, 29, "add")
		word(f, neonADD, rounded, rounded, r, "add")
		word2(f, ushr16, rounded, rounded, "ushr #16")
		word(f, neonMOV, high, high, 30, "orr")
		word(f, fcmeq, number, r, r, "fcmeq")
		word(f, bsl, number, rounded, high, "bsl")
		neonMove(f, r, number)
	}
	narrowHalves(f, xtn, "xtn")
}
