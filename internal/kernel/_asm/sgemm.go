package main

import "fmt"

// A micro-kernel multiplies a strip of `rows` rows of A by panels of B into C, float32:
//
//	for each panel j:  C[r][j·NR + q] (+)= Σ_p A[r·rs + p·cs] · B[j][p][q]     r < rows, q < NR
//
// One tile of C, rows × NR, stays in registers while p runs. B is packed: panels of k rows of NR.
// Strides are in bytes; acc 0 overwrites C, 1 adds to it. Before each panel, `fetch` lines of what is
// packed next are brought to the L2 cache.
const (
	sgemmSignature = "(k int, a *float32, rs, cs int, b, c *float32, ldc, panels, acc int, next *float32, fetch, first, lines, skip int)"
	sgemmBytes     = 112
)

// emitSGEMM writes the kernels of 1 … full rows of all instruction sets, and the loops that measure
// the peak of fused multiply-adds.
func emitSGEMM(amd64, arm64 *file) {
	for rows := 1; rows <= 12; rows++ {
		sgemmX86(amd64, avx512, rows, 2)
	}
	for rows := 1; rows <= 6; rows++ {
		sgemmX86(amd64, avx2, rows, 2)
	}
	for rows := 1; rows <= 8; rows++ {
		sgemmNEON(arm64, rows)
	}
	peakX86(amd64, avx512, 24)
	peakX86(amd64, avx2, 12)
	peakNEON(arm64)
}

func sgemmName(rows, columns int, suffix string) string {
	return fmt.Sprintf("sgemm%dx%d%s", rows, columns, suffix)
}

// sgemmX86 keeps rows × vectors accumulators; each step loads the vectors of B and broadcasts one
// element of A per row: for 12×32 on AVX-512, 24 FMAs on 14 loads.
func sgemmX86(f *file, x *x86, rows, vectors int) {
	const unroll = 4
	bytes := x.wide * 4
	name := sgemmName(rows, x.wide*vectors, x.name)
	f.declare("func " + name + sgemmSignature)
	f.p("// func %s%s", name, sgemmSignature)
	f.p("TEXT ·%s(SB), NOSPLIT, $8-%d", name, sgemmBytes)
	x86FlushDenormals(f)
	for i, r := range []string{"R10", "", "R8", "R9", "BX", "DI", "R11"} { // k a rs cs b c ldc
		if r != "" {
			f.p("\tMOVQ %s+%d(FP), %s", []string{"k", "a", "rs", "cs", "b", "c", "ldc"}[i], 8*i, r)
		}
	}
	f.p("\tLEAQ (R8)(R8*2), R13 // 3·rs\n\tLEAQ (R8)(R8*4), SI // 5·rs")
	accumulators := rows * vectors
	b, a, registers := reg(12), reg(14), 2 // B, and how many registers take turns for A
	if x == avx512 {
		b, a, registers = 24, 26, 6
	}
	f.p("panel:\n\tMOVQ next+72(FP), R15\n\tMOVQ first+88(FP), R12")
	emitFetch(f, "R15", "R12", "CX", 72)
	f.p("\tMOVQ R15, next+72(FP)\n\tMOVQ R12, first+88(FP)\n\tMOVQ a+8(FP), AX")
	if rows > 6 {
		f.p("\tLEAQ (AX)(R13*2), DX // row 6")
	}
	f.p("\tMOVQ DI, R12")
	for i := range rows { // C arrives while the product is computed
		for at := 0; at < bytes*vectors; at += 64 {
			f.p("\tPREFETCHT0 %d(R12)", at)
		}
		if i < rows-1 {
			f.p("\tADDQ R11, R12")
		}
	}
	for i := range accumulators {
		f.p("\tVXORPS %s, %s, %s", x.v(reg(i)), x.v(reg(i)), x.v(reg(i)))
	}
	step := func(at int) {
		for v := range vectors {
			f.p("\tVMOVUPS %d(BX), %s", (at*vectors+v)*bytes, x.v(b+reg(v)))
		}
		for i := range rows {
			base := "AX"
			if i >= 6 {
				base = "DX"
			}
			index := []string{"", "(R8*1)", "(R8*2)", "(R13*1)", "(R8*4)", "(SI*1)"}[i%6]
			element := a + reg(i%registers)
			f.p("\tVBROADCASTSS (%s)%s, %s", base, index, x.v(element))
			for v := range vectors {
				f.p("\tVFMADD231PS %s, %s, %s", x.v(b+reg(v)), x.v(element), x.v(reg(i*vectors+v)))
			}
		}
		f.p("\tADDQ R9, AX")
		if rows > 6 {
			f.p("\tADDQ R9, DX")
		}
	}
	f.p("\tMOVQ R10, CX\n\tSUBQ $%d, CX\n\tJLT single", unroll)
	f.p("several:")
	for at := range unroll {
		step(at)
	}
	f.p("\tADDQ $%d, BX\n\tSUBQ $%d, CX\n\tJGE several", unroll*vectors*bytes, unroll)
	f.p("single:\n\tADDQ $%d, CX\n\tJZ sum", unroll)
	f.p("one:")
	step(0)
	f.p("\tADDQ $%d, BX\n\tDECQ CX\n\tJNZ one", vectors*bytes)
	f.p("sum:\n\tMOVQ DI, R12\n\tCMPQ acc+64(FP), $0\n\tJEQ store")
	eachRow := func(line func(r reg, at int)) {
		for i := range rows {
			for v := range vectors {
				line(reg(i*vectors+v), v*bytes)
			}
			if i < rows-1 {
				f.p("\tADDQ R11, R12")
			}
		}
	}
	eachRow(func(r reg, at int) { f.p("\tVADDPS %d(R12), %s, %s", at, x.v(r), x.v(r)) })
	f.p("\tMOVQ DI, R12\nstore:")
	eachRow(func(r reg, at int) { f.p("\tVMOVUPS %s, %d(R12)", x.v(r), at) })
	f.p("\tADDQ $%d, DI\n\tDECQ panels+56(FP)\n\tJNZ panel", vectors*bytes)
	f.p("\tLDMXCSR 0(SP)\n\tVZEROUPPER\n\tRET\n")
}

// sgemmNEON keeps rows × 12: for 8×12, 24 multiply-adds on 11 loads.
func sgemmNEON(f *file, rows int) {
	name := sgemmName(rows, 12, "NEON")
	f.declare("func " + name + sgemmSignature)
	f.p("// func %s%s", name, sgemmSignature)
	f.p("TEXT ·%s(SB), NOSPLIT, $0-%d", name, sgemmBytes)
	neonFlushDenormals(f)
	for i, p := range []string{"k", "a", "rs", "cs", "b", "c", "ldc", "panels", "acc"} {
		f.p("\tMOVD %s+%d(FP), R%d", p, 8*i, []int{0, 1, 2, 3, 4, 5, 6, 7, 10}[i])
	}
	f.p("panel:\n\tMOVD R0, R11\n\tMOVD R1, R12")
	for i := range rows * 3 {
		f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	f.p("\tCBZ R11, sum\nloop:")
	f.p("\tVLD1.P 48(R4), [V24.S4, V25.S4, V26.S4]\n\tMOVD R12, R13")
	for i := range rows {
		element := 27 + i%4
		f.p("\tVLD1R (R13), [V%d.S4]", element)
		if i < rows-1 {
			f.p("\tADD R2, R13, R13")
		}
		for v := range 3 {
			f.p("\tVFMLA V%d.S4, V%d.S4, V%d.S4", 24+v, element, 3*i+v)
		}
	}
	f.p("\tADD R3, R12, R12\n\tSUB $1, R11, R11\n\tCBNZ R11, loop")
	f.p("sum:\n\tMOVD R5, R13\n\tCBZ R10, store")
	for i := range rows {
		f.p("\tVLD1 (R13), [V24.S4, V25.S4, V26.S4]\n\tADD R6, R13, R13")
		for v := range 3 {
			word(f, neonFADD, reg(3*i+v), reg(3*i+v), reg(24+v), "fadd")
		}
	}
	f.p("\tMOVD R5, R13\nstore:")
	for i := range rows {
		f.p("\tVST1 [V%d.S4, V%d.S4, V%d.S4], (R13)\n\tADD R6, R13, R13", 3*i, 3*i+1, 3*i+2)
	}
	f.p("\tADD $48, R5, R5\n\tSUB $1, R7, R7\n\tCBNZ R7, panel")
	f.p("\tMOVD %s, FPCR\n\tRET\n", neonMode)
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

// peakNEON runs n rounds of 24 independent multiply-adds.
func peakNEON(f *file) {
	f.declare("func peakNEON(n int)")
	f.p("// func peakNEON(n int)\nTEXT ·peakNEON(SB), NOSPLIT, $0-8\n\tMOVD n+0(FP), R0")
	for i := range 26 {
		f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	f.p("loop:")
	for i := range 24 {
		f.p("\tVFMLA V24.S4, V25.S4, V%d.S4", i)
	}
	f.p("\tSUB $1, R0, R0\n\tCBNZ R0, loop\n\tRET\n")
}
