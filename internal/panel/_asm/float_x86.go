package main

import "fmt"

// Float products. Registers: SI, DI the first and fifth panel of the group, R12 the bytes between panels, R13 three
// times that; R8, R9 the first and fifth activation row, R10 the bytes between rows, R11 three times that; CX columns
// left, DX groups left, BX the output, R15 the bytes between its rows.

// at returns the address of part i (0…7) of eight equidistant things.
func at(i, displacement int, base, base4, step, step3 string) string {
	if i >= 4 {
		base, i = base4, i-4
	}
	switch i {
	case 0:
		return fmt.Sprintf("%d(%s)", displacement, base)
	case 1, 2:
		return fmt.Sprintf("%d(%s)(%s*%d)", displacement, base, step, i)
	}
	return fmt.Sprintf("%d(%s)(%s*1)", displacement, base, step3)
}

// x86 is an instruction set: how many registers make sixteen lanes, and their letter.
type x86 struct {
	name, letter string
	parts        int // registers of a panel
	bytes        int // of a register
}

var (
	avx2   = x86{"AVX2", "Y", 2, 32}
	avx512 = x86{"AVX512", "Z", 1, 64}
)

// One row takes four panels at a time: one chain of additions would wait for itself, and eight streams from memory, which
// were tried, are no faster and slower from the nearest cache.
func emitFloatX86(f *file) {
	for _, format := range []string{"F32", "F16", "BF16"} {
		for _, t := range [][2]int{{1, 4}, {1, 3}, {1, 2}, {1, 1}, {2, 4}, {2, 2}, {2, 1}, {4, 4}, {4, 2}, {4, 1}, {8, 2}, {8, 1}} {
			emitFloatTile(f, avx512, format, t[0], t[1])
		}
		for _, t := range [][2]int{{1, 4}, {1, 3}, {1, 2}, {1, 1}, {2, 2}, {2, 1}, {4, 1}} {
			emitFloatTile(f, avx2, format, t[0], t[1])
		}
	}
}

// clear zeroes a vector register.
func clear(f *file, r string) {
	if r[0] == 'Z' {
		f.p("\tVPXORD %s, %s, %s", r, r, r)
		return
	}
	f.p("\tVPXOR %s, %s, %s", r, r, r)
}

func emitFloatTile(f *file, isa x86, format string, rows, panels int) {
	name := fmt.Sprintf("mul%s_%dx%d%s", format, rows, panels, isa.name)
	f.begin(name, "floatArgs", fmt.Sprintf("%s multiplies %d rows with groups of %d panels.", name, rows, panels))
	f.p("\tMOVQ a+0(FP), AX")
	for _, l := range [][2]string{{"w", "SI"}, {"stride", "R12"}, {"x", "R8"}, {"ldx", "R10"}, {"y", "BX"}, {"ldy", "R15"}, {"groups", "DX"}} {
		f.p("\tMOVQ floatArgs_%s(AX), %s", l[0], l[1])
	}
	f.p("\tLEAQ (R12)(R12*2), R13\n\tLEAQ (R10)(R10*2), R11")
	f.p("group:\n\tMOVQ floatArgs_k(AX), CX\n\tMOVQ floatArgs_x(AX), R8")
	if panels > 4 {
		f.p("\tLEAQ (SI)(R12*4), DI")
	}
	if rows > 4 {
		f.p("\tLEAQ (R8)(R10*4), R9")
	}
	fetch := format == "F16" && rows == 1 // one row waits for memory: R9 walks ahead of SI
	if fetch {
		f.p("\tMOVQ floatArgs_ahead(AX), R9\n\tADDQ SI, R9")
	}
	acc := func(r, p, h int) string { return fmt.Sprintf("%s%d", isa.letter, (r*panels+p)*isa.parts+h) }
	for i := range rows * panels * isa.parts {
		clear(f, fmt.Sprintf("%s%d", isa.letter, i))
	}
	w := func(p, h int) string { return fmt.Sprintf("%s%d", isa.letter, (rows*panels+p)*isa.parts+h) }
	x := fmt.Sprintf("%s%d", isa.letter, (rows*panels+panels)*isa.parts)
	size := 16 * 4
	if format != "F32" {
		size = 16 * 2
	}
	column := func(c int) {
		for p := range panels {
			if fetch && c == 0 {
				f.p("\tPREFETCHT0 %s", at(p, 0, "R9", "", "R12", "R13"))
			}
			for h := range isa.parts {
				src := at(p, c*size+h*size/isa.parts, "SI", "DI", "R12", "R13")
				switch format {
				case "F32":
					f.p("\tVMOVUPS %s, %s", src, w(p, h))
				case "F16":
					f.p("\tVCVTPH2PS %s, %s", src, w(p, h))
				case "BF16":
					f.p("\tVPMOVZXWD %s, %s\n\tVPSLLD $16, %s, %s", src, w(p, h), w(p, h), w(p, h))
				}
			}
		}
		for r := range rows {
			src := at(r, 4*c, "R8", "R9", "R10", "R11")
			if isa.parts == 1 && panels == 1 {
				f.p("\tVFMADD231PS.BCST %s, %s, %s", src, w(0, 0), acc(r, 0, 0))
				continue
			}
			f.p("\tVBROADCASTSS %s, %s", src, x)
			for p := range panels {
				for h := range isa.parts {
					f.p("\tVFMADD231PS %s, %s, %s", x, w(p, h), acc(r, p, h))
				}
			}
		}
	}
	advance := func(n int) {
		f.p("\tADDQ $%d, SI\n\tADDQ $%d, R8", n*size, 4*n)
		if panels > 4 {
			f.p("\tADDQ $%d, DI", n*size)
		}
		if rows > 4 {
			f.p("\tADDQ $%d, R9", 4*n)
		}
		if fetch {
			f.p("\tADDQ $%d, R9", n*size)
		}
	}
	f.p("\tSUBQ $2, CX\n\tJLT odd")
	f.p("pair:")
	column(0)
	column(1)
	advance(2)
	f.p("\tSUBQ $2, CX\n\tJGE pair")
	f.p("odd:\n\tADDQ $2, CX\n\tJZ store")
	column(0)
	f.p("store:\n\tMOVQ BX, DI")
	for r := range rows {
		for p := range panels {
			for h := range isa.parts {
				f.p("\tVMOVUPS %s, %d(DI)", acc(r, p, h), p*64+h*isa.bytes)
			}
		}
		if r < rows-1 {
			f.p("\tADDQ R15, DI")
		}
	}
	f.p("\tADDQ $%d, BX\n\tMOVQ floatArgs_w(AX), SI", 64*panels)
	f.p("\tMOVQ floatArgs_groups(AX), CX\n\tSUBQ DX, CX\n\tINCQ CX // groups done")
	f.p("\tIMULQ R12, CX\n\tIMULQ $%d, CX\n\tADDQ CX, SI", panels)
	f.p("\tDECQ DX\n\tJNZ group\n\tVZEROUPPER\n\tRET")
}
