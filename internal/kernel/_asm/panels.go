package main

import "fmt"

const panelSignature = "(dst *float32, step int, src *float32, stride, panels, k int)"

// emitPanels writes routines that copy k rows of panels·width floats to panels, step bytes apart, of
// k rows of width. Going along rows touches every page of src once; the row eight further on is
// fetched meanwhile.
func emitPanels(amd64, arm64 *file) {
	for _, width := range []int{32, 12} {
		panelsX86(amd64, avx512, width)
	}
	for _, width := range []int{16, 6} {
		panelsX86(amd64, avx2, width)
	}
	for _, width := range []int{12, 8} {
		panelsNEON(arm64, width)
	}
}

func panelsX86(f *file, x *x86, width int) {
	name := fmt.Sprintf("copyPanels%d%s", width, x.name)
	f.declare("func " + name + panelSignature)
	f.p("// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-48", name, panelSignature, name)
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ step+8(FP), R9\n\tMOVQ src+16(FP), SI\n\tMOVQ stride+24(FP), R8\n\tMOVQ panels+32(FP), R10\n\tMOVQ k+40(FP), CX")
	f.p("row:\n\tMOVQ SI, AX\n\tMOVQ DI, DX\n\tMOVQ R10, R11\n\tLEAQ (SI)(R8*8), BX")
	f.p("panel:\n\tPREFETCHT0 (BX)")
	if width > 16 {
		f.p("\tPREFETCHT0 64(BX)")
	}
	for at := 0; at < width; {
		n, register, move := 4, "X0", "VMOVUPS"
		switch rest := width - at; {
		case rest >= x.wide:
			n, register = x.wide, x.letter+"0"
		case rest >= 8:
			n, register = 8, "Y0"
		case rest < 4:
			n, move = 2, "VMOVSD"
		}
		f.p("\t%s %d(AX), %s\n\t%s %s, %d(DX)", move, 4*at, register, move, register, 4*at)
		at += n
	}
	f.p("\tADDQ $%d, AX\n\tADDQ $%d, BX\n\tADDQ R9, DX\n\tDECQ R11\n\tJNZ panel", 4*width, 4*width)
	f.p("\tADDQ R8, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ row\n\tVZEROUPPER\n\tRET\n", 4*width)
}

func panelsNEON(f *file, width int) {
	name := fmt.Sprintf("copyPanels%dNEON", width)
	f.declare("func " + name + panelSignature)
	f.p("// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-48", name, panelSignature, name)
	for i, p := range []string{"dst", "step", "src", "stride", "panels", "k"} {
		f.p("\tMOVD %s+%d(FP), R%d", p, 8*i, i)
	}
	f.p("row:\n\tMOVD R2, R6\n\tMOVD R0, R7\n\tMOVD R4, R8\n\tADD R3<<3, R2, R9")
	f.p("panel:\n\tPRFM (R9), PLDL1KEEP\n\tADD $%d, R9, R9", 4*width)
	for at := 0; at < width; at += 4 {
		f.p("\tFMOVQ %d(R6), F%d", 4*at, at/4)
	}
	for at := 0; at < width; at += 4 {
		f.p("\tFMOVQ F%d, %d(R7)", at/4, 4*at)
	}
	f.p("\tADD $%d, R6, R6\n\tADD R1, R7, R7\n\tSUB $1, R8, R8\n\tCBNZ R8, panel", 4*width)
	f.p("\tADD R3, R2, R2\n\tADD $%d, R0, R0\n\tSUB $1, R5, R5\n\tCBNZ R5, row\n\tRET\n", 4*width)
}
