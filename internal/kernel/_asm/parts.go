package main

// A float32 number is the sum of three numbers in bf16, of 8 significant bits each: its upper half, that
// of what remains, and the rest. Of the nine products of such parts, six are float32 on tiles: what they leave out is
// less than 2⁻²² of a product, and 2⁻²⁴ on average (Henry, Tang and Heinecke 2019, arXiv:1904.06376).
//
// Parts have the sign of their number and, if it is 2⁻⁸⁶ or more, none is zero: so infinities, all of whose parts are
// infinite, become NaN where they do in float32 and not elsewhere.
//
// A block of a strip or a panel holds the tiles of all parts, one after another. Products i and 16+i of a block are
// a pair: two vectors become one of pairs by a shift and a blend.
const parts = 3

// partProducts are the products of parts, the small ones first, in an order in which few tiles are loaded again.
var partProducts = [][2]int{{0, 2}, {0, 1}, {1, 1}, {1, 0}, {2, 0}, {0, 0}}

func emitParts(f *file) {
	f.quads("upperHalves", repeated(0xffff0000ffff0000)...)
	f.quads("trifles", repeated(0x2b8000002b800000)...) // 2⁻⁴⁰
	tileKernel(f, "tileMultiplyParts", parts, partProducts)
	partsRowsA(f)
	partsRowsB(f)
	partsColumns(f, "packColumnsPartsB", false)
	partsColumns(f, "packColumnsPartsA", true)
}

func repeated(v uint64) []uint64 { return []uint64{v, v, v, v, v, v, v, v} }

// splitConstants are what splitPair finds in Z30, Z31 and K1. BX is lost.
func splitConstants(f *file) {
	f.p("\tVMOVDQU64 upperHalves<>(SB), Z31\n\tVMOVUPS trifles<>(SB), Z30\n\tMOVL $0xaaaaaaaa, BX\n\tKMOVD BX, K1")
}

// splitPair makes pairs of the numbers in Z16 and Z17: their first parts in Z18, second in Z19, third in
// Z20. For a part that would be zero stands the number times 2⁻⁴⁰.
func splitPair(f *file) {
	for i := range 2 {
		number, trifle, rest, last := 16+i, 22+i, 24+i, 26+i
		f.p("\tVMULPS Z30, Z%d, Z%d", number, trifle)
		split := func(from, to int) { // what a part leaves, which is NaN for an infinity; its trifle is infinite
			f.p("\tVANDPS Z31, Z%d, Z%d\n\tVSUBPS Z%d, Z%d, Z%d", from, to, to, from, to)
			f.p("\tVRANGEPS $7, Z%d, Z%d, Z%d // the larger, or what is a number", trifle, to, to)
		}
		split(number, rest)
		split(rest, last)
	}
	for part, from := range []int{16, 24, 26} {
		f.p("\tVPSRLD $16, Z%d, Z%d\n\tVMOVDQU16 Z%d, K1, Z%d", from, 18+part, from+1, 18+part)
	}
}

// storePair stores the parts that splitPair made, each to its tile.
func storePair(f *file, to string) {
	for part := range parts {
		f.p("\tVMOVDQU64 Z%d, %d(%s)", 18+part, part*blockBytes, to)
	}
}

// transposeTiles transposes so many tiles from DI on, step bytes apart. R11, BX and all vectors are lost.
func transposeTiles(f *file, count, step int) {
	f.p("\tMOVQ DI, R11\n\tMOVQ $%d, BX\ntile:", count)
	for r := range 16 {
		f.p("\tVMOVDQU64 %d(R11), Z%d", 64*r, r)
	}
	transpose16(f)
	for r := range 16 {
		f.p("\tVMOVDQU64 Z%d, %d(R11)", r, 64*r)
	}
	f.p("\tADDQ $%d, R11\n\tDECQ BX\n\tJNZ tile", step)
}

// partsHeader starts a routine whose parameters are all words, with denormals flushed.
func partsHeader(f *file, name, signature string, bytes int, comment string) {
	f.declare("// " + name + " " + comment + "\nfunc " + name + signature)
	f.p("// func %s%s\nTEXT ·%s(SB), NOSPLIT, $8-%d", name, signature, name, bytes)
	x86FlushDenormals(f)
	f.p("\tMOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ stride+16(FP), R8")
}

const partsEnd = "\tLDMXCSR 0(SP)\n\tVZEROUPPER\n\tRET\n"

// partsRowsA packs rows whose products are contiguous into a strip of A.
func partsRowsA(f *file) {
	partsHeader(f, "packRowsPartsA", "(dst, src *float32, stride, rows, blocks int)", 40,
		"packs up to 32 rows of 32·blocks floats, stride bytes apart, as a strip of A in parts.")
	f.p("\tMOVQ rows+24(FP), R9\n\tMOVQ blocks+32(FP), R10")
	splitConstants(f)
	f.p("row:\n\tMOVQ DI, DX\n\tMOVQ SI, AX\n\tMOVQ R10, CX")
	f.p("block:\n\tPREFETCHT0 (AX)(R8*4)\n\tPREFETCHT0 64(AX)(R8*4)\n\tVMOVUPS (AX), Z16\n\tVMOVUPS 64(AX), Z17")
	splitPair(f)
	storePair(f, "DX")
	f.p("\tADDQ $128, AX\n\tADDQ $%d, DX\n\tDECQ CX\n\tJNZ block", parts*blockBytes)
	f.p("\tADDQ $64, DI\n\tADDQ R8, SI\n\tDECQ R9\n\tJNZ row")
	f.p(partsEnd)
}

// partsRowsB packs 16 rows whose products are contiguous as columns of a panel of B.
func partsRowsB(f *file) {
	partsHeader(f, "packRowsPartsB", "(dst, src *float32, stride, blocks int)", 32,
		"packs 16 rows of 32·blocks floats, stride bytes apart, as half a panel of B in parts.")
	f.p("\tMOVQ blocks+24(FP), CX\nblock:")
	splitConstants(f)
	f.p("\tMOVQ SI, AX\n\tMOVQ DI, R11\n\tMOVQ $16, BX")
	f.p("row:\n\tPREFETCHT0 256(AX)\n\tPREFETCHT0 320(AX)\n\tVMOVUPS (AX), Z16\n\tVMOVUPS 64(AX), Z17\n\tADDQ R8, AX")
	splitPair(f)
	storePair(f, "R11")
	f.p("\tADDQ $64, R11\n\tDECQ BX\n\tJNZ row")
	transposeTiles(f, parts, blockBytes)
	f.p("\tADDQ $128, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ block", parts*blockBytes)
	f.p(partsEnd)
}

// partsColumns packs 32 rows of products: to panels of B as they are, to strips of A transposed.
func partsColumns(f *file, name string, strips bool) {
	what := "32·panels columns of B as a block of each panel"
	if strips {
		what = "32·panels rows of A, given as columns, as a block of each strip"
	}
	partsHeader(f, name, "(dst, src *float32, stride, panels, step int)", 40,
		"packs "+what+", in parts, step bytes apart; src has 32 rows, stride bytes apart.")
	f.p("\tMOVQ panels+24(FP), CX\n\tMOVQ step+32(FP), R9\n\tMOVQ R8, R10\n\tSHLQ $4, R10 // sixteen rows")
	if !strips {
		splitConstants(f)
	}
	f.p("panel:")
	if strips { // the transposition takes all registers
		splitConstants(f)
	}
	f.p("\tLEAQ (SI)(R10*2), DX // the rows of the next block\n\tMOVQ DI, R11\n\tMOVQ SI, R13\n\tMOVQ $2, R12")
	f.p("half:\n\tMOVQ R13, AX\n\tMOVQ $16, BX")
	f.p("pair:\n\tVMOVUPS (AX), Z16\n\tVMOVUPS (AX)(R10*1), Z17\n\tADDQ R8, AX\n\tPREFETCHT0 (DX)\n\tPREFETCHT0 64(DX)\n\tADDQ R8, DX")
	splitPair(f)
	storePair(f, "R11")
	f.p("\tADDQ $64, R11\n\tDECQ BX\n\tJNZ pair\n\tADDQ $64, R13\n\tDECQ R12\n\tJNZ half")
	if strips {
		transposeTiles(f, 2*parts, tileBytes)
	}
	f.p("\tADDQ $128, SI\n\tADDQ R9, DI\n\tDECQ CX\n\tJNZ panel")
	f.p(partsEnd)
}
