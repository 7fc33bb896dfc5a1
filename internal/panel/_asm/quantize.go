package main

// Activations to 8 bits, block by block; see quantizeReference. Registers: SI activations, DI blocks, CX blocks left;
// X15 127, Y14 all bits but the sign, X13 zero.

func emitQuantizeX86(f *file) {
	for _, isa := range []x86{avx2, avx512} {
		name := "quantize" + isa.name
		f.begin(name, "quantizeArgs", name+" is quantizeReference.")
		f.p("\tMOVQ a+0(FP), AX\n\tMOVQ quantizeArgs_x(AX), SI\n\tMOVQ quantizeArgs_blocks(AX), DI\n\tMOVQ quantizeArgs_n(AX), CX")
		f.p("\tMOVL $0x42fe0000, AX\n\tVMOVD AX, X15 // 127\n\tMOVL $0x7fffffff, AX\n\tVMOVD AX, X14\n\tVPXOR X13, X13, X13")
		if isa == avx512 {
			f.p("\tVPBROADCASTD X14, Z14\nblock:")
			f.p("\tVMOVUPS (SI), Z0\n\tVMOVUPS 64(SI), Z1\n\tVPANDD Z14, Z0, Z2\n\tVPANDD Z14, Z1, Z3\n\tVMAXPS Z3, Z2, Z2")
			f.p("\tVEXTRACTF64X4 $1, Z2, Y3\n\tVMAXPS Y3, Y2, Y2")
		} else {
			f.p("\tVPBROADCASTD X14, Y14\n\tVMOVDQU order<>(SB), Y12\nblock:")
			f.p("\tVMOVUPS (SI), Y0\n\tVMOVUPS 32(SI), Y1\n\tVMOVUPS 64(SI), Y6\n\tVMOVUPS 96(SI), Y7")
			f.p("\tVPAND Y14, Y0, Y2\n\tVPAND Y14, Y1, Y3\n\tVMAXPS Y3, Y2, Y2\n\tVPAND Y14, Y6, Y3\n\tVMAXPS Y3, Y2, Y2\n\tVPAND Y14, Y7, Y3\n\tVMAXPS Y3, Y2, Y2")
		}
		f.p("\tVEXTRACTF128 $1, Y2, X3\n\tVMAXPS X3, X2, X2\n\tVPERMILPS $0x4e, X2, X3\n\tVMAXPS X3, X2, X2\n\tVPERMILPS $0xb1, X2, X3\n\tVMAXPS X3, X2, X2 // max|x|")
		f.p("\tVDIVSS X15, X2, X4\n\tVDIVSS X2, X15, X5")
		f.p("\tVMOVD X2, AX\n\tTESTL AX, AX\n\tJNZ scaled\n\tVPXOR X5, X5, X5\nscaled:")
		if isa == avx512 {
			f.p("\tVBROADCASTSS X5, Z5\n\tVMULPS Z5, Z0, Z0\n\tVMULPS Z5, Z1, Z1\n\tVCVTPS2DQ Z0, Z0\n\tVCVTPS2DQ Z1, Z1")
			f.p("\tVPMOVDB Z0, (DI)\n\tVPMOVDB Z1, 16(DI)")
			f.p("\tVEXTRACTI64X4 $1, Z0, Y6\n\tVPADDD Y6, Y0, Y0\n\tVEXTRACTI64X4 $1, Z1, Y6\n\tVPADDD Y6, Y1, Y1")
		} else {
			f.p("\tVBROADCASTSS X5, Y5")
			for _, r := range []string{"Y0", "Y1", "Y6", "Y7"} {
				f.p("\tVMULPS Y5, %s, %s\n\tVCVTPS2DQ %s, %s", r, r, r, r)
			}
			f.p("\tVPACKSSDW Y1, Y0, Y2\n\tVPACKSSDW Y7, Y6, Y3\n\tVPACKSSWB Y3, Y2, Y2\n\tVPERMD Y2, Y12, Y2 // the packs interleave halves\n\tVMOVDQU Y2, (DI)")
			f.p("\tVPADDD Y1, Y0, Y0\n\tVPADDD Y7, Y6, Y1")
		}
		f.p("\tVPHADDD Y1, Y0, Y0\n\tVPHADDD Y0, Y0, Y0\n\tVEXTRACTI128 $1, Y0, X1\n\tVPADDD X1, X0, X0 // sums of the halves in lanes 0 and 1")
		f.p("\tVCVTPS2PH $0, X4, X4\n\tVCVTPH2PS X4, X4\n\tVMOVSS X4, 32(DI)\n\tVBROADCASTSS X4, X4")
		f.p("\tVCVTDQ2PS X0, X6\n\tVMULPS X4, X6, X6\n\tVMOVQ X6, 56(DI)\n\tVPSUBD X0, X13, X7\n\tVMOVQ X7, 48(DI)")
		f.p("\tVPSHUFD $0xb1, X0, X1\n\tVPADDD X1, X0, X0\n\tVCVTDQ2PS X0, X6\n\tVMULSS X4, X6, X6\n\tVMOVSS X6, 40(DI)\n\tVPSUBD X0, X13, X7\n\tVMOVD X7, 36(DI)")
		f.p("\tADDQ $128, SI\n\tADDQ $64, DI\n\tDECQ CX\n\tJNZ block\n\tVZEROUPPER\n\tRET")
	}
	f.p("\nDATA order<>+0(SB)/8, $0x0000000400000000\nDATA order<>+8(SB)/8, $0x0000000500000001")
	f.p("DATA order<>+16(SB)/8, $0x0000000600000002\nDATA order<>+24(SB)/8, $0x0000000700000003\nGLOBL order<>(SB), RODATA|NOPTR, $32")
}

const (
	fabs    = 0x4ea0f800 // Vd.4S = |Vn.4S|
	fmax    = 0x4e20f400
	fmaxv   = 0x6e30f800 // Sd = max of Vn.4S
	fcvtns  = 0x4e21a800 // Vd.4S = round to even(Vn.4S)
	xtn     = 0x0e612800 // Vd.4H = Vn.4S
	xtn2    = 0x4e612800
	xtnB    = 0x0e212800 // Vd.8B = Vn.8H
	xtnB2   = 0x4e212800
	addv    = 0x4eb1b800 // Sd = sum of Vn.4S
	fdivS   = 0x1e201800 // Sd = Sn / Sm
	fcvtHS  = 0x1e23c000 // Hd = Sn
	fcvtSH  = 0x1ee24000 // Sd = Hn
	scvtfS  = 0x5e21d800 // Sd = float(Sn)
	fmulS   = 0x1e200800
	negS    = 0x6ea0b800 // Vd.4S = −Vn.4S
	addScal = 0x4ea08400
)

// emitQuantizeNEON keeps the activations in V0…V7. Registers: R1 activations, R2 blocks, R3 blocks left.
func emitQuantizeNEON(f *file) {
	f.begin("quantizeNEON", "quantizeArgs", "quantizeNEON is quantizeReference.")
	f.p("\tMOVD a+0(FP), R0\n\tMOVD quantizeArgs_x(R0), R1\n\tMOVD quantizeArgs_blocks(R0), R2\n\tMOVD quantizeArgs_n(R0), R3")
	f.p("\tMOVD $0x42fe0000, R4\n\tFMOVS R4, F30 // 127")
	f.p("block:\n\tVLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]\n\tVLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]")
	word2(f, fabs, 16, 0, "fabs")
	for i := 1; i < 8; i++ {
		word2(f, fabs, 17, i, "fabs")
		word3(f, fmax, 16, 16, 17, "fmax")
	}
	word2(f, fmaxv, 16, 16, "fmaxv")
	word3(f, fdivS, 17, 16, 30, "fdiv s") // max/127
	word3(f, fdivS, 18, 30, 16, "fdiv s") // 127/max
	f.p("\tFMOVS F16, R4\n\tCBNZW R4, scaled\n\tVEOR V18.B16, V18.B16, V18.B16\nscaled:\n\tVDUP V18.S[0], V18.S4")
	for i := range 8 {
		word3(f, fmul, i, i, 18, "fmul")
		word2(f, fcvtns, i, i, "fcvtns")
	}
	for h := range 2 {
		at := 4 * h
		word2(f, xtn, 20, at, "xtn")
		word2(f, xtn2, 20, at+1, "xtn2")
		word2(f, xtn, 21, at+2, "xtn")
		word2(f, xtn2, 21, at+3, "xtn2")
		word2(f, xtnB, 22+h, 20, "xtn")
		word2(f, xtnB2, 22+h, 21, "xtn2")
		word3(f, add, at, at, at+1, "add")
		word3(f, add, at+2, at+2, at+3, "add")
		word3(f, add, at, at, at+2, "add")
		word2(f, addv, 24+h, at, "addv")
	}
	f.p("\tVST1 [V22.B16, V23.B16], (R2)")
	word2(f, fcvtHS, 17, 17, "fcvt h, s")
	word2(f, fcvtSH, 17, 17, "fcvt s, h")
	f.p("\tFMOVS F17, 32(R2)")
	word3(f, addScal, 26, 24, 25, "add")
	for i, offsets := range [][2]int{{48, 56}, {52, 60}, {36, 40}} {
		word2(f, scvtfS, 27, 24+i, "scvtf s")
		word3(f, fmulS, 27, 27, 17, "fmul s")
		word2(f, negS, 28, 24+i, "neg")
		f.p("\tFMOVS F28, %d(R2)\n\tFMOVS F27, %d(R2)", offsets[0], offsets[1])
	}
	f.p("\tADD $64, R2\n\tSUBS $1, R3\n\tBNE block\n\tRET")
}
