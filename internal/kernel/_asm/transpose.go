package main

const transposeSignature = "(dst *float32, width int, src *float32, stride, blocks int)"

// emitTranspose writes routines that transpose side × side blocks, one after another along the rows
// of src; width and stride are the bytes between rows of dst and src.
func emitTranspose(amd64, arm64 *file) {
	transposeX86(amd64, avx512, 16, func() { transpose16(amd64) })
	transposeX86(amd64, avx2, 8, func() { transpose8(amd64) })
	transposeNEON(arm64)
}

func transposeX86(f *file, x *x86, side int, transpose func()) {
	name := "transposeBlocks" + x.name
	f.declare("func " + name + transposeSignature)
	f.p("// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-40", name, transposeSignature, name)
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ width+8(FP), R9\n\tMOVQ src+16(FP), SI\n\tMOVQ stride+24(FP), R8\n\tMOVQ blocks+32(FP), CX")
	f.p("block:\n\tMOVQ SI, AX")
	for r := range side {
		f.p("\tVMOVUPS (AX), %s%d", x.letter, r)
		if r < side-1 {
			f.p("\tADDQ R8, AX")
		}
	}
	transpose()
	for r := range side {
		f.p("\tVMOVUPS %s%d, (DI)\n\tADDQ R9, DI", x.letter, r)
	}
	f.p("\tADDQ $%d, SI\n\tDECQ CX\n\tJNZ block\n\tVZEROUPPER\n\tRET\n", side*4)
}

// transpose8 transposes the 8×8 dwords of Y0 … Y7 by way of Y8 … Y15.
func transpose8(f *file) {
	op := func(name string, b, a, dst int) { f.p("\t%s Y%d, Y%d, Y%d", name, b, a, dst) }
	for i := 0; i < 8; i += 2 { // pairs of rows
		op("VUNPCKLPS", i+1, i, 8+i)
		op("VUNPCKHPS", i+1, i, 8+i+1)
	}
	for i := 0; i < 8; i += 4 { // quartets: Y(i+c), lane L, holds column 4L+c of rows i … i+3
		op("VUNPCKLPD", 8+i+2, 8+i, i)
		op("VUNPCKHPD", 8+i+2, 8+i, i+1)
		op("VUNPCKLPD", 8+i+3, 8+i+1, i+2)
		op("VUNPCKHPD", 8+i+3, 8+i+1, i+3)
	}
	for c := range 4 {
		f.p("\tVPERM2F128 $0x20, Y%d, Y%d, Y%d", 4+c, c, 8+c)
		f.p("\tVPERM2F128 $0x31, Y%d, Y%d, Y%d", 4+c, c, 12+c)
	}
	for c := range 8 {
		f.p("\tVMOVAPS Y%d, Y%d", 8+c, c)
	}
}

func transposeNEON(f *file) {
	f.declare("func transposeBlocksNEON" + transposeSignature)
	f.p("// func transposeBlocksNEON%s\nTEXT ·transposeBlocksNEON(SB), NOSPLIT, $0-40", transposeSignature)
	for i, p := range []string{"dst", "width", "src", "stride", "blocks"} {
		f.p("\tMOVD %s+%d(FP), R%d", p, 8*i, i)
	}
	f.p("block:\n\tMOVD R2, R5")
	for r := range 4 {
		f.p("\tFMOVQ (R5), F%d\n\tADD R3, R5, R5", r)
	}
	three := func(name, lanes string, b, a, dst int) {
		f.p("\t%s V%d.%s, V%d.%s, V%d.%s", name, b, lanes, a, lanes, dst, lanes)
	}
	for i := 0; i < 4; i += 2 {
		three("VTRN1", "S4", i+1, i, 4+i)
		three("VTRN2", "S4", i+1, i, 5+i)
	}
	for c := range 2 {
		three("VTRN1", "D2", 6+c, 4+c, c)
		three("VTRN2", "D2", 6+c, 4+c, 2+c)
	}
	for r := range 4 {
		f.p("\tFMOVQ F%d, (R0)\n\tADD R1, R0, R0", r)
	}
	f.p("\tADD $16, R2, R2\n\tSUB $1, R4, R4\n\tCBNZ R4, block\n\tRET\n")
}
