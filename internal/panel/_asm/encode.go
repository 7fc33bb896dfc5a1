package main

import (
	"fmt"
	"strings"
)

// Go's assembler lacks AMX: these functions write its instructions as bytes. Source: Intel SDM volume 2, sections 2.3
// (VEX) and chapter 3.

// gpr numbers the general registers that address tiles.
var gpr = map[string]byte{"BX": 3, "SI": 6, "R8": 8, "R10": 10, "R12": 12, "R13": 13}

// Mandatory prefixes of VEX.
const (
	prefixF3 = 2
	prefixF2 = 3
)

func (f *file) bytes(comment string, code ...byte) {
	parts := make([]string, len(code))
	for i, b := range code {
		parts[i] = fmt.Sprintf("BYTE $0x%02x", b)
	}
	f.p("\t%s // %s", strings.Join(parts, "; "), comment)
}

// tileMemory encodes opcode 4B of map 0F38 on a tile and the rows at base + displacement, index bytes apart.
func (f *file) tileMemory(name string, prefix byte, tile int, base, index string, displacement int) {
	b, x := gpr[base], gpr[index]
	f.bytes(fmt.Sprintf("%s tmm%d, %d(%s)(%s*1)", name, tile, displacement, base, index),
		0xc4, 0xe2^b>>3<<5^x>>3<<6, 0x78|prefix, 0x4b, byte(tile)<<3|0x84, x&7<<3|b&7,
		byte(displacement), byte(displacement>>8), byte(displacement>>16), byte(displacement>>24))
}

func (f *file) tileLoad(tile int, base, index string, displacement int) {
	f.tileMemory("TILELOADD", prefixF2, tile, base, index, displacement)
}

func (f *file) tileStore(tile int, base, index string, displacement int) {
	f.tileMemory("TILESTORED", prefixF3, tile, base, index, displacement)
}

// tileConfigure loads the configuration that CX points to.
func (f *file) tileConfigure() { f.bytes("LDTILECFG (CX)", 0xc4, 0xe2, 0x78, 0x49, 0x01) }
func (f *file) tileRelease()   { f.bytes("TILERELEASE", 0xc4, 0xe2, 0x78, 0x49, 0xc0) }

func (f *file) tileZero(tile int) {
	f.bytes(fmt.Sprintf("TILEZERO tmm%d", tile), 0xc4, 0xe2, 0x7b, 0x49, 0xc0|byte(tile)<<3)
}

// tileProduct is c += a·b on signed bytes: a by rows, b by rows of four columns.
func (f *file) tileProduct(c, a, b int) {
	f.bytes(fmt.Sprintf("TDPBSSD tmm%d += tmm%d·tmm%d", c, a, b), 0xc4, 0xe2, byte(^b&15)<<3|prefixF2, 0x5e, 0xc0|byte(c)<<3|byte(a))
}
