package main

import "fmt"

// Go's assembler lacks most Advanced SIMD instructions, so they are words here: Arm ARM, section C7.
const (
	fmla   = 0x4e20cc00 // Vd.4S += Vn.4S · Vm.4S
	fmls   = 0x4ea0cc00
	fmul   = 0x6e20dc00
	scvtf  = 0x4e21d800 // Vd.4S = float(Vn.4S)
	fcvtl  = 0x0e217800 // Vd.4S = Vn.4H as binary16
	fcvtl2 = 0x4e217800
	shll   = 0x2e613800 // Vd.4S = Vn.4H << 16
	shll2  = 0x6e613800
	sshl   = 0x4ea04400 // Vd.4S = Vn.4S << Vm.4S
	sdot   = 0x4f80e000 // Vd.4S += Vn.16B · Vm.4B[i]
	smull  = 0x0e20c000 // Vd.8H = Vn.8B · Vm.8B
	smull2 = 0x4e20c000
	smlal  = 0x0e208000
	smlal2 = 0x4e208000
	sadalp = 0x4e606800 // Vd.4S += pairs of Vn.8H
	addp   = 0x4ea0bc00 // Vd.4S = pairs of Vn.4S, Vm.4S
	dup    = 0x4e040400 // Vd.4S = Vn.S[i]
	add    = 0x4ea08400
)

func word3(f *file, code uint32, d, n, m int, text string) {
	f.p("\tWORD $0x%08x // %s v%d, v%d, v%d", code|uint32(m)<<16|uint32(n)<<5|uint32(d), text, d, n, m)
}

func word2(f *file, code uint32, d, n int, text string) {
	f.p("\tWORD $0x%08x // %s v%d, v%d", code|uint32(n)<<5|uint32(d), text, d, n)
}

func emitFloatNEON(f *file) {
	for _, format := range []string{"F32", "F16", "BF16"} {
		for _, t := range [][2]int{{1, 4}, {1, 3}, {1, 2}, {1, 1}, {2, 2}, {2, 1}, {4, 1}} {
			emitFloatTileNEON(f, format, t[0], t[1])
		}
	}
}

// emitFloatTileNEON keeps rows·panels·4 sums from V0; V16…V19 hold a column of a panel, V20… the activations.
// Registers: R1…R4 rows, R5…R8 panels, R9 columns left, R10 groups left, R11 output, R12 bytes between its rows,
// R13 first panel of the group, R14 bytes between panels.
func emitFloatTileNEON(f *file, format string, rows, panels int) {
	name := fmt.Sprintf("mul%s_%dx%dNEON", format, rows, panels)
	f.begin(name, "floatArgs", fmt.Sprintf("%s multiplies %d rows with groups of %d panels.", name, rows, panels))
	f.p("\tMOVD a+0(FP), R0")
	for _, l := range [][2]string{{"w", "R13"}, {"stride", "R14"}, {"y", "R11"}, {"ldy", "R12"}, {"groups", "R10"}} {
		f.p("\tMOVD floatArgs_%s(R0), %s", l[0], l[1])
	}
	f.p("group:\n\tMOVD floatArgs_k(R0), R9\n\tMOVD floatArgs_x(R0), R1\n\tMOVD floatArgs_ldx(R0), R15")
	for r := 1; r < rows; r++ {
		f.p("\tADD R15, R%d, R%d", r, r+1)
	}
	f.p("\tMOVD R13, R5")
	for p := 1; p < panels; p++ {
		f.p("\tADD R14, R%d, R%d", 4+p, 5+p)
	}
	for i := range rows * panels * 4 {
		f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	f.p("column:")
	for r := range rows {
		f.p("\tVLD1R.P 4(R%d), [V%d.S4]", 1+r, 20+r)
	}
	for p := range panels {
		if format == "F32" {
			f.p("\tVLD1.P 64(R%d), [V16.S4, V17.S4, V18.S4, V19.S4]", 5+p)
		} else {
			f.p("\tVLD1.P 32(R%d), [V24.H8, V25.H8]", 5+p)
			low, high, text := uint32(fcvtl), uint32(fcvtl2), "fcvtl"
			if format == "BF16" {
				low, high, text = shll, shll2, "shll"
			}
			word2(f, low, 16, 24, text)
			word2(f, high, 17, 24, text+"2")
			word2(f, low, 18, 25, text)
			word2(f, high, 19, 25, text+"2")
		}
		for r := range rows {
			for h := range 4 {
				word3(f, fmla, (r*panels+p)*4+h, 16+h, 20+r, "fmla")
			}
		}
	}
	f.p("\tSUBS $1, R9\n\tBNE column\n\tMOVD R11, R15")
	for r := range rows {
		f.p("\tMOVD R15, R16")
		for p := range panels {
			a := (r*panels + p) * 4
			f.p("\tVST1.P [V%d.S4, V%d.S4, V%d.S4, V%d.S4], 64(R16)", a, a+1, a+2, a+3)
		}
		f.p("\tADD R12, R15")
	}
	f.p("\tADD $%d, R11", 64*panels)
	for range panels {
		f.p("\tADD R14, R13")
	}
	f.p("\tSUBS $1, R10\n\tBNE group\n\tRET")
}

func emitIntNEON(f *file) {
	for _, l := range layouts {
		emitIntTileNEON(f, l, 1, true)
		emitIntTileNEON(f, l, 2, true)
		emitIntTileNEON(f, l, 1, false)
	}
}

// emitIntTileNEON: levels are taken as signed bytes; those centred at 128 are flipped first. Sums of floats lie from V0,
// integer sums from V8, activations from V24, levels in V20…V23, the flip in V28, the shift in V29, 15s in V30.
//
// Without dot products a chunk's products are widened to 16 bits and pairs of them added to 32: V8…V15 then hold half
// sums of pairs of rows, added at the block's end.
//
// Registers: R1, R2 rows, R3 levels, R4 scales, R5 minima or 0, R6 blocks left, R7 panels left, R8 output, R9 bytes
// between its rows, R10 bytes between rows, R11 and R12 scratch.
func emitIntTileNEON(f *file, l layout, rows int, dots bool) {
	kind := "NEON"
	if dots {
		kind = "Dot"
	}
	name := fmt.Sprintf("mul%s_%d%s", l.name, rows, kind)
	f.begin(name, "intArgs", fmt.Sprintf("%s multiplies %d rows with panels.", name, rows))
	f.p("\tMOVD a+0(FP), R0")
	for _, l := range [][2]string{{"levels", "R3"}, {"scales", "R4"}, {"mins", "R5"}, {"ldx", "R10"}, {"y", "R8"}, {"ldy", "R9"}, {"panels", "R7"}} {
		f.p("\tMOVD intArgs_%s(R0), %s", l[0], l[1])
	}
	f.p("\tMOVWU intArgs_shift(R0), R11\n\tVDUP R11, V29.S4\n\tMOVWU intArgs_flip(R0), R11\n\tVDUP R11, V28.S4")
	f.p("\tMOVD $0x0f, R11\n\tVDUP R11, V30.B16")
	f.p("panel:\n\tMOVD intArgs_x(R0), R1\n\tADD R10, R1, R2\n\tMOVD intArgs_blocks(R0), R6")
	for i := range 4 * rows {
		f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	f.p("block:")
	for r := range rows {
		f.p("\tVLD1 (R%d), [V%d.B16, V%d.B16]", 1+r, 24+2*r, 25+2*r)
	}
	for g := range 32 / l.group {
		if dots {
			for r := range rows {
				negatedSum(f, l, g, r, 8+4*r)
				for h := 1; h < 4; h++ {
					f.p("\tVMOV V%d.B16, V%d.B16", 8+4*r, 8+4*r+h)
				}
			}
		} else {
			for i := range 8 {
				f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", 8+i, 8+i, 8+i)
			}
		}
		emitChunksNEON(f, l, g, rows, dots)
		if !dots {
			negatedSum(f, l, g, 0, 20)
			for h := range 4 {
				word3(f, addp, 8+h, 8+2*h, 9+2*h, "addp")
				word3(f, add, 8+h, 8+h, 20, "add")
			}
		}
		f.p("\tVLD1.P 64(R4), [V20.S4, V21.S4, V22.S4, V23.S4]")
		for r := range rows {
			f.p("\tADD $%d, R%d, R11\n\tVLD1R (R11), [V31.S4]", offsetScale, 1+r)
			for h := range 4 {
				word2(f, scvtf, 8+4*r+h, 8+4*r+h, "scvtf")
				word3(f, fmul, 16, 20+h, 31, "fmul")
				word3(f, fmla, 4*r+h, 8+4*r+h, 16, "fmla")
			}
		}
	}
	f.p("\tCBZ R5, symmetric")
	for g := range 32 / l.group {
		f.p("\tVLD1.P 64(R5), [V20.S4, V21.S4, V22.S4, V23.S4]")
		for r := range rows {
			f.p("\tADD $%d, R%d, R11\n\tVLD1R (R11), [V31.S4]", scaled(l, g), 1+r)
			for h := range 4 {
				word3(f, fmls, 4*r+h, 20+h, 31, "fmls")
			}
		}
	}
	f.p("symmetric:")
	for r := range rows {
		f.p("\tADD $64, R%d", 1+r)
	}
	f.p("\tSUBS $1, R6\n\tBNE block\n\tMOVD R8, R11")
	for r := range rows {
		f.p("\tVST1 [V%d.S4, V%d.S4, V%d.S4, V%d.S4], (R11)\n\tADD R9, R11", 4*r, 4*r+1, 4*r+2, 4*r+3)
	}
	f.p("\tADD $64, R8\n\tSUBS $1, R7\n\tBNE panel\n\tRET")
}

// negatedSum sets Vd to −zero·Σx of a group.
func negatedSum(f *file, l layout, g, r, d int) {
	f.p("\tADD $%d, R%d, R11\n\tVLD1R (R11), [V%d.S4]", negated(l, g), 1+r, d)
	word3(f, sshl, d, d, 29, "sshl")
}

// emitChunksNEON adds the products of a group's levels to the integer sums.
func emitChunksNEON(f *file, l layout, g, rows int, dots bool) {
	load := func() { f.p("\tVLD1.P 64(R3), [V20.B16, V21.B16, V22.B16, V23.B16]") }
	flip := func() {
		if l.wide {
			for h := range 4 {
				f.p("\tVEOR V28.B16, V%d.B16, V%d.B16", 20+h, 20+h)
			}
		}
	}
	if l.bits == 8 {
		for j := range l.group / 4 {
			load()
			flip()
			emitProductsNEON(f, g*l.group/4+j, 20, rows, dots)
		}
		return
	}
	if dots {
		for j := range 4 {
			load()
			for h := range 4 { // the activations' registers leave four for the high nibbles only one by one
				f.p("\tVUSHR $4, V%d.B16, V31.B16\n\tVAND V30.B16, V%d.B16, V%d.B16", 20+h, 20+h, 20+h)
				for r := range rows {
					sdotLane(f, 8+4*r+h, 20+h, 24+2*r, j)
					sdotLane(f, 8+4*r+h, 31, 25+2*r, j)
				}
			}
		}
		return
	}
	for j := range 4 {
		load()
		dupLane(f, 26, 24, j)
		dupLane(f, 27, 25, j)
		for h := range 4 {
			f.p("\tVUSHR $4, V%d.B16, V31.B16\n\tVAND V30.B16, V%d.B16, V%d.B16", 20+h, 20+h, 20+h)
			word3(f, smull, 16, 20+h, 26, "smull")
			word3(f, smlal, 16, 31, 27, "smlal")
			word3(f, smull2, 17, 20+h, 26, "smull2")
			word3(f, smlal2, 17, 31, 27, "smlal2")
			word2(f, sadalp, 8+2*h, 16, "sadalp")
			word2(f, sadalp, 9+2*h, 17, "sadalp")
		}
	}
}

// emitProductsNEON adds the products of chunk j, whose levels lie in four registers from w.
func emitProductsNEON(f *file, j, w, rows int, dots bool) {
	if dots {
		for r := range rows {
			for h := range 4 {
				sdotLane(f, 8+4*r+h, w+h, 24+2*r+j/4, j%4)
			}
		}
		return
	}
	dupLane(f, 26, 24+j/4, j%4)
	for h := range 4 {
		word3(f, smull, 16, w+h, 26, "smull")
		word3(f, smull2, 17, w+h, 26, "smull2")
		word2(f, sadalp, 8+2*h, 16, "sadalp")
		word2(f, sadalp, 9+2*h, 17, "sadalp")
	}
}

func sdotLane(f *file, d, n, m, i int) {
	word3(f, sdot|uint32(i&1)<<21|uint32(i>>1)<<11, d, n, m, fmt.Sprintf("sdot [%d]", i))
}

func dupLane(f *file, d, n, i int) {
	word2(f, dup|uint32(i)<<19, d, n, fmt.Sprintf("dup [%d]", i))
}
