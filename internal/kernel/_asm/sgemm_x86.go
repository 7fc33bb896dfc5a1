package main

import "fmt"

// sgemmX86 keeps rows × 2 accumulators; each step loads two vectors of B and broadcasts one element
// of A per row: for 12×32 on AVX-512, 24 FMAs on 14 loads. There are two forms, for the fewest
// additions to addresses: A in rows, where cs is 4, and A in columns, where rs is 4.
//
// Cache lines are fetched one by one between the products: a burst of them takes all line-fill
// buffers, and B, which streams from the L2 cache, has to wait. The next strip of columns is copied
// in the same way, which hides the copying.
func sgemmX86(f *file, x *x86, rows, full int, columns bool) {
	bytes := x.wide * 4
	k := &sgemmKernel{file: f, x: x, rows: rows, unroll: 4, columns: columns, b: 24, a: 26, turns: 6, left: "R9"}
	if rows < full {
		k.unroll = 2 // it is seldom used
	}
	if x == avx2 {
		k.b, k.a, k.turns = 12, 14, 2
	}
	name := sgemmName(rows, 2*x.wide, x.name)
	if columns {
		name = sgemmName(rows, 2*x.wide, "Columns"+x.name)
		k.left = "R8"
	}
	f.declare("func " + name + sgemmSignature)
	f.p("// func %s%s", name, sgemmSignature)
	f.p("TEXT ·%s(SB), NOSPLIT, $24-%d", name, sgemmBytes)
	x86FlushDenormals(f)
	if columns {
		f.p("\tMOVQ cs+24(FP), R9\n\tLEAQ (R9)(R9*2), R13 // 3·cs")
	} else {
		f.p("\tMOVQ rs+16(FP), R8\n\tLEAQ (R8)(R8*2), R13 // 3·rs\n\tLEAQ (R8)(R8*4), SI // 5·rs")
	}
	f.p("\tMOVQ b+32(FP), BX\n\tMOVQ c+40(FP), DI\n\tMOVQ ldc+48(FP), R11")
	f.p("\tMOVQ soon+72(FP), R12\n\tMOVQ %d(R12), R15\n\tMOVQ %d(R12), %s\n\tMOVQ %d(R12), R10", soonNext, soonFetch, k.left, soonFirst)
	copies := columns && rows == full
	if copies {
		f.p("\tMOVQ %d(R12), DX\n\tMOVQ %d(R12), SI\n\tMOVQ %d(R12), R14\n\tMOVQ %d(R12), R12\n\tMOVQ R12, 16(SP)", soonTo, soonFrom, soonStride, soonRows)
	}
	f.p("panel:\n\tMOVQ a+8(FP), AX\n\tMOVQ DI, R12\n\tMOVQ $%d, 8(SP)", rows)
	if rows > 6 && !columns {
		f.p("\tLEAQ (AX)(R13*2), DX // row 6")
	}
	for i := range 2 * rows {
		f.p("\tVXORPS %s, %s, %s", x.v(reg(i)), x.v(reg(i)), x.v(reg(i)))
	}
	f.p("\tMOVQ k+0(FP), CX\n\tSUBQ $%d, CX\n\tJLT single", k.unroll)
	f.p("bring: // a row of C with each of the first products")
	for at := 0; at < 2*bytes; at += 64 {
		f.p("\tPREFETCHT0 %d(R12)", at)
	}
	f.p("\tADDQ R11, R12")
	k.steps()
	f.p("\tSUBQ $%d, CX\n\tJLT single\n\tDECQ 8(SP)\n\tJNZ bring", k.unroll)
	if copies {
		k.copyLoop()
	}
	f.p("several:")
	k.fetchLine("fetched")
	k.steps()
	f.p("\tSUBQ $%d, CX\n\tJGE several", k.unroll)
	f.p("single:\n\tADDQ $%d, CX\n\tJZ sum\none:", k.unroll)
	k.unroll = 1
	k.steps()
	f.p("\tDECQ CX\n\tJNZ one")
	f.p("sum:\n\tMOVQ DI, R12\n\tCMPQ acc+64(FP), $0\n\tJEQ store")
	k.eachAccumulator(func(r reg, at int) { f.p("\tVADDPS %d(R12), %s, %s", at, x.v(r), x.v(r)) })
	f.p("\tMOVQ DI, R12\nstore:")
	k.eachAccumulator(func(r reg, at int) { f.p("\tVMOVUPS %s, %d(R12)", x.v(r), at) })
	f.p("\tADDQ $%d, DI\n\tDECQ panels+56(FP)\n\tJNZ panel", 2*bytes)
	f.p("\tLDMXCSR 0(SP)\n\tVZEROUPPER\n\tRET\n")
}

// sgemmKernel emits parts of one micro-kernel. B is at BX, A at AX; R12 goes along the rows of C.
type sgemmKernel struct {
	*file
	x            *x86
	rows, unroll int
	columns      bool
	b, a         reg // registers of B, and the first of those that take turns for A
	turns        int
	left         string // lines still to fetch
}

// steps emits unroll products, and moves A and B on.
func (k *sgemmKernel) steps() {
	bytes := 4 * k.x.wide
	for at := range k.unroll {
		for v := range 2 {
			k.p("\tVMOVUPS %d(BX), %s", (2*at+v)*bytes, k.x.v(k.b+reg(v)))
		}
		for i := range k.rows {
			element := k.x.v(k.a + reg(i%k.turns))
			k.p("\tVBROADCASTSS %s, %s", k.element(i, at), element)
			for v := range 2 {
				k.p("\tVFMADD231PS %s, %s, %s", k.x.v(k.b+reg(v)), element, k.x.v(reg(2*i+v)))
			}
		}
	}
	k.p("\tADDQ $%d, BX", 2*bytes*k.unroll)
	switch {
	case k.columns && k.unroll == 1:
		k.p("\tADDQ R9, AX")
	case k.columns:
		k.p("\tLEAQ (AX)(R9*%d), AX", k.unroll)
	default:
		k.p("\tADDQ $%d, AX", 4*k.unroll)
		if k.rows > 6 {
			k.p("\tADDQ $%d, DX", 4*k.unroll)
		}
	}
}

// copyLoop copies a row of what will be the next strip with every few products, as long as there are
// some. The row eight further on is fetched, and before that the one 24 further on: on the way there,
// PREFETCHT2 is 3 to 5 % faster than PREFETCHT1.
func (k *sgemmKernel) copyLoop() {
	k.p("\tCMPQ 16(SP), $0\n\tJEQ several\ncopy:\n\tLEAQ (SI)(R14*8), R12")
	k.p("\tPREFETCHT0 (R12)\n\tPREFETCHT0 %d(R12)\n\tLEAQ (R12)(R14*8), R12", 4*k.rows-1)
	k.p("\tPREFETCHT2 (R12)(R14*8)\n\tPREFETCHT2 %d(R12)(R14*8)", 4*k.rows-1)
	register := fmt.Sprintf("X%d", int(k.a)+k.turns-1)
	for at := 0; at < 4*k.rows; at += 16 {
		move := "VMOVUPS"
		if 4*k.rows-at < 16 {
			move = "VMOVSD"
		}
		k.p("\t%s %d(SI), %s\n\t%s %s, %d(DX)", move, at, register, move, register, at)
	}
	k.p("\tADDQ R14, SI\n\tADDQ $%d, DX\n\tDECQ 16(SP)", 4*k.rows)
	k.steps()
	k.p("\tSUBQ $%d, CX\n\tJLT single", k.unroll)
	k.fetchLine("between")
	k.steps()
	k.p("\tSUBQ $%d, CX\n\tJLT single\n\tCMPQ 16(SP), $0\n\tJNE copy", k.unroll)
}

// fetchLine brings a cache line to the L2 cache, if there are some left.
func (k *sgemmKernel) fetchLine(label string) {
	k.p("\tSUBQ $1, %s\n\tJLT %s", k.left, label)
	k.p("\tPREFETCHT1 (R15)\n\tADDQ $64, R15\n\tDECQ R10\n\tJNZ %s", label)
	k.p("\tMOVQ soon+72(FP), R12\n\tADDQ %d(R12), R15\n\tMOVQ %d(R12), R10\n%s:", soonSkip, soonLines, label)
}

// element returns the address of A's row i, `at` products further on.
func (k *sgemmKernel) element(i, at int) string {
	if k.columns {
		return fmt.Sprintf("%d(AX)%s", 4*i, []string{"", "(R9*1)", "(R9*2)", "(R13*1)"}[at])
	}
	base := "AX"
	if i >= 6 {
		base = "DX"
	}
	return fmt.Sprintf("%d(%s)%s", 4*at, base, []string{"", "(R8*1)", "(R8*2)", "(R13*1)", "(R8*4)", "(SI*1)"}[i%6])
}

// eachAccumulator calls line with every accumulator and its offset from R12, which goes along.
func (k *sgemmKernel) eachAccumulator(line func(r reg, at int)) {
	for i := range k.rows {
		for v := range 2 {
			line(reg(2*i+v), v*k.x.wide*4)
		}
		if i < k.rows-1 {
			k.p("\tADDQ R11, R12")
		}
	}
}

// peakX86 runs n rounds of `chains` independent FMAs.
func peakX86(f *file, x *x86, chains int) {
	f.declare(fmt.Sprintf("func peak%s(n int)", x.name))
	f.p("// func peak%s(n int)\nTEXT ·peak%s(SB), NOSPLIT, $0-8\n\tMOVQ n+0(FP), CX", x.name, x.name)
	for i := range chains + 2 {
		f.p("\tVXORPS %s, %s, %s", x.v(reg(i)), x.v(reg(i)), x.v(reg(i)))
	}
	f.p("loop:")
	for i := range chains {
		f.p("\tVFMADD231PS %s, %s, %s", x.v(reg(chains)), x.v(reg(chains+1)), x.v(reg(i)))
	}
	f.p("\tDECQ CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET\n")
}
