package main

import (
	"fmt"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/opcode"
)

// Tiles hold 16 rows of 64 bytes. A strip of A is 32 rows, packed as blocks of 32 products: two
// tiles of 16 rows × 32 bf16. A panel of B is 32 columns, packed as blocks of 32 products: two tiles
// of 16 row pairs × 16 columns, each element a pair of successive rows ("VNNI" order).
const (
	tileBytes  = 1024
	blockBytes = 2 * tileBytes
)

// emitAMX writes the tile kernel, the packings and the peak loop.
func emitAMX(f *file) {
	f.quads("tileConfig", 1, 0, 0x0040004000400040, 0x0040004000400040, 0, 0, 0x1010101010101010, 0)
	f.data.WriteString("// palette 1, eight tiles of 16 rows of 64 bytes\n")
	var order [8]uint64 // interleaves the halves of a vector of 32 words
	for i := range 16 {
		order[i/2] |= uint64(i)<<(i%2*32) | uint64(16+i)<<(i%2*32+16)
	}
	f.quads("interleave", order[:]...)
	f.quads("halves", 0, 4, 1, 5, 2, 6, 3, 7) // low quarters of the lanes from the first half, high ones from the second
	tileKernel(f, "tileMultiply", 1, [][2]int{{0, 0}})
	packRowsA(f)
	packRowsHalvesA(f)
	packRowsB(f)
	packRowsHalvesB(f)
	packColumns(f, "packColumnsB", false)
	packColumns(f, "packColumnsA", true)
	packColumnsHalvesA(f)
	packColumnsHalvesB(f)
	narrowBlocks(f)
	tilePeak(f)
	emitParts(f)
}

// quads declares 8-byte constants.
func (f *file) quads(name string, values ...uint64) {
	for i, v := range values {
		fmt.Fprintf(&f.data, "DATA %s<>+%d(SB)/8, $0x%016x\n", name, 8*i, v)
	}
	fmt.Fprintf(&f.data, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, 8*len(values))
}

// header starts a routine whose parameters are all words.
func (f *file) header(name, signature string, bytes int, comment string) {
	f.declare("// " + name + " " + comment + "\nfunc " + name + signature)
	f.p("// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-%d", name, signature, name, bytes)
}

// tileKernel multiplies a strip by panels. The strip is packed, or 32 rows of bf16 as they lie. Tiles 0 to 3 hold 32×32 of C, 4 and 5
// rows of A, 6 and 7 columns of B. Tiles are configured and released within the call, so no other code on this thread
// ever sees them. With each of the products, `fetch` lines of what comes next are brought to the L2 cache.
//
// Each block has so many parts, and products names those of A and B that are multiplied with one another.
func tileKernel(f *file, name string, parts int, products [][2]int) {
	f.header(name, "(blocks int, a *float32, lda, step int, b *float32, panels int, c *float32, ldc, acc int, next *float32, fetch, first, lines, skip int)", 112,
		"computes 32 rows of C (+)= A·B, panel after panel; lda, ldc and step, from block to block of A, are in bytes.")
	for i, load := range []string{"blocks, R8", "a, SI", "lda, R11", "", "b, DI", "", "c, DX", "ldc, R10", "", "next, R13", "", "first, R15"} {
		if name, register, ok := strings.Cut(load, ", "); ok {
			f.p("\tMOVQ %s+%d(FP), %s", name, 8*i, register)
		}
	}
	f.p("\tLEAQ tileConfig<>(SB), AX")
	f.line(opcode.TileConfigure("AX"))
	f.p("\tMOVQ $64, BX\n\tMOVQ R10, R12\n\tSHLQ $4, R12\n\tADDQ DX, R12 // row 16 of C")
	f.p("panel:\n\tMOVQ SI, AX\n\tMOVQ R11, R14\n\tSHLQ $4, R14\n\tADDQ SI, R14 // row 16 of A")
	f.p("\tMOVQ R8, R9\n\tCMPQ acc+64(FP), $0\n\tJEQ zero")
	corners := func(access func(tile int, base, index string, displacement int) string) {
		f.line(access(0, "DX", "R10", 0))
		f.line(access(1, "DX", "R10", 64))
		f.line(access(2, "R12", "R10", 0))
		f.line(access(3, "R12", "R10", 64))
	}
	corners(opcode.TileLoad)
	f.p("\tJMP block\nzero:")
	for tile := range 4 {
		f.line(opcode.TileZero(tile))
	}
	f.p("block:")
	loaded := [2]int{-1, -1}
	for i, now := range products {
		a, b := now[0] != loaded[0], now[1] != loaded[1]
		if a {
			f.line(opcode.TileLoad(4, "AX", "R11", now[0]*blockBytes))
		}
		if b {
			f.line(opcode.TileLoad(6, "DI", "BX", now[1]*blockBytes))
		}
		emitFetch(f, i, "R13", "R15", "CX", 72)
		f.line(opcode.TileProductBF16(0, 4, 6))
		if b {
			f.line(opcode.TileLoad(7, "DI", "BX", now[1]*blockBytes+tileBytes))
		}
		f.line(opcode.TileProductBF16(1, 4, 7))
		if a {
			f.line(opcode.TileLoad(5, "R14", "R11", now[0]*blockBytes))
		}
		f.line(opcode.TileProductBF16(2, 5, 6))
		f.line(opcode.TileProductBF16(3, 5, 7))
		loaded = now
	}
	f.p("\tADDQ step+24(FP), AX\n\tADDQ step+24(FP), R14\n\tADDQ $%d, DI\n\tDECQ R9\n\tJNZ block", parts*blockBytes)
	corners(opcode.TileStore)
	f.p("\tADDQ $128, DX\n\tADDQ $128, R12\n\tDECQ panels+40(FP)\n\tJNZ panel")
	f.line(opcode.TileRelease())
	f.p("\tRET\n")
}

// packRowsA packs rows whose products are contiguous into a strip of A.
func packRowsA(f *file) {
	f.header("packRowsA", "(dst, src *float32, stride, rows, blocks int)", 40,
		"packs up to 32 rows of 32·blocks floats, stride bytes apart, as a strip of A.")
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ stride+16(FP), R8\n\tMOVQ rows+24(FP), R9\n\tMOVQ blocks+32(FP), R10")
	f.p("row:\n\tMOVQ DI, DX\n\tMOVQ SI, AX\n\tMOVQ R10, CX")
	f.p("block:\n\tPREFETCHT0 (AX)(R8*4)\n\tPREFETCHT0 64(AX)(R8*4)\n\tVMOVUPS (AX), Z0\n\tVMOVUPS 64(AX), Z1")
	f.line(opcode.RoundPair(0, 0, 1))
	f.p("\tVMOVDQU64 Z0, (DX)\n\tADDQ $128, AX\n\tADDQ $%d, DX\n\tDECQ CX\n\tJNZ block", blockBytes)
	f.p("\tADDQ $64, DI\n\tADDQ R8, SI\n\tDECQ R9\n\tJNZ row\n\tVZEROUPPER\n\tRET\n")
}

// packRowsHalvesA copies rows in bf16 into a strip of A.
func packRowsHalvesA(f *file) {
	f.header("packRowsHalvesA", "(dst *float32, src *uint16, stride, rows, blocks int)", 40,
		"copies up to 32 rows of 32·blocks numbers in bf16, stride bytes apart, into a strip of A.")
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ stride+16(FP), R8\n\tMOVQ rows+24(FP), R9\n\tMOVQ blocks+32(FP), R10")
	f.p("row:\n\tMOVQ DI, DX\n\tMOVQ SI, AX\n\tMOVQ R10, CX")
	f.p("block:\n\tPREFETCHT0 (AX)(R8*4)\n\tVMOVDQU64 (AX), Z0\n\tVMOVDQU64 Z0, (DX)")
	f.p("\tADDQ $64, AX\n\tADDQ $%d, DX\n\tDECQ CX\n\tJNZ block", blockBytes)
	f.p("\tADDQ $64, DI\n\tADDQ R8, SI\n\tDECQ R9\n\tJNZ row\n\tVZEROUPPER\n\tRET\n")
}

// packRowsB packs 16 rows whose products are contiguous as columns of a panel of B.
func packRowsB(f *file) {
	f.header("packRowsB", "(dst, src *float32, stride, blocks int)", 32,
		"packs 16 rows of 32·blocks floats, stride bytes apart, as half a panel of B.")
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ stride+16(FP), R8\n\tMOVQ blocks+24(FP), CX")
	f.p("block:\n\tMOVQ SI, AX")
	for r := range 16 {
		f.p("\tPREFETCHT0 256(AX)\n\tPREFETCHT0 320(AX)\n\tVMOVUPS (AX), Z%d\n\tVMOVUPS 64(AX), Z%d", r, 16+r)
		f.line(opcode.RoundPair(r, r, 16+r))
		if r < 15 {
			f.p("\tADDQ R8, AX")
		}
	}
	transpose16(f)
	for r := range 16 {
		f.p("\tVMOVDQU64 Z%d, %d(DI)", r, 64*r)
	}
	f.p("\tADDQ $128, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ block\n\tVZEROUPPER\n\tRET\n", blockBytes)
}

// packRowsHalvesB packs 16 rows in bf16 whose products are contiguous as columns of a panel of B.
func packRowsHalvesB(f *file) {
	f.header("packRowsHalvesB", "(dst *float32, src *uint16, stride, blocks int)", 32,
		"packs 16 rows of 32·blocks bf16, stride bytes apart, as half a panel of B.")
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ stride+16(FP), R8\n\tMOVQ blocks+24(FP), CX")
	f.p("block:\n\tMOVQ SI, AX")
	for r := range 16 {
		f.p("\tPREFETCHT0 128(AX)\n\tVMOVDQU64 (AX), Z%d", r)
		if r < 15 {
			f.p("\tADDQ R8, AX")
		}
	}
	transpose16(f)
	for r := range 16 {
		f.p("\tVMOVDQU64 Z%d, %d(DI)", r, 64*r)
	}
	f.p("\tADDQ $64, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ block\n\tVZEROUPPER\n\tRET\n", blockBytes)
}

// packColumns packs 32 rows of products: to panels of B as they are, to strips of A transposed.
func packColumns(f *file, name string, strips bool) {
	what := "32·panels columns of B as a block of each panel"
	if strips {
		what = "32·panels rows of A, given as columns, as a block of each strip"
	}
	f.header(name, "(dst, src *float32, stride, panels, step int)", 40,
		"packs "+what+", step bytes apart; src has 32 rows, stride bytes apart.")
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ stride+16(FP), R8\n\tMOVQ panels+24(FP), CX\n\tMOVQ step+32(FP), R9")
	if !strips {
		f.p("\tVMOVDQU64 interleave<>(SB), Z31")
	}
	f.p("panel:\n\tMOVQ R8, DX\n\tSHLQ $5, DX\n\tADDQ SI, DX // the rows of the next block")
	fetch := func() {
		f.p("\tPREFETCHT0 (DX)\n\tPREFETCHT0 64(DX)\n\tPREFETCHT0 (DX)(R8*1)\n\tPREFETCHT0 64(DX)(R8*1)\n\tLEAQ (DX)(R8*2), DX")
	}
	for half := range 2 {
		f.p("\tMOVQ SI, AX")
		if strips { // the transposition takes all registers
			f.p("\tVMOVDQU64 interleave<>(SB), Z31")
		}
		for pair := range 16 { // two rows to one vector of pairs
			t := 16 + pair%8
			f.p("\tVMOVUPS %d(AX), Z%d\n\tVMOVUPS %d(AX)(R8*1), Z%d", 64*half, pair, 64*half, t)
			if pair < 15 {
				f.p("\tLEAQ (AX)(R8*2), AX")
			}
			if half == 0 {
				fetch()
			}
			f.line(opcode.RoundPair(pair, pair, t))
			f.p("\tVPERMW Z%d, Z31, Z%d", pair, pair)
		}
		if strips {
			transpose16(f)
		}
		for r := range 16 {
			f.p("\tVMOVDQU64 Z%d, %d(DI)", r, tileBytes*half+64*r)
		}
	}
	f.p("\tADDQ $128, SI\n\tADDQ R9, DI\n\tDECQ CX\n\tJNZ panel\n\tVZEROUPPER\n\tRET\n")
}

// packColumnsHalvesA packs 32 rows of products in bf16 to strips of A, transposed: 8 columns at a time,
// in vectors whose four lanes are rows 8 apart, so that three rounds of interleaving leave one column
// in each. Putting lanes together while loading spares the shuffles that transpose16 needs for it.
func packColumnsHalvesA(f *file) {
	f.header("packColumnsHalvesA", "(dst *float32, src *uint16, stride, panels, step int)", 40,
		"packs 32·panels rows of A in bf16, given as columns, as a block of each strip, step bytes apart; src has 32 rows, stride bytes apart.")
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ stride+16(FP), R8\n\tMOVQ panels+24(FP), CX\n\tMOVQ step+32(FP), R9")
	f.p("\tLEAQ (R8)(R8*2), R13\n\tLEAQ (R8)(R8*4), R14\n\tLEAQ (R13)(R8*4), R15")
	f.p("\tLEAQ (SI)(R8*8), R10\n\tLEAQ (R10)(R8*8), R11\n\tLEAQ (R11)(R8*8), R12 // rows 8, 16, 24")
	rows := []string{"", "(R8*1)", "(R8*2)", "(R13*1)", "(R8*4)", "(R14*1)", "(R13*2)", "(R15*1)"}
	f.p("panel:\n\tMOVQ R8, DX\n\tSHLQ $5, DX\n\tADDQ SI, DX // the rows of the next block")
	for chunk := range 4 {
		for r, at := range rows {
			f.p("\tVMOVDQU %d(SI)%s, X%d", 16*chunk, at, r)
			for lane, base := range []string{"R10", "R11", "R12"} {
				f.p("\tVINSERTI32X4 $%d, %d(%s)%s, Z%d, Z%d", lane+1, 16*chunk, base, at, r, r)
			}
			f.p("\tPREFETCHT0 (DX)\n\tADDQ R8, DX")
		}
		interleave := func(width string, from, to, distance int) {
			for r := 0; r < 8; r += 2 * distance {
				for i := range distance {
					a, b := from+r+i, from+r+i+distance
					f.p("\tVPUNPCKL%s Z%d, Z%d, Z%d\n\tVPUNPCKH%s Z%d, Z%d, Z%d", width, b, a, to+r+2*i, width, b, a, to+r+2*i+1)
				}
			}
		}
		interleave("WD", 0, 8, 1)  // columns 0 … 3 and 4 … 7 of two rows
		interleave("DQ", 8, 0, 2)  // two columns of four rows
		interleave("QDQ", 0, 8, 4) // one column of eight
		for column := range 8 {
			f.p("\tVMOVDQU64 Z%d, %d(DI)", 8+column, 64*(8*chunk+column))
		}
	}
	f.p("\tADDQ $64, SI\n\tADDQ $64, R10\n\tADDQ $64, R11\n\tADDQ $64, R12")
	f.p("\tADDQ R9, DI\n\tDECQ CX\n\tJNZ panel\n\tVZEROUPPER\n\tRET\n")
}

// packColumnsHalvesB interleaves pairs of rows in bf16.
func packColumnsHalvesB(f *file) {
	f.header("packColumnsHalvesB", "(dst *float32, src *uint16, stride, panels, step int)", 40,
		"packs 32·panels columns of B in bf16 as a block of each panel, step bytes apart; src has 32 rows, stride bytes apart.")
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ stride+16(FP), R8\n\tMOVQ panels+24(FP), CX\n\tMOVQ step+32(FP), R9")
	f.p("\tVMOVDQU64 halves<>(SB), Z31")
	f.p("panel:\n\tMOVQ R8, DX\n\tSHLQ $5, DX\n\tADDQ SI, DX // the rows of the next block\n\tMOVQ SI, AX")
	for pair := range 16 {
		at := 4 * (pair % 7)
		f.p("\tVPERMQ (AX), Z31, Z%d\n\tVPERMQ (AX)(R8*1), Z31, Z%d", at, at+1)
		f.p("\tPREFETCHT0 (DX)\n\tPREFETCHT0 (DX)(R8*1)\n\tLEAQ (AX)(R8*2), AX\n\tLEAQ (DX)(R8*2), DX")
		f.p("\tVPUNPCKLWD Z%d, Z%d, Z%d\n\tVPUNPCKHWD Z%d, Z%d, Z%d", at+1, at, at+2, at+1, at, at+3)
		f.p("\tVMOVDQU64 Z%d, %d(DI)\n\tVMOVDQU64 Z%d, %d(DI)", at+2, 64*pair, at+3, tileBytes+64*pair)
	}
	f.p("\tADDQ $64, SI\n\tADDQ R9, DI\n\tDECQ CX\n\tJNZ panel\n\tVZEROUPPER\n\tRET\n")
}

// narrowBlocks rounds floats to bf16.
func narrowBlocks(f *file) {
	f.header("narrowBlocks", "(dst *uint16, src *float32, blocks int)", 24,
		"rounds blocks of 32 floats to bf16, to nearest even, denormals to zero. dst may be src.")
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ blocks+16(FP), CX")
	f.p("block:\n\tVMOVUPS (SI), Z0\n\tVMOVUPS 64(SI), Z1")
	f.line(opcode.RoundPair(0, 0, 1))
	f.p("\tVMOVDQU64 Z0, (DI)\n\tADDQ $128, SI\n\tADDQ $64, DI\n\tDECQ CX\n\tJNZ block\n\tVZEROUPPER\n\tRET\n")
}

// transpose16 transposes the 16×16 dwords of Z0 … Z15 by way of Z16 … Z31.
func transpose16(f *file) {
	op := func(name string, b, a, dst int) { f.p("\t%s Z%d, Z%d, Z%d", name, b, a, dst) }
	shuffle := func(imm string, b, a, dst int) { f.p("\tVSHUFI32X4 $%s, Z%d, Z%d, Z%d", imm, b, a, dst) }
	for i := 0; i < 16; i += 2 { // pairs of rows
		op("VPUNPCKLDQ", i+1, i, 16+i)
		op("VPUNPCKHDQ", i+1, i, 16+i+1)
	}
	for i := 0; i < 16; i += 4 { // quartets: Z(i+c), lane L, holds column 4L+c of rows i … i+3
		op("VPUNPCKLQDQ", 16+i+2, 16+i, i)
		op("VPUNPCKHQDQ", 16+i+2, 16+i, i+1)
		op("VPUNPCKLQDQ", 16+i+3, 16+i+1, i+2)
		op("VPUNPCKHQDQ", 16+i+3, 16+i+1, i+3)
	}
	for c := range 4 { // even and odd lanes of two quartets
		shuffle("0x88", 4+c, c, 16+c)
		shuffle("0xdd", 4+c, c, 20+c)
		shuffle("0x88", 12+c, 8+c, 24+c)
		shuffle("0xdd", 12+c, 8+c, 28+c)
	}
	for c := range 4 {
		shuffle("0x88", 24+c, 16+c, c)
		shuffle("0xdd", 24+c, 16+c, 8+c)
		shuffle("0x88", 28+c, 20+c, 4+c)
		shuffle("0xdd", 28+c, 20+c, 12+c)
	}
}

// tilePeak runs n rounds of four products on tiles.
func tilePeak(f *file) {
	f.header("peakTile", "(n int)", 8, "runs n rounds of four independent tile products.")
	f.p("\tMOVQ n+0(FP), CX\n\tLEAQ tileConfig<>(SB), AX")
	f.line(opcode.TileConfigure("AX"))
	for tile := range 8 {
		f.line(opcode.TileZero(tile))
	}
	f.p("loop:")
	f.line(opcode.TileProductBF16(0, 4, 6))
	f.line(opcode.TileProductBF16(1, 4, 7))
	f.line(opcode.TileProductBF16(2, 5, 6))
	f.line(opcode.TileProductBF16(3, 5, 7))
	f.p("\tDECQ CX\n\tJNZ loop")
	f.line(opcode.TileRelease())
	f.p("\tRET\n")
}

// emitFetch brings `fetch` cache lines to the L2 cache, from pointer on: `left` more of this run, then
// runs of `lines`, skip bytes after one another. The parameters begin at offset at.
func emitFetch(f *file, nth int, pointer, left, count string, at int) {
	label := func(name string) string {
		if nth > 0 {
			return fmt.Sprint(name, nth)
		}
		return name
	}
	f.p("\tMOVQ fetch+%d(FP), %s\n\tTESTQ %s, %s\n\tJZ %s", at+8, count, count, count, label("fetched"))
	f.p("%s:\n\tPREFETCHT1 (%s)\n\tADDQ $64, %s\n\tDECQ %s\n\tJNZ %s", label("line"), pointer, pointer, left, label("inside"))
	f.p("\tMOVQ lines+%d(FP), %s\n\tADDQ skip+%d(FP), %s", at+24, left, at+32, pointer)
	f.p("%s:\n\tDECQ %s\n\tJNZ %s\n%s:", label("inside"), count, label("line"), label("fetched"))
}
