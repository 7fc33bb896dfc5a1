package main

import "fmt"

const (
	sdot    = 0x4f80e000 // Vd.4S += Vn.16B · Vm.4B[i]
	smull   = 0x0e20c000 // Vd.8H = Vn.8B · Vm.8B
	smull2  = 0x4e20c000
	smlal   = 0x0e208000
	smlal2  = 0x4e208000
	saddlp  = 0x4e602800 // Vd.4S = pairs of Vn.8H
	sadalp  = 0x4e606800 // Vd.4S += pairs of Vn.8H
	addp    = 0x4ea0bc00 // Vd.4S = pairs of Vn.4S, Vm.4S
	add     = 0x4ea08400
	scvtf   = 0x4e21d800 // Vd.4S = float(Vn.4S)
	fmulOne = 0x4f809000 // Vd.4S = Vn.4S · Vm.S[0]
	fmlsOne = 0x4f805000 // Vd.4S -= Vn.4S · Vm.S[0]
	fmul    = 0x6e20dc00

	sxtl8      = 0x0f08a400 // Vd.8H = the lower Vn.8B, signed
	sxtl8high  = 0x4f08a400
	sxtl16     = 0x0f10a400 // Vd.4S = the lower Vn.4H, signed
	sxtl16high = 0x4f10a400
)

// intNEON is the routine for some rows, with integer dot products or without. It multiplies them with so many vectors of
// four of a panel's outputs at a time: a whole panel, or one half after the other where rows take the registers. Levels are
// taken as signed bytes; those centred at 128 have their upper bit flipped.
//
// Registers: the rows in R1, R2, R19, R20, levels R3, scales R4, shared scales R5, blocks left R6, panels left R7, output
// R8, bytes between its rows R9, bytes between rows R10, scratch R11, where the panel began R12 … R14, halves left R15.
// Sums of floats lie from V0; then integer sums, and from there on activations, levels, the bits of their high plane; the
// mask of the highest plane, or the flip, is V31.
type intNEON struct {
	levels
	rows, vectors int
	dots          bool

	sums, x, level, upper int // first registers
	moved                 int // bytes by which the rows have moved within a block
}

func emitIntNEON(f *file) {
	var dot, neon []string
	for _, l := range quantizedTypes() {
		for _, shape := range [][2]int{{4, 2}, {2, 4}, {1, 4}} {
			(&intNEON{levels: l, rows: shape[0], vectors: shape[1], dots: true}).emit(f)
		}
		for _, shape := range [][2]int{{4, 2}, {2, 2}, {1, 4}} {
			(&intNEON{levels: l, rows: shape[0], vectors: shape[1]}).emit(f)
		}
		dot = append(dot, entry(l, []int{4, 2, 1}, "Dot"))
		neon = append(neon, entry(l, []int{4, 2, 1}, "NEON"))
	}
	f.table("has the products of levels for integer dot products.", "levelsDot", "[]intTile", dot)
	f.table("has those for processors without.", "levelsNEON", "[]intTile", neon)
}

func (t *intNEON) row(r int) string { return []string{"R1", "R2", "R19", "R20"}[r] }

// wide reports whether sixteen bits hold no more than two products of levels and activations.
func (t *intNEON) wide() bool { return t.levels.low == 8 }

func (t *intNEON) emit(f *file) {
	outputs := t.rows * t.vectors
	t.sums = outputs
	kind := "Dot"
	if t.dots {
		t.x = 2 * outputs
		t.level = t.x + 2*t.rows
	} else {
		kind = "NEON"
		t.x = 3 * outputs // sums of 16 bits, or pairs of 32
		t.level = t.x + 1
		if t.wide() {
			t.level = t.x + 4 // two chunks' activations, and their products
		}
	}
	t.upper = t.level + t.vectors
	name := fmt.Sprintf("mul%s_%d%s", t.name, t.rows, kind)
	f.begin(name, "intArgs", fmt.Sprintf("%s multiplies %d rows with panels.", name, t.rows))
	f.p("\tMOVD a+0(FP), R0")
	for _, l := range [][2]string{{"levels", "R3"}, {"scales", "R4"}, {"shared", "R5"}, {"ldx", "R10"}, {"y", "R8"}, {"ldy", "R9"}, {"panels", "R7"}} {
		f.p("\tMOVD intArgs_%s(R0), %s", l[0], l[1])
	}
	if t.dots || !t.wide() { // else the register is needed
		f.p("\tMOVD %s, R11\n\tVDUP R11, V31.S4", t.mask())
	}
	f.p("panel:")
	if t.vectors == 2 {
		f.p("\tMOVD R3, R12\n\tMOVD R4, R13\n\tMOVD R5, R14\n\tMOVD $1, R15\nhalf:")
	}
	f.p("\tMOVD intArgs_x(R0), R1")
	for r := 1; r < t.rows; r++ {
		f.p("\tADD R10, %s, %s", t.row(r-1), t.row(r))
	}
	f.p("\tMOVD intArgs_blocks(R0), R6")
	for i := range outputs {
		f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	t.blocks(f)
	t.store(f)
}

// mask is what is kept of a byte of the highest plane at its lowest place.
func (t *intNEON) mask() string {
	switch {
	case t.levels.low == 8:
		return "$0x80808080"
	case t.levels.high > 0:
		return fmt.Sprintf("$0x%08x", (1<<t.levels.high-1)*0x01010101)
	}
	return t.lowMask()
}

// blocks adds the products of all columns.
func (t *intNEON) blocks(f *file) {
	f.p("block:")
	t.moved = 0
	for g := range 32 / t.Group {
		t.group(f, g)
	}
	for r := range t.rows {
		f.p("\tADD $%d, %s", 64-t.moved, t.row(r))
	}
	f.p("\tADD $%d, R3\n\tADD $%d, R4\n\tSUB $1, R6", t.levelBytes(), t.scaleBytes())
	if t.Super {
		f.p("\tTST $7, R6\n\tBNE block\n\tADD $%d, R5", t.floatBytes())
	}
	f.p("\tCBNZ R6, block")
}

// store writes the outputs and goes on to the other half, or the next panel.
func (t *intNEON) store(f *file) {
	f.p("\tMOVD R8, R11")
	for r := range t.rows {
		v := r * t.vectors
		if t.vectors == 4 {
			f.p("\tVST1 [V%d.S4, V%d.S4, V%d.S4, V%d.S4], (R11)\n\tADD R9, R11", v, v+1, v+2, v+3)
		} else {
			f.p("\tFSTPQ (F%d, F%d), (R11)\n\tADD R9, R11", v, v+1)
		}
	}
	f.p("\tADD $%d, R8", 16*t.vectors)
	if t.vectors == 2 {
		scales := 16
		if t.Super {
			scales = 8
		}
		f.p("\tCBZ R15, next\n\tMOVD $0, R15\n\tADD $32, R12, R3\n\tADD $%d, R13, R4\n\tADD $16, R14, R5\n\tB half", scales)
		f.p("next:\n\tSUB $32, R3\n\tSUB $%d, R4\n\tSUB $16, R5", scales)
	}
	f.p("\tSUBS $1, R7\n\tBNE panel\n\tRET")
}

// group adds the products of a group of columns to the sums of floats.
func (t *intNEON) group(f *file, g int) {
	switch {
	case t.dots:
		t.dotProducts(f, g)
	case t.wide():
		t.wideProducts(f)
	default:
		t.products(f, g)
	}
	if !t.dots {
		for i := range t.rows * t.vectors {
			word3(f, addp, t.sums+i, t.sums+2*i, t.sums+2*i+1, "addp")
		}
		t.centre(f, g)
	}
	free := 2 * t.rows * t.vectors // all else is dead by now
	scales, d, scaled := free, free+t.vectors, free+t.vectors+1
	t.scale(f, g, 0, scales)
	for r := range t.rows {
		f.p("\tFMOVS %d(%s), F%d", offsetScale-t.moved, t.row(r), d)
		for h := range t.vectors {
			i := r*t.vectors + h
			word2(f, scvtf, t.sums+i, t.sums+i, "scvtf")
			word3(f, fmulOne, scaled, scales+h, d, "fmul [0]")
			word3(f, fmla, i, t.sums+i, scaled, "fmla")
		}
	}
	if !t.Affine {
		return
	}
	t.scale(f, g, 1, scales)
	for r := range t.rows {
		f.p("\tFMOVS %d(%s), F%d", scaledAt(t.Group, g)-t.moved, t.row(r), d)
		for h := range t.vectors {
			word3(f, fmlsOne, r*t.vectors+h, scales+h, d, "fmls [0]")
		}
	}
}

// dotProducts sets the integer sums, which begin at −zero·Σx.
func (t *intNEON) dotProducts(f *file, g int) {
	for r := range t.rows {
		if t.Group == 16 {
			f.p("\tFMOVQ %d(%s), F%d", 16*g, t.row(r), t.x+2*r)
		} else {
			f.p("\tFLDPQ (%s), (F%d, F%d)", t.row(r), t.x+2*r, t.x+2*r+1)
		}
		first := t.sums + r*t.vectors
		for v := first; v < first+t.vectors; v++ {
			switch {
			case !t.centred():
				f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", v, v, v)
			case v == first:
				t.negatedSum(f, g, r, v)
			default:
				f.p("\tVMOV V%d.B16, V%d.B16", first, v)
			}
		}
	}
	for j := range t.Group / 4 {
		t.chunk(f, g*t.Group/4+j, t.level)
		for r := range t.rows {
			for h := range t.vectors {
				lane := uint32(j&1)<<21 | uint32(j>>1&1)<<11
				word3(f, sdot|lane, t.sums+r*t.vectors+h, t.level+h, t.x+2*r+j/4, fmt.Sprintf("sdot [%d]", j%4))
			}
		}
	}
}

// products multiplies to sixteen bits, which hold the sums of a group's eight chunks: 8·31·127 or, of four, 4·63·127. Then
// pairs of them are added: each four outputs are half sums in two registers.
func (t *intNEON) products(f *file, g int) {
	outputs := t.rows * t.vectors
	for j := range t.Group / 4 {
		t.chunk(f, g*t.Group/4+j, t.level)
		low, high, text := uint32(smlal), uint32(smlal2), "smlal"
		if j == 0 {
			low, high, text = smull, smull2, "smull"
		}
		for r := range t.rows {
			f.p("\tVLD1R.P 4(%s), [V%d.S4]", t.row(r), t.x)
			for h := range t.vectors {
				to := t.sums + 2*(r*t.vectors+h)
				word3(f, low, to, t.level+h, t.x, text)
				word3(f, high, to+1, t.level+h, t.x, text+"2")
			}
		}
		t.moved += 4
	}
	for v := t.sums; v < t.sums+2*outputs; v++ {
		word2(f, saddlp, v, v, "saddlp")
	}
}

// wideProducts does so for levels of eight bits, with sixteen bits for two chunks, 2·128·127, and half sums in 32.
func (t *intNEON) wideProducts(f *file) {
	second, even, odd := t.x+1, t.x+2, t.x+3
	for j := 0; j < 8; j += 2 {
		f.p("\tVMOVI $0x80, V%d.B16", even)
		t.chunk(f, j, t.level)
		t.chunk(f, j+1, t.level+t.vectors)
		word, text := uint32(sadalp), "sadalp"
		if j == 0 {
			word, text = saddlp, "saddlp"
		}
		for r := range t.rows {
			f.p("\tVLD1R.P 4(%s), [V%d.S4]\n\tVLD1R.P 4(%s), [V%d.S4]", t.row(r), t.x, t.row(r), second)
			for h := range t.vectors {
				to := t.sums + 2*(r*t.vectors+h)
				word3(f, smull, even, t.level+h, t.x, "smull")
				word3(f, smull2, odd, t.level+h, t.x, "smull2")
				word3(f, smlal, even, t.level+t.vectors+h, second, "smlal")
				word3(f, smlal2, odd, t.level+t.vectors+h, second, "smlal2")
				word2(f, word, to, even, text)
				word2(f, word, to+1, odd, text)
			}
		}
		t.moved += 8
	}
}

// centred reports whether levels mean less than they are by another number than the flip.
func (t *intNEON) centred() bool { return t.Zero != 0 && t.levels.low != 8 }

// centre adds −zero·Σx to the integer sums.
func (t *intNEON) centre(f *file, g int) {
	if !t.centred() {
		return
	}
	free := 2 * t.rows * t.vectors
	for r := range t.rows {
		t.negatedSum(f, g, r, free)
		for h := range t.vectors {
			i := t.sums + r*t.vectors + h
			word3(f, add, i, i, free, "add")
		}
	}
}

// negatedSum sets all of Vd to −zero·Σx of a group.
func (t *intNEON) negatedSum(f *file, g, r, d int) {
	f.p("\tFMOVS %d(%s), F%d\n\tVSHL $%d, V%d.S4, V%d.S4\n\tVDUP V%d.S[0], V%d.S4",
		negatedAt(t.Group, g)-t.moved, t.row(r), d, t.levels.centre(), d, d, d, d)
}

// load reads a run's part for the outputs at hand.
func (t *intNEON) load(f *file, run, to int) {
	for v := 0; v < t.vectors; v += 2 {
		f.p("\tFLDPQ %d(R3), (F%d, F%d)", 64*run+16*v, to+v, to+v+1)
	}
}

// chunk puts the levels of chunk j into registers from to on.
func (t *intNEON) chunk(f *file, j, to int) {
	run, bit := t.lowPart(j)
	t.load(f, run, to)
	for v := to; v < to+t.vectors; v++ {
		switch {
		case t.wide() && t.dots:
			f.p("\tVEOR V31.B16, V%d.B16, V%d.B16", v, v)
		case t.wide():
			f.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", t.x+2, v, v)
		default:
			t.cut(f, v, bit, t.levels.low, t.levels.high == 0)
		}
	}
	if t.levels.high == 0 {
		return
	}
	run, bit = t.highPart(j)
	t.load(f, run, t.upper)
	for v := range t.vectors {
		t.cut(f, t.upper+v, bit, t.levels.high, true)
		f.p("\tVSLI $%d, V%d.B16, V%d.B16", t.levels.low, t.upper+v, to+v) // over what the low plane has there
	}
}

// cut brings some bits of every byte, from the given one on, to its lowest place, and clears the others where asked to.
func (t *intNEON) cut(f *file, v, bit, bits int, clear bool) {
	if bit > 0 {
		f.p("\tVUSHR $%d, V%d.B16, V%d.B16", bit, v, v)
	}
	if clear && bit+bits < 8 {
		f.p("\tVAND V31.B16, V%d.B16, V%d.B16", v, v)
	}
}

// scale puts part i (scale or minimum) of group g into registers from to on; those after it are scratch.
func (t *intNEON) scale(f *file, g, i, to int) {
	halves, floats, scratch := "R4", to, to+t.vectors
	if t.Super {
		halves, floats, scratch = "R5", to+t.vectors, to+2*t.vectors
	}
	if t.vectors == 4 {
		f.p("\tFLDPQ %d(%s), (F%d, F%d)", 32*i, halves, scratch, scratch+1)
	} else {
		f.p("\tFMOVQ %d(%s), F%d", 32*i, halves, scratch)
	}
	for h := 0; h < t.vectors; h += 2 {
		word2(f, fcvtl, floats+h, scratch+h/2, "fcvtl")
		word2(f, fcvtl2, floats+h+1, scratch+h/2, "fcvtl2")
	}
	if !t.Super {
		return
	}
	at := 16 * (g*t.Per() + i)
	if t.vectors == 4 {
		f.p("\tFMOVQ %d(R4), F%d", at, scratch)
		word2(f, sxtl8high, scratch+1, scratch, "sxtl2")
	} else {
		f.p("\tFMOVD %d(R4), F%d", at, scratch)
	}
	word2(f, sxtl8, scratch, scratch, "sxtl")
	for h := 0; h < t.vectors; h += 2 {
		word2(f, sxtl16, to+h, scratch+h/2, "sxtl")
		word2(f, sxtl16high, to+h+1, scratch+h/2, "sxtl2")
	}
	for h := range t.vectors {
		word2(f, scvtf, to+h, to+h, "scvtf")
		word3(f, fmul, to+h, to+h, floats+h, "fmul")
	}
}
