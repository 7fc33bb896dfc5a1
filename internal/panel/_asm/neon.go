package main

import "fmt"

// Go's assembler lacks most Advanced SIMD instructions, so they are words here: Arm ARM, section C7.
const (
	fmla   = 0x4e20cc00 // Vd.4S += Vn.4S · Vm.4S
	fcvtl  = 0x0e217800 // Vd.4S = Vn.4H as binary16
	fcvtl2 = 0x4e217800
	shll   = 0x2e613800 // Vd.4S = Vn.4H << 16
	shll2  = 0x6e613800
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
