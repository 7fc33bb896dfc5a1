package main

import "fmt"

// A micro-kernel multiplies a strip of `rows` rows of A by panels of B into C, float32:
//
//	for each panel j:  C[r][j·NR + q] (+)= Σ_p A[r·rs + p·cs] · B[j][p][q]     r < rows, q < NR
//
// One tile of C, rows × NR, stays in registers while p runs. B is packed: panels of k rows of NR.
// Strides are in bytes; acc 0 overwrites C, 1 adds to it. Meanwhile it does what `soon` says (type
// soon in engine.go): fetches cache lines, and copies rows of A.
const (
	sgemmSignature = "(k int, a *float32, rs, cs int, b, c *float32, ldc, panels, acc int, soon *soon)"
	sgemmBytes     = 80

	soonNext, soonFetch, soonFirst, soonLines, soonSkip = 0, 8, 16, 24, 32
	soonTo, soonFrom, soonStride, soonRows              = 40, 48, 56, 64
)

// emitSGEMM writes the kernels of 1 … full rows of all instruction sets, and the loops that measure
// the peak of fused multiply-adds.
func emitSGEMM(amd64, arm64 *file) {
	for _, columns := range []bool{false, true} {
		for rows := 1; rows <= 12; rows++ {
			sgemmX86(amd64, avx512, rows, 12, columns)
		}
		for rows := 1; rows <= 6; rows++ {
			sgemmX86(amd64, avx2, rows, 6, columns)
		}
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
