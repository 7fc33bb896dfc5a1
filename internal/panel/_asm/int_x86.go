package main

import "fmt"

// Integer products. Registers: SI levels, DI scales, DX minima or 0; R8, R9 the first and fifth row's blocks, R10 the
// bytes between rows, R11 three times that; CX blocks left, R13 panels left, BX the output, R12 the bytes between its
// rows. X15 (AVX2) or X31 holds the shift that multiplies −Σx with the zero level; 32 makes it nothing.

// layouts of levels: bits of a level and columns under a scale.
type layout struct {
	name  string
	bits  int
	group int
	wide  bool // levels reach 255
}

var layouts = []layout{{"Nibble", 4, 32, false}, {"Byte", 8, 32, true}, {"Byte16", 8, 16, false}}

func emitIntX86(f *file) {
	for _, l := range layouts {
		for _, rows := range []int{1, 2, 4, 8} {
			emitIntVNNI(f, l, rows)
		}
		for _, rows := range []int{1, 2, 4} {
			emitIntAVX2(f, l, rows)
		}
	}
}

func beginInt(f *file, name string, rows int) {
	f.begin(name, "intArgs", fmt.Sprintf("%s multiplies %d rows with panels.", name, rows))
	f.p("\tMOVQ a+0(FP), AX")
	for _, l := range [][2]string{{"levels", "SI"}, {"scales", "DI"}, {"mins", "DX"}, {"ldx", "R10"}, {"y", "BX"}, {"ldy", "R12"}, {"panels", "R13"}} {
		f.p("\tMOVQ intArgs_%s(AX), %s", l[0], l[1])
	}
	f.p("\tLEAQ (R10)(R10*2), R11")
}

func row(r, displacement int) string { return at(r, displacement, "R8", "R9", "R10", "R11") }

// emitIntVNNI: a row's integer sums of sixteen weight rows fill one register.
func emitIntVNNI(f *file, l layout, rows int) {
	beginInt(f, fmt.Sprintf("mul%s_%dVNNI", l.name, rows), rows)
	f.p("\tVMOVD intArgs_shift(AX), X31\n\tMOVL $0x0f0f0f0f, CX\n\tVPBROADCASTD CX, Z30")
	acc := func(r int) string { return fmt.Sprintf("Z%d", r) }
	dot := func(r int) string { return fmt.Sprintf("Z%d", 8+r) }
	f.p("panel:\n\tMOVQ intArgs_x(AX), R8\n\tMOVQ intArgs_blocks(AX), CX")
	if rows > 4 {
		f.p("\tLEAQ (R8)(R10*4), R9")
	}
	for r := range rows {
		f.p("\tVPXORD %s, %s, %s", acc(r), acc(r), acc(r))
	}
	f.p("block:")
	for g := range 32 / l.group {
		for r := range rows {
			f.p("\tVPBROADCASTD %s, %s\n\tVPSLLD X31, %s, %s", row(r, negated(l, g)), dot(r), dot(r), dot(r))
		}
		for j := range l.group / 4 / (8 / l.bits) {
			if l.bits == 4 {
				f.p("\tVMOVDQU64 %d(SI), Z17\n\tVPANDD Z30, Z17, Z16\n\tVPSRLW $4, Z17, Z17\n\tVPANDD Z30, Z17, Z17", 64*j)
				for r := range rows {
					f.p("\tVPDPBUSD.BCST %s, Z16, %s", row(r, 4*j), dot(r))
				}
				for r := range rows {
					f.p("\tVPDPBUSD.BCST %s, Z17, %s", row(r, 16+4*j), dot(r))
				}
				continue
			}
			f.p("\tVMOVDQU64 %d(SI), Z16", 64*(g*l.group/4+j))
			for r := range rows {
				f.p("\tVPDPBUSD.BCST %s, Z16, %s", row(r, g*16+4*j), dot(r))
			}
		}
		f.p("\tVMOVUPS %d(DI), Z18", 64*g)
		for r := range rows {
			f.p("\tVCVTDQ2PS %s, %s\n\tVMULPS.BCST %s, Z18, Z19\n\tVFMADD231PS %s, Z19, %s", dot(r), dot(r), row(r, offsetScale), dot(r), acc(r))
		}
	}
	f.p("\tTESTQ DX, DX\n\tJZ symmetric")
	for g := range 32 / l.group {
		f.p("\tVMOVUPS %d(DX), Z18", 64*g)
		for r := range rows {
			f.p("\tVFNMADD231PS.BCST %s, Z18, %s", row(r, scaled(l, g)), acc(r))
		}
	}
	f.p("\tADDQ $%d, DX\nsymmetric:", 64*32/l.group)
	f.p("\tADDQ $%d, SI\n\tADDQ $%d, DI\n\tADDQ $64, R8", 512*l.bits/8, 64*32/l.group)
	if rows > 4 {
		f.p("\tADDQ $64, R9")
	}
	f.p("\tDECQ CX\n\tJNZ block\n\tMOVQ BX, R9")
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

func negated(l layout, g int) int {
	if l.group == 16 {
		return 48 + 4*g
	}
	return 36
}

func scaled(l layout, g int) int { return scaledAt(l.group, g) }

func scaledAt(group, g int) int {
	if group == 16 {
		return 56 + 4*g
	}
	return 40
}

// emitIntAVX2 has no dot product of four bytes: pairs are multiplied to 16 bits, then pairs of those to 32. A level of
// up to 63 times 127, twice, stays below 2¹⁵. Levels up to 255 are centred at zero and made positive, with their sign
// given to the activations. Only eight of the sixteen rows fit at a time: a panel is walked in two halves.
func emitIntAVX2(f *file, l layout, rows int) {
	beginInt(f, fmt.Sprintf("mul%s_%dAVX2", l.name, rows), rows)
	f.p("\tVMOVD intArgs_shift(AX), X15\n\tMOVL $0x00010001, CX\n\tVMOVD CX, X14\n\tVPBROADCASTD X14, Y14 // ones")
	if l.wide {
		f.p("\tVPBROADCASTD intArgs_flip(AX), Y13")
	} else {
		f.p("\tMOVL $0x0f0f0f0f, CX\n\tVMOVD CX, X13\n\tVPBROADCASTD X13, Y13")
	}
	acc := func(r int) string { return fmt.Sprintf("Y%d", r) }
	dot := func(r int) string { return fmt.Sprintf("Y%d", rows+r) }
	t0, t1, w, high := "Y12", "Y11", "Y10", "Y9"
	f.p("panel:\n\tMOVQ $0, R15")
	f.p("half:\n\tMOVQ intArgs_x(AX), R8\n\tMOVQ intArgs_blocks(AX), CX")
	for r := range rows {
		f.p("\tVPXOR %s, %s, %s", acc(r), acc(r), acc(r))
	}
	multiply := func(w string, r, displacement int) {
		f.p("\tVPBROADCASTD %s, %s", row(r, displacement), t0)
		if l.wide {
			f.p("\tVPSIGNB %s, %s, %s\n\tVPMADDUBSW %s, %s, %s", w, t0, t0, t0, "Y8", t0)
		} else {
			f.p("\tVPMADDUBSW %s, %s, %s", t0, w, t0)
		}
		f.p("\tVPMADDWD Y14, %s, %s\n\tVPADDD %s, %s, %s", t0, t0, t0, dot(r), dot(r))
	}
	f.p("block:")
	for g := range 32 / l.group {
		for r := range rows {
			f.p("\tVPBROADCASTD %s, %s\n\tVPSLLD X15, %s, %s", row(r, negated(l, g)), dot(r), dot(r), dot(r))
		}
		for j := range l.group / 4 / (8 / l.bits) {
			f.p("\tVMOVDQU %d(SI), %s", 64*(g*l.group/4+j), w)
			if l.bits == 4 {
				f.p("\tVPSRLW $4, %s, %s\n\tVPAND Y13, %s, %s\n\tVPAND Y13, %s, %s", w, high, high, high, w, w)
				for r := range rows {
					multiply(w, r, 4*j)
					multiply(high, r, 16+4*j)
				}
				continue
			}
			if l.wide {
				f.p("\tVPXOR Y13, %s, %s\n\tVPABSB %s, Y8", w, w, w)
			}
			for r := range rows {
				multiply(w, r, g*16+4*j)
			}
		}
		f.p("\tVMOVUPS %d(DI), %s", 64*g, t1)
		for r := range rows {
			f.p("\tVCVTDQ2PS %s, %s\n\tVBROADCASTSS %s, %s\n\tVMULPS %s, %s, %s\n\tVFMADD231PS %s, %s, %s",
				dot(r), dot(r), row(r, offsetScale), t0, t1, t0, t0, dot(r), t0, acc(r))
		}
	}
	f.p("\tTESTQ DX, DX\n\tJZ symmetric")
	for g := range 32 / l.group {
		f.p("\tVMOVUPS %d(DX), %s", 64*g, t1)
		for r := range rows {
			f.p("\tVBROADCASTSS %s, %s\n\tVFNMADD231PS %s, %s, %s", row(r, scaled(l, g)), t0, t0, t1, acc(r))
		}
	}
	f.p("\tADDQ $%d, DX\nsymmetric:", 64*32/l.group)
	f.p("\tADDQ $%d, SI\n\tADDQ $%d, DI\n\tADDQ $64, R8", 512*l.bits/8, 64*32/l.group)
	f.p("\tDECQ CX\n\tJNZ block\n\tMOVQ BX, R9")
	for r := range rows {
		f.p("\tVMOVUPS %s, (R9)", acc(r))
		if r < rows-1 {
			f.p("\tADDQ R12, R9")
		}
	}
	// The second half lies 32 bytes further on everywhere; after it comes the next panel.
	f.p("\tADDQ $32, BX\n\tTESTQ R15, R15\n\tJNZ next\n\tINCQ R15")
	back := func(bytes int, reg string) {
		f.p("\tMOVQ intArgs_blocks(AX), CX\n\tIMULQ $%d, CX\n\tSUBQ CX, %s\n\tADDQ $32, %s", bytes, reg, reg)
	}
	back(512*l.bits/8, "SI")
	back(64*32/l.group, "DI")
	f.p("\tTESTQ DX, DX\n\tJZ half")
	back(64*32/l.group, "DX")
	f.p("\tJMP half")
	f.p("next:\n\tSUBQ $32, SI\n\tSUBQ $32, DI\n\tTESTQ DX, DX\n\tJZ last\n\tSUBQ $32, DX\nlast:")
	f.p("\tDECQ R13\n\tJNZ panel\n\tVZEROUPPER\n\tRET")
}
