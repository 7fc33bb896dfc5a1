// Package opcode writes instructions that Go's assembler does not know as bytes of its source: those of AMX tiles, and
// conversion to bf16 (AVX512_BF16). The generators in the _asm folders print what it returns; nothing else needs it.
// Source: Intel SDM volume 2, sections 2.3 (VEX), 2.7 (EVEX) and chapter 3.
package opcode

import (
	"fmt"
	"strings"
)

// general numbers the registers that memory is addressed by.
var general = map[string]byte{
	"AX": 0, "CX": 1, "DX": 2, "BX": 3, "SI": 6, "DI": 7, "R8": 8, "R9": 9, "R10": 10, "R11": 11, "R12": 12, "R13": 13, "R14": 14, "R15": 15,
}

// Mandatory prefixes of VEX and EVEX.
const (
	prefixNone = 0
	prefixF3   = 2
	prefixF2   = 3
)

// line is an instruction's bytes, with its text as a comment.
func line(text string, code ...byte) string {
	parts := make([]string, len(code))
	for i, b := range code {
		parts[i] = fmt.Sprintf("BYTE $0x%02x", b)
	}
	return "\t" + strings.Join(parts, "; ") + " // " + text
}

// TileConfigure loads the configuration that a register, not above DI, points to.
func TileConfigure(base string) string {
	return line("LDTILECFG ("+base+")", 0xc4, 0xe2, 0x78|prefixNone, 0x49, general[base])
}

// TileRelease gives all tiles back.
func TileRelease() string { return line("TILERELEASE", 0xc4, 0xe2, 0x78|prefixNone, 0x49, 0xc0) }

// TileZero sets a tile to zero.
func TileZero(tile int) string {
	return line(fmt.Sprintf("TILEZERO tmm%d", tile), 0xc4, 0xe2, 0x78|prefixF2, 0x49, 0xc0|byte(tile)<<3)
}

// TileLoad loads a tile's rows from base + displacement on, index bytes apart. The displacement is not negative.
func TileLoad(tile int, base, index string, displacement int) string {
	return tileMemory("TILELOADD", prefixF2, tile, base, index, displacement)
}

// TileStore stores a tile's rows to where TileLoad would load them from.
func TileStore(tile int, base, index string, displacement int) string {
	return tileMemory("TILESTORED", prefixF3, tile, base, index, displacement)
}

// tileMemory encodes opcode 4B of map 0F38, with the shortest displacement.
func tileMemory(name string, prefix byte, tile int, base, index string, displacement int) string {
	b, x := general[base], general[index]
	code := []byte{0xc4, 0xe2 ^ b>>3<<5 ^ x>>3<<6, 0x78 | prefix, 0x4b}
	modrm, sib := byte(tile)<<3|4, x&7<<3|b&7
	switch {
	case displacement == 0 && b&7 != 5:
		code = append(code, modrm, sib)
	case displacement < 128:
		code = append(code, modrm|0x40, sib, byte(displacement))
	default:
		code = append(code, modrm|0x80, sib, byte(displacement), byte(displacement>>8), byte(displacement>>16), byte(displacement>>24))
	}
	return line(fmt.Sprintf("%s tmm%d, %d(%s)(%s*1)", name, tile, displacement, base, index), code...)
}

// TileProductBF16 is c += a·b in float32, a of bf16 pairs by rows and b by pairs of rows.
func TileProductBF16(c, a, b int) string { return tileProduct("TDPBF16PS", prefixF3, 0x5c, c, a, b) }

// TileProductInt8 is c += a·b on signed bytes: a by rows, b by rows of four columns.
func TileProductInt8(c, a, b int) string { return tileProduct("TDPBSSD", prefixF2, 0x5e, c, a, b) }

func tileProduct(name string, prefix, opcode byte, c, a, b int) string {
	return line(fmt.Sprintf("%s tmm%d += tmm%d·tmm%d", name, c, a, b), 0xc4, 0xe2, byte(^b&15)<<3|prefix, opcode, 0xc0|byte(c)<<3|byte(a))
}

// RoundPair rounds two vectors to bf16: low goes to the lower half of dst, high to the upper.
func RoundPair(dst, low, high int) string {
	d, l, h := byte(dst), byte(low), byte(high)
	p0 := 0xf2 ^ d>>3&1<<7 ^ l>>4&1<<6 ^ l>>3&1<<5 ^ d>>4&1<<4
	p1 := ^h&15<<3 | 4 | prefixF2
	p2 := byte(0x40) | ^h>>4&1<<3
	return line(fmt.Sprintf("VCVTNE2PS2BF16 Z%d, Z%d, Z%d", low, high, dst), 0x62, p0, p1, p2, 0x72, 0xc0|d&7<<3|l&7)
}
