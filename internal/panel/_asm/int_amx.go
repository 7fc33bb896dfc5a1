package main

import (
	"fmt"

	"github.com/seed-d24fde5f/distill/internal/opcode"
)

// Integer products on AMX tiles: up to sixteen rows at a time, the strip, with a panel whose levels were unpacked to
// signed bytes. A tile holds the integer sums of one group of columns; from memory they are scaled and added as the
// other routines do it, while the tiles work on the next block.
//
// Registers: SI levels, DI scales, DX minima or 0; R8, R9, R14, R15 the rows 0, 4, 8 and 12 of the strip, R10 the bytes
// between rows, R11 three times that; R12 64, the bytes between rows of levels and of sums; BX the sums of
// four groups; CX blocks left; R13 what is fetched meanwhile, two lines a block: the levels that come next.
func emitTiles(f *file) {
	var list []string
	for _, l := range quantizedTypes() {
		emitUnpack(f, l)
		list = append(list, fmt.Sprintf("quant.%s: unpack%sAMX", l.name, l.name))
	}
	f.table("has the routines that unpack panels for tiles.", "unpackAMX", "func(*unpackArgs)", list)
	for _, group := range []int{32, 16} {
		emitTileProduct(f, group)
	}
}

// emitUnpack: level − zero of blocks of 32 columns, and their scales and minima as float32. What comes a little later is
// fetched: panels lie in memory as they come.
func emitUnpack(f *file, l levels) {
	name := fmt.Sprintf("unpack%sAMX", l.name)
	f.begin(name, "unpackArgs", name+" unpacks levels to signed bytes, chunk by chunk, and scales to float32.")
	f.p("\tMOVQ a+0(FP), AX")
	for _, l := range [][2]string{{"levels", "SI"}, {"scales", "DI"}, {"shared", "DX"}, {"bytes", "R8"}, {"scales32", "R9"}, {"mins32", "R10"}} {
		f.p("\tMOVQ unpackArgs_%s(AX), %s", l[0], l[1])
	}
	masksX86(f, l, "Z30", "Z29")
	f.p("\tMOVL $%#x, CX\n\tVPBROADCASTD CX, Z31\n\tMOVQ unpackArgs_blocks(AX), CX\nblock:", uint32(l.Zero*0x01010101))
	for run := range l.low + l.high {
		f.p("\tPREFETCHT0 %d(SI)", 1024+64*run)
	}
	sharedZ(f, l)
	for j := range 8 {
		chunkZ(f, l, j, "Z16")
		if l.Zero > 0 {
			f.p("\tVPSUBB Z31, Z16, Z16")
		}
		f.p("\tVMOVDQU64 Z16, %d(R8)", 64*j)
	}
	groups := 32 / l.Group
	for g := range groups {
		scaleZ(f, l, g, 0, "Z28", "Z18")
		f.p("\tVMOVUPS Z18, %d(R9)", 64*g)
		if l.Affine {
			scaleZ(f, l, g, 1, "Z27", "Z18")
			f.p("\tVMOVUPS Z18, %d(R10)", 64*g)
		}
	}
	f.p("\tADDQ $512, R8\n\tADDQ $%d, R9\n\tADDQ $%d, R10", 64*groups, 64*groups)
	nextBlock(f, l)
	f.p("\tVZEROUPPER\n\tRET")
}

// stripRow returns the address of a field of a row's block.
func stripRow(r, displacement int) string {
	if r >= 8 {
		return at(r-8, displacement, "R14", "R15", "R10", "R11")
	}
	return at(r, displacement, "R8", "R9", "R10", "R11")
}

func emitTileProduct(f *file, group int) {
	name := fmt.Sprintf("mulGroups%dAMX", group)
	f.begin(name, "tileArgs", fmt.Sprintf("%s multiplies strips of rows with panels of signed bytes, a scale for %d columns.", name, group))
	groups := 32 / group
	f.p("\tMOVQ a+0(FP), AX\n\tLEAQ tileArgs_config(AX), CX")
	f.line(opcode.TileConfigure("CX"))
	f.p("\tMOVQ tileArgs_ldx(AX), R10\n\tLEAQ (R10)(R10*2), R11\n\tMOVQ $64, R12\n\tMOVQ tileArgs_sums(AX), BX\n\tMOVQ tileArgs_ahead(AX), R13")
	cursors := []string{"levels", "scales", "mins"}
	f.p("strip:\n\tMOVQ tileArgs_y(AX), CX\n\tMOVQ CX, tileArgs_out(AX)\n\tMOVQ tileArgs_panels(AX), CX\n\tMOVQ CX, tileArgs_left(AX)")
	for _, c := range cursors {
		f.p("\tMOVQ tileArgs_%s(AX), CX\n\tMOVQ CX, tileArgs_%sAt(AX)", c, c)
	}
	f.p("panel:\n\tMOVQ tileArgs_levelsAt(AX), SI\n\tMOVQ tileArgs_scalesAt(AX), DI\n\tMOVQ tileArgs_minsAt(AX), DX")
	f.p("\tCMPQ tileArgs_accumulate(AX), $0\n\tJEQ zero\n\tMOVQ tileArgs_out(AX), R8\n\tMOVQ tileArgs_ldy(AX), R9\n\tMOVQ tileArgs_rows(AX), CX")
	for r := range 16 {
		f.p("\tVMOVUPS (R8), Z%d\n\tADDQ R9, R8\n\tDECQ CX\n\tJZ begin", r)
	}
	f.p("zero:")
	for r := range 16 {
		clear(f, fmt.Sprintf("Z%d", r))
	}
	f.p("begin:\n\tMOVQ tileArgs_blocks(AX), CX\n\tMOVQ tileArgs_x(AX), R8\n\tLEAQ (R8)(R10*4), R9\n\tLEAQ (R9)(R10*4), R14\n\tLEAQ (R14)(R10*4), R15")
	// Sums lie in the tiles 0 to 3 in turn: a tile that is cleared waits for what was done to it before.
	slots := 4 / groups
	product := func(slot, next int) {
		for g := range groups {
			t := slot*groups + g
			f.line(opcode.TileLoad(4+t%2, "R8", "R10", 64*next+group*g))
			f.line(opcode.TileLoad(6+t%2, "SI", "R12", 512*next+group*16*g))
			f.line(opcode.TileZero(t))
			f.line(opcode.TileProductInt8(t, 4+t%2, 6+t%2))
			f.line(opcode.TileStore(t, "BX", "R12", 1024*t))
		}
	}
	ahead := slots - 1
	for next := range ahead {
		f.p("\tCMPQ CX, $%d\n\tJLE block0", next)
		product(next, next)
	}
	for slot := range slots {
		f.p("block%d:\n\tCMPQ CX, $%d\n\tJLE scale%d", slot, ahead, slot)
		product((slot+ahead)%slots, ahead)
		f.p("scale%d:", slot)
		emitScaling(f, group, slot)
		f.p("\tPREFETCHT1 (R13)\n\tPREFETCHT1 64(R13)\n\tADDQ $128, R13")
		f.p("\tADDQ $512, SI\n\tADDQ $%d, DI", 64*groups)
		for _, r := range []string{"R8", "R9", "R14", "R15"} {
			f.p("\tADDQ $64, %s", r)
		}
		f.p("\tDECQ CX\n\tJZ sums")
	}
	f.p("\tJMP block0\nsums:")
	f.p("\tMOVQ tileArgs_out(AX), R8\n\tMOVQ tileArgs_ldy(AX), R9\n\tMOVQ tileArgs_rows(AX), CX")
	for r := range 16 {
		f.p("\tVMOVUPS Z%d, (R8)\n\tADDQ R9, R8\n\tDECQ CX\n\tJZ stored", r)
	}
	f.p("stored:\n\tADDQ $64, tileArgs_out(AX)\n\tMOVQ tileArgs_levelsStep(AX), CX\n\tADDQ CX, tileArgs_levelsAt(AX)")
	f.p("\tMOVQ tileArgs_scalesStep(AX), CX\n\tADDQ CX, tileArgs_scalesAt(AX)\n\tTESTQ DX, DX\n\tJZ plain\n\tADDQ CX, tileArgs_minsAt(AX)")
	f.p("plain:\n\tDECQ tileArgs_left(AX)\n\tJNZ panel")
	f.p("\tMOVQ R10, CX\n\tSHLQ $4, CX\n\tADDQ CX, tileArgs_x(AX)\n\tMOVQ tileArgs_ldy(AX), CX\n\tSHLQ $4, CX\n\tADDQ CX, tileArgs_y(AX)")
	f.p("\tDECQ tileArgs_strips(AX)\n\tJNZ strip")
	f.p("\tMOVQ R13, tileArgs_ahead(AX)")
	f.line(opcode.TileRelease())
	f.p("\tVZEROUPPER\n\tRET")
}

// emitScaling adds the sums of a block, which lie in a slot, to the rows' results.
func emitScaling(f *file, group, slot int) {
	groups := 32 / group
	for half := range 2 {
		for g := range groups {
			f.p("\tVMOVUPS %d(DI), Z16", 64*g)
			for r := 8 * half; r < 8*half+8; r++ {
				f.p("\tVCVTDQ2PS %d(BX), Z%d\n\tVMULPS.BCST %s, Z16, Z%d\n\tVFMADD231PS Z%d, Z%d, Z%d",
					1024*(slot*groups+g)+64*r, 17+r%4, stripRow(r, offsetScale), 21+r%4, 17+r%4, 21+r%4, r)
			}
			f.p("\tTESTQ DX, DX\n\tJZ symmetric%d_%d_%d", slot, half, g)
			f.p("\tVMOVUPS %d(DX), Z16", 64*g)
			for r := 8 * half; r < 8*half+8; r++ {
				f.p("\tVFNMADD231PS.BCST %s, Z16, Z%d", stripRow(r, scaledAt(group, g)), r)
			}
			f.p("symmetric%d_%d_%d:", slot, half, g)
		}
		if half == 0 {
			f.p("\tCMPQ tileArgs_rows(AX), $8\n\tJLE scaled%d", slot)
		}
	}
	f.p("scaled%d:\n\tTESTQ DX, DX\n\tJZ plain%d\n\tADDQ $%d, DX\nplain%d:", slot, slot, 64*groups, slot)
}
