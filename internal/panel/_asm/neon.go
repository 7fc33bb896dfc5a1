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
	sdot   = 0x4f80e000 // Vd.4S += Vn.16B · Vm.4B[i]
	smull  = 0x0e20c000 // Vd.8H = Vn.8B · Vm.8B
	smull2 = 0x4e20c000
	smlal  = 0x0e208000
	smlal2 = 0x4e208000
	sadalp = 0x4e606800 // Vd.4S += pairs of Vn.8H
	addp   = 0x4ea0bc00 // Vd.4S = pairs of Vn.4S, Vm.4S
	dup    = 0x4e040400 // Vd.4S = Vn.S[i]
	add    = 0x4ea08400

	sxtl8      = 0x0f08a400 // Vd.8H = the lower Vn.8B, signed
	sxtl8high  = 0x4f08a400
	sxtl16     = 0x0f10a400 // Vd.4S = the lower Vn.4H, signed
	sxtl16high = 0x4f10a400
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
	var dot, neon []string
	for _, l := range quantizedTypes() {
		emitIntTileNEON(f, l, 1, true)
		emitIntTileNEON(f, l, 2, true)
		emitIntTileNEON(f, l, 1, false)
		dot = append(dot, entry(l, []int{2, 1}, "Dot"))
		neon = append(neon, entry(l, []int{1}, "NEON"))
	}
	f.table("has the products of levels for integer dot products.", "levelsDot", "[]intTile", dot)
	f.table("has those for processors without.", "levelsNEON", "[]intTile", neon)
}

// emitIntTileNEON: levels are taken as signed bytes; those centred at 128 have their upper bit flipped. Sums of floats lie
// from V0, integer sums from V8, levels in V20…V23, activations and then shared scales from V24, the masks of the planes
// (or the flip) in V30 and V29.
//
// Without dot products a chunk's products are widened to 16 bits and pairs of them added to 32: V8…V15 then hold half
// sums of pairs of rows, added at the group's end.
//
// Registers: R1, R2 rows, R3 levels, R4 scales, R5 shared scales, R6 blocks left, R7 panels left, R8 output, R9 bytes
// between its rows, R10 bytes between rows, R11 scratch.
func emitIntTileNEON(f *file, l levels, rows int, dots bool) {
	kind := "NEON"
	if dots {
		kind = "Dot"
	}
	name := fmt.Sprintf("mul%s_%d%s", l.name, rows, kind)
	f.begin(name, "intArgs", fmt.Sprintf("%s multiplies %d rows with panels.", name, rows))
	f.p("\tMOVD a+0(FP), R0")
	for _, l := range [][2]string{{"levels", "R3"}, {"scales", "R4"}, {"shared", "R5"}, {"ldx", "R10"}, {"y", "R8"}, {"ldy", "R9"}, {"panels", "R7"}} {
		f.p("\tMOVD intArgs_%s(R0), %s", l[0], l[1])
	}
	low := l.lowMask()
	if l.low == 8 {
		low = "$0x80808080"
	}
	f.p("\tMOVD %s, R11\n\tVDUP R11, V30.S4", low)
	if l.high > 0 {
		f.p("\tMOVD %s, R11\n\tVDUP R11, V29.S4", l.highMask())
	}
	f.p("panel:\n\tMOVD intArgs_x(R0), R1\n\tADD R10, R1, R2\n\tMOVD intArgs_blocks(R0), R6")
	for i := range 4 * rows {
		f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	f.p("block:")
	for g := range 32 / l.Group {
		emitGroupNEON(f, l, g, rows, dots)
	}
	for r := range rows {
		f.p("\tADD $64, R%d", 1+r)
	}
	f.p("\tADD $%d, R3\n\tADD $%d, R4\n\tSUB $1, R6", l.levelBytes(), l.scaleBytes())
	if l.Super {
		f.p("\tTST $7, R6\n\tBNE block\n\tADD $%d, R5", l.floatBytes())
	}
	f.p("\tCBNZ R6, block\n\tMOVD R8, R11")
	for r := range rows {
		f.p("\tVST1 [V%d.S4, V%d.S4, V%d.S4, V%d.S4], (R11)\n\tADD R9, R11", 4*r, 4*r+1, 4*r+2, 4*r+3)
	}
	f.p("\tADD $64, R8\n\tSUBS $1, R7\n\tBNE panel\n\tRET")
}

// emitGroupNEON adds the products of a group of columns to the sums of floats.
func emitGroupNEON(f *file, l levels, g, rows int, dots bool) {
	for r := range rows {
		f.p("\tADD $%d, R%d, R11", 16*g, 1+r)
		if l.Group == 16 {
			f.p("\tVLD1 (R11), [V%d.B16]", 24+2*r)
		} else {
			f.p("\tVLD1 (R11), [V%d.B16, V%d.B16]", 24+2*r, 25+2*r)
		}
	}
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
	spare := 4 // without dot products there is one row, which leaves V4…V7
	if dots {
		spare = 16
	}
	for j := range l.Group / 4 {
		chunkNEON(f, l, g*l.Group/4+j, spare)
		emitProductsNEON(f, j, 20, rows, dots)
	}
	if !dots {
		negatedSum(f, l, g, 0, 20)
		for h := range 4 {
			word3(f, addp, 8+h, 8+2*h, 9+2*h, "addp")
			word3(f, add, 8+h, 8+h, 20, "add")
		}
	}
	scaleNEON(f, l, g, 0)
	for r := range rows {
		f.p("\tADD $%d, R%d, R11\n\tVLD1R (R11), [V31.S4]", offsetScale, 1+r)
		for h := range 4 {
			word2(f, scvtf, 8+4*r+h, 8+4*r+h, "scvtf")
			word3(f, fmul, 16, 20+h, 31, "fmul")
			word3(f, fmla, 4*r+h, 8+4*r+h, 16, "fmla")
		}
	}
	if !l.Affine {
		return
	}
	scaleNEON(f, l, g, 1)
	for r := range rows {
		f.p("\tADD $%d, R%d, R11\n\tVLD1R (R11), [V31.S4]", scaledAt(l.Group, g), 1+r)
		for h := range 4 {
			word3(f, fmls, 4*r+h, 20+h, 31, "fmls")
		}
	}
}

// negatedSum sets Vd to −zero·Σx of a group.
func negatedSum(f *file, l levels, g, r, d int) {
	if l.Zero == 0 || l.low == 8 {
		f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", d, d, d)
		return
	}
	f.p("\tADD $%d, R%d, R11\n\tVLD1R (R11), [V%d.S4]\n\tVSHL $%d, V%d.S4, V%d.S4", negatedAt(l.Group, g), 1+r, d, l.centre(), d, d)
}

// chunkNEON puts the levels of chunk j into V20…V23; four registers from spare on are scratch.
func chunkNEON(f *file, l levels, j, spare int) {
	load := func(run, to int) {
		f.p("\tADD $%d, R3, R11\n\tVLD1 (R11), [V%d.B16, V%d.B16, V%d.B16, V%d.B16]", 64*run, to, to+1, to+2, to+3)
	}
	run, bit := l.lowPart(j)
	load(run, 20)
	for v := 20; v < 24; v++ {
		switch {
		case l.low == 8:
			f.p("\tVEOR V30.B16, V%d.B16, V%d.B16", v, v)
			continue
		case bit > 0:
			f.p("\tVUSHR $%d, V%d.B16, V%d.B16", bit, v, v)
		}
		f.p("\tVAND V30.B16, V%d.B16, V%d.B16", v, v)
	}
	if l.high == 0 {
		return
	}
	run, bit = l.highPart(j)
	load(run, spare)
	for v := spare; v < spare+4; v++ {
		switch {
		case bit < l.low:
			f.p("\tVSHL $%d, V%d.B16, V%d.B16", l.low-bit, v, v)
		case bit > l.low:
			f.p("\tVUSHR $%d, V%d.B16, V%d.B16", bit-l.low, v, v)
		}
		f.p("\tVAND V29.B16, V%d.B16, V%d.B16\n\tVORR V%d.B16, V%d.B16, V%d.B16", v, v, v, 20+v-spare, 20+v-spare)
	}
}

// scaleNEON puts part i (scale or minimum) of group g into V20…V23; V16…V18 and V24…V27 are scratch.
func scaleNEON(f *file, l levels, g, i int) {
	halves, at, to := "R4", 32*i, 20
	if l.Super {
		halves, to = "R5", 24
	}
	f.p("\tADD $%d, %s, R11\n\tVLD1 (R11), [V16.H8, V17.H8]", at, halves)
	word2(f, fcvtl, to, 16, "fcvtl")
	word2(f, fcvtl2, to+1, 16, "fcvtl2")
	word2(f, fcvtl, to+2, 17, "fcvtl")
	word2(f, fcvtl2, to+3, 17, "fcvtl2")
	if !l.Super {
		return
	}
	f.p("\tADD $%d, R4, R11\n\tVLD1 (R11), [V16.B16]", 16*(g*l.Per()+i))
	word2(f, sxtl8, 17, 16, "sxtl")
	word2(f, sxtl8high, 18, 16, "sxtl2")
	word2(f, sxtl16, 20, 17, "sxtl")
	word2(f, sxtl16high, 21, 17, "sxtl2")
	word2(f, sxtl16, 22, 18, "sxtl")
	word2(f, sxtl16high, 23, 18, "sxtl2")
	for h := range 4 {
		word2(f, scvtf, 20+h, 20+h, "scvtf")
		word3(f, fmul, 20+h, 20+h, 24+h, "fmul")
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
