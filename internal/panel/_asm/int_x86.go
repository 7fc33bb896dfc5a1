package main

import "fmt"

// Integer products. Registers: SI levels; DI the scales of groups, or those of blocks where they have their own; DX the
// shared ones; R8, R9 the first and fifth row's blocks, R10 the bytes between rows, R11 three times that; CX blocks left,
// R13 panels left, BX the output, R12 the bytes between its rows.

func emitIntX86(f *file) {
	var vnni, avx2 []string
	for _, l := range quantizedTypes() {
		for _, rows := range []int{1, 2, 4, 8} {
			emitIntVNNI(f, l, rows)
		}
		for _, rows := range []int{1, 2, 4} {
			emitIntAVX2(f, l, rows)
		}
		vnni = append(vnni, entry(l, []int{8, 4, 2, 1}, "VNNI"))
		avx2 = append(avx2, entry(l, []int{4, 2, 1}, "AVX2"))
	}
	f.table("has the products of levels for AVX-512 with VNNI.", "levelsVNNI", "[]intTile", vnni)
	f.table("has those for AVX2.", "levelsAVX2", "[]intTile", avx2)
}

func beginInt(f *file, name string, rows int) {
	f.begin(name, "intArgs", fmt.Sprintf("%s multiplies %d rows with panels.", name, rows))
	f.p("\tMOVQ a+0(FP), AX")
	for _, l := range [][2]string{{"levels", "SI"}, {"scales", "DI"}, {"shared", "DX"}, {"ldx", "R10"}, {"y", "BX"}, {"ldy", "R12"}, {"panels", "R13"}} {
		f.p("\tMOVQ intArgs_%s(AX), %s", l[0], l[1])
	}
	f.p("\tLEAQ (R10)(R10*2), R11")
}

func row(r, displacement int) string { return at(r, displacement, "R8", "R9", "R10", "R11") }

// masksX86 puts the masks of the planes into every byte of two registers.
func masksX86(f *file, l levels, low, high string) {
	set := func(mask, r string) {
		f.p("\tMOVL %s, CX\n\tVMOVD CX, X%s\n\tVPBROADCASTD X%s, %s", mask, r[1:], r[1:], r)
	}
	if l.low < 8 {
		set(l.lowMask(), low)
	}
	if l.high > 0 {
		set(l.highMask(), high)
	}
}

// chunkZ puts the levels of chunk j into a register; Z19 is scratch, Z30 and Z29 hold the masks.
func chunkZ(f *file, l levels, j int, to string) {
	run, bit := l.lowPart(j)
	switch {
	case l.low == 8:
		f.p("\tVMOVDQU64 %d(SI), %s", 64*run, to)
		return
	case bit == 0:
		f.p("\tVPANDD %d(SI), Z30, %s", 64*run, to)
	default:
		f.p("\tVPSRLW $%d, %d(SI), %s\n\tVPANDD Z30, %s, %s", bit, 64*run, to, to, to)
	}
	if l.high == 0 {
		return
	}
	run, bit = l.highPart(j)
	switch {
	case bit < l.low:
		f.p("\tVPSLLW $%d, %d(SI), Z19", l.low-bit, 64*run)
	case bit > l.low:
		f.p("\tVPSRLW $%d, %d(SI), Z19", bit-l.low, 64*run)
	default:
		f.p("\tVMOVDQU64 %d(SI), Z19", 64*run)
	}
	f.p("\tVPTERNLOGD $0xf8, Z29, Z19, %s // | Z19 & Z29", to)
}

// scaleZ puts part i (scale or minimum) of group g into a register; shared holds the block's.
func scaleZ(f *file, l levels, g, i int, shared, to string) {
	if !l.Super {
		f.p("\tVCVTPH2PS %d(DI), %s", 32*i, to)
		return
	}
	f.p("\tVPMOVSXBD %d(DI), %s\n\tVCVTDQ2PS %s, %s\n\tVMULPS %s, %s, %s", 16*(g*l.Per()+i), to, to, to, shared, to, to)
}

// sharedZ loads the shared scale into Z28 and the shared minimum into Z27.
func sharedZ(f *file, l levels) {
	for i := range l.Per() {
		if l.Super {
			f.p("\tVCVTPH2PS %d(DX), Z%d", 32*i, 28-i)
		}
	}
}

// nextBlock ends a block: it counts CX down and goes back to block.
func nextBlock(f *file, l levels) {
	f.p("\tADDQ $%d, SI\n\tADDQ $%d, DI\n\tDECQ CX", l.levelBytes(), l.scaleBytes())
	if l.Super {
		f.p("\tTESTQ $7, CX\n\tJNZ block\n\tADDQ $%d, DX\n\tTESTQ CX, CX", l.floatBytes())
	}
	f.p("\tJNZ block")
}

// emitIntVNNI: a row's integer sums of sixteen weight rows fill one register.
func emitIntVNNI(f *file, l levels, rows int) {
	beginInt(f, fmt.Sprintf("mul%s_%dVNNI", l.name, rows), rows)
	masksX86(f, l, "Z30", "Z29")
	acc := func(r int) string { return fmt.Sprintf("Z%d", r) }
	dot := func(r int) string { return fmt.Sprintf("Z%d", 8+r) }
	f.p("panel:\n\tMOVQ intArgs_x(AX), R8\n\tMOVQ intArgs_blocks(AX), CX")
	if rows > 4 {
		f.p("\tLEAQ (R8)(R10*4), R9")
	}
	for r := range rows {
		clear(f, acc(r))
	}
	f.p("block:")
	sharedZ(f, l)
	for g := range 32 / l.Group {
		for r := range rows {
			if l.Zero == 0 {
				clear(f, dot(r))
				continue
			}
			f.p("\tVPBROADCASTD %s, %s\n\tVPSLLD $%d, %s, %s", row(r, negatedAt(l.Group, g)), dot(r), l.centre(), dot(r), dot(r))
		}
		for j := range l.Group / 4 {
			chunkZ(f, l, g*l.Group/4+j, "Z16")
			for r := range rows {
				f.p("\tVPDPBUSD.BCST %s, Z16, %s", row(r, g*16+4*j), dot(r))
			}
		}
		scaleZ(f, l, g, 0, "Z28", "Z18")
		for r := range rows {
			f.p("\tVCVTDQ2PS %s, %s\n\tVMULPS.BCST %s, Z18, Z19\n\tVFMADD231PS %s, Z19, %s", dot(r), dot(r), row(r, offsetScale), dot(r), acc(r))
		}
		if l.Affine {
			scaleZ(f, l, g, 1, "Z27", "Z18")
			for r := range rows {
				f.p("\tVFNMADD231PS.BCST %s, Z18, %s", row(r, scaledAt(l.Group, g)), acc(r))
			}
		}
	}
	f.p("\tADDQ $64, R8")
	if rows > 4 {
		f.p("\tADDQ $64, R9")
	}
	nextBlock(f, l)
	f.p("\tMOVQ BX, R9")
	for r := range rows {
		f.p("\tVMOVUPS %s, (R9)", acc(r))
		if r < rows-1 {
			f.p("\tADDQ R12, R9")
		}
	}
	f.p("\tADDQ $64, BX\n\tDECQ R13\n\tJNZ panel\n\tVZEROUPPER\n\tRET")
}

// Offsets in a block of activations: see type block.
const offsetScale = 32

func negatedAt(group, g int) int {
	if group == 16 {
		return 48 + 4*g
	}
	return 36
}

func scaledAt(group, g int) int {
	if group == 16 {
		return 56 + 4*g
	}
	return 40
}

// chunkY is chunkZ for the half of a panel; Y9 is scratch, Y13 and Y15 hold the masks.
func chunkY(f *file, l levels, j int, to string) {
	run, bit := l.lowPart(j)
	f.p("\tVMOVDQU %d(SI), %s", 64*run, to)
	if l.low == 8 {
		return
	}
	if bit > 0 {
		f.p("\tVPSRLW $%d, %s, %s", bit, to, to)
	}
	f.p("\tVPAND Y13, %s, %s", to, to)
	if l.high == 0 {
		return
	}
	run, bit = l.highPart(j)
	f.p("\tVMOVDQU %d(SI), Y9", 64*run)
	switch {
	case bit < l.low:
		f.p("\tVPSLLW $%d, Y9, Y9", l.low-bit)
	case bit > l.low:
		f.p("\tVPSRLW $%d, Y9, Y9", bit-l.low)
	}
	f.p("\tVPAND Y15, Y9, Y9\n\tVPOR Y9, %s, %s", to, to)
}

// scaleY is scaleZ for half a panel; Y9 is scratch.
func scaleY(f *file, l levels, g, i int, to string) {
	if !l.Super {
		f.p("\tVCVTPH2PS %d(DI), %s", 32*i, to)
		return
	}
	f.p("\tVPMOVSXBD %d(DI), %s\n\tVCVTDQ2PS %s, %s\n\tVCVTPH2PS %d(DX), Y9\n\tVMULPS Y9, %s, %s", 16*(g*l.Per()+i), to, to, to, 32*i, to, to)
}

// emitIntAVX2 has no dot product of four bytes: pairs are multiplied and summed to 16 bits, then pairs of those to 32. In
// 16 bits eight chunks of levels up to 15 can be summed, and two of levels up to 63: 2·8·15·127 and 2·2·63·127 stay below
// 2¹⁵. Levels up to 255 are centred at zero and made positive, with their sign given to the activations. Only eight of the
// sixteen rows fit at a time: a panel is walked in two halves.
func emitIntAVX2(f *file, l levels, rows int) {
	beginInt(f, fmt.Sprintf("mul%s_%dAVX2", l.name, rows), rows)
	f.p("\tMOVL $0x00010001, CX\n\tVMOVD CX, X14\n\tVPBROADCASTD X14, Y14 // ones")
	wide := l.low == 8
	if wide {
		f.p("\tMOVL $0x80808080, CX\n\tVMOVD CX, X13\n\tVPBROADCASTD X13, Y13")
	}
	masksX86(f, l, "Y13", "Y15")
	acc := func(r int) string { return fmt.Sprintf("Y%d", r) }
	dot := func(r int) string { return dotY(rows, r) }
	t0, scale := "Y12", "Y11"
	f.p("panel:\n\tMOVQ $0, R15")
	f.p("half:\n\tMOVQ intArgs_x(AX), R8\n\tMOVQ intArgs_blocks(AX), CX")
	for r := range rows {
		clear(f, acc(r))
	}
	f.p("block:")
	for g := range 32 / l.Group {
		switch {
		case wide:
			dotWide(f, l, g, rows)
		case l.Levels > 16:
			dotPairs(f, l, g, rows)
		default:
			dotSmall(f, l, g, rows)
		}
		scaleY(f, l, g, 0, scale)
		for r := range rows {
			f.p("\tVCVTDQ2PS %s, %s\n\tVBROADCASTSS %s, %s\n\tVMULPS %s, %s, %s\n\tVFMADD231PS %s, %s, %s",
				dot(r), dot(r), row(r, offsetScale), t0, scale, t0, t0, dot(r), t0, acc(r))
		}
		if l.Affine {
			scaleY(f, l, g, 1, scale)
			for r := range rows {
				f.p("\tVBROADCASTSS %s, %s\n\tVFNMADD231PS %s, %s, %s", row(r, scaledAt(l.Group, g)), t0, t0, scale, acc(r))
			}
		}
	}
	f.p("\tADDQ $64, R8")
	nextBlock(f, l)
	f.p("\tMOVQ BX, R9")
	for r := range rows {
		f.p("\tVMOVUPS %s, (R9)", acc(r))
		if r < rows-1 {
			f.p("\tADDQ R12, R9")
		}
	}
	// The second half begins in the middle of every sixteen; after it comes the next panel.
	f.p("\tADDQ $32, BX\n\tTESTQ R15, R15\n\tJNZ next\n\tINCQ R15\n\tMOVQ intArgs_blocks(AX), CX")
	scaleHalf := 16
	if l.Super {
		scaleHalf = 8
	}
	f.p("\tIMUL3Q $%d, CX, R9\n\tSUBQ R9, SI\n\tADDQ $32, SI", l.levelBytes())
	f.p("\tIMUL3Q $%d, CX, R9\n\tSUBQ R9, DI\n\tADDQ $%d, DI", l.scaleBytes(), scaleHalf)
	if l.Super {
		f.p("\tIMUL3Q $%d, CX, R9\n\tSUBQ R9, DX\n\tADDQ $16, DX", l.floatBytes()/8)
	}
	f.p("\tJMP half\nnext:\n\tSUBQ $32, SI\n\tSUBQ $%d, DI", scaleHalf)
	if l.Super {
		f.p("\tSUBQ $16, DX")
	}
	f.p("\tDECQ R13\n\tJNZ panel\n\tVZEROUPPER\n\tRET")
}

// dotY names the register of a row's sums of a group.
func dotY(rows, r int) string { return fmt.Sprintf("Y%d", rows+r) }

// dotWide sums a group of levels up to 255, chunk by chunk in 32 bits; Y10 holds levels, Y12 and Y8 are scratch.
func dotWide(f *file, l levels, g, rows int) {
	for r := range rows {
		clear(f, dotY(rows, r))
	}
	for j := range l.Group / 4 {
		chunkY(f, l, g*l.Group/4+j, "Y10")
		f.p("\tVPXOR Y13, Y10, Y10\n\tVPABSB Y10, Y8")
		for r := range rows {
			f.p("\tVPBROADCASTD %s, Y12\n\tVPSIGNB Y10, Y12, Y12\n\tVPMADDUBSW Y12, Y8, Y12", row(r, g*16+4*j))
			f.p("\tVPMADDWD Y14, Y12, Y12\n\tVPADDD Y12, %s, %s", dotY(rows, r), dotY(rows, r))
		}
	}
}

// dotPairs sums a group of levels up to 63, in 16 bits for two chunks at a time; Y10 and Y8 hold levels, Y12 and Y9 are
// scratch.
func dotPairs(f *file, l levels, g, rows int) {
	for r := range rows {
		centreY(f, l, g, r, dotY(rows, r))
	}
	for j := 0; j < l.Group/4; j += 2 {
		chunkY(f, l, g*l.Group/4+j, "Y10")
		chunkY(f, l, g*l.Group/4+j+1, "Y8")
		for r := range rows {
			f.p("\tVPBROADCASTD %s, Y12\n\tVPMADDUBSW Y12, Y10, Y12", row(r, g*16+4*j))
			f.p("\tVPBROADCASTD %s, Y9\n\tVPMADDUBSW Y9, Y8, Y9", row(r, g*16+4*j+4))
			f.p("\tVPADDW Y9, Y12, Y12\n\tVPMADDWD Y14, Y12, Y12\n\tVPADDD Y12, %s, %s", dotY(rows, r), dotY(rows, r))
		}
	}
}

// dotSmall sums a group of levels up to 15, in 16 bits; Y10 holds levels, Y12 is scratch.
func dotSmall(f *file, l levels, g, rows int) {
	for j := range l.Group / 4 {
		chunkY(f, l, g*l.Group/4+j, "Y10")
		for r := range rows {
			f.p("\tVPBROADCASTD %s, Y12", row(r, g*16+4*j))
			if j == 0 {
				f.p("\tVPMADDUBSW Y12, Y10, %s", dotY(rows, r))
				continue
			}
			f.p("\tVPMADDUBSW Y12, Y10, Y12\n\tVPADDW Y12, %s, %s", dotY(rows, r), dotY(rows, r))
		}
	}
	for r := range rows {
		f.p("\tVPMADDWD Y14, %s, %s", dotY(rows, r), dotY(rows, r))
		if l.Zero != 0 {
			centreY(f, l, g, r, "Y12")
			f.p("\tVPADDD Y12, %s, %s", dotY(rows, r), dotY(rows, r))
		}
	}
}

// centreY puts what levels are centred at, times the sum of a row's activations, into a register: where sums begin.
func centreY(f *file, l levels, g, r int, to string) {
	if l.Zero == 0 {
		clear(f, to)
		return
	}
	f.p("\tVPBROADCASTD %s, %s\n\tVPSLLD $%d, %s, %s", row(r, negatedAt(l.Group, g)), to, l.centre(), to, to)
}
