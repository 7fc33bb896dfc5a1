package main

import (
	"fmt"
	"strings"
)

// Go's assembler knows neither AMX nor AVX512_BF16: these functions encode what amx.go needs as
// bytes. Source: Intel SDM volume 2, sections 2.3 (VEX), 2.7 (EVEX) and chapter 3.

// gpr numbers the general registers.
var gpr = map[string]byte{"AX": 0, "CX": 1, "DX": 2, "BX": 3, "SI": 6, "DI": 7, "R8": 8, "R9": 9, "R10": 10, "R11": 11, "R12": 12, "R13": 13, "R14": 14}

// Mandatory prefixes of VEX and EVEX.
const (
	prefixNone = 0
	prefixF3   = 2
	prefixF2   = 3
)

func (f *file) bytes(comment string, code ...byte) {
	parts := make([]string, len(code))
	for i, b := range code {
		parts[i] = fmt.Sprintf("BYTE $0x%02x", b)
	}
	f.p("\t%s // %s", strings.Join(parts, "; "), comment)
}

// vexMemory encodes an instruction of map 0F38 on a tile and [base + index + displacement].
func (f *file) vexMemory(name string, prefix, opcode byte, tile int, base, index string, displacement int) {
	b, x := gpr[base], gpr[index]
	code := []byte{0xc4, 0xe2 ^ b>>3<<5 ^ x>>3<<6, 0x78 | prefix, opcode}
	sib := x&7<<3 | b&7
	modrm := byte(tile)<<3 | 4
	switch {
	case displacement == 0 && b&7 != 5:
		code = append(code, modrm, sib)
	case displacement < 128:
		code = append(code, modrm|0x40, sib, byte(displacement))
	default:
		code = append(code, modrm|0x80, sib, byte(displacement), byte(displacement>>8), byte(displacement>>16), byte(displacement>>24))
	}
	f.bytes(fmt.Sprintf("%s tmm%d, %d(%s)(%s*1)", name, tile, displacement, base, index), code...)
}

func (f *file) tileLoad(tile int, base, index string, displacement int) {
	f.vexMemory("TILELOADD", prefixF2, 0x4b, tile, base, index, displacement)
}

func (f *file) tileStore(tile int, base, index string, displacement int) {
	f.vexMemory("TILESTORED", prefixF3, 0x4b, tile, base, index, displacement)
}

// tileConfigure loads the configuration that AX points to.
func (f *file) tileConfigure() { f.bytes("LDTILECFG (AX)", 0xc4, 0xe2, 0x78, 0x49, 0x00) }
func (f *file) tileRelease()   { f.bytes("TILERELEASE", 0xc4, 0xe2, 0x78, 0x49, 0xc0) }

func (f *file) tileZero(tile int) {
	f.bytes(fmt.Sprintf("TILEZERO tmm%d", tile), 0xc4, 0xe2, 0x7b, 0x49, 0xc0|byte(tile)<<3)
}

// tileProduct is c += a·b, a of bf16 pairs by rows and b by pairs of rows.
func (f *file) tileProduct(c, a, b int) {
	f.bytes(fmt.Sprintf("TDPBF16PS tmm%d += tmm%d·tmm%d", c, a, b), 0xc4, 0xe2, byte(^b&15)<<3|prefixF3, 0x5c, 0xc0|byte(c)<<3|byte(a))
}

// bf16Pair rounds two vectors to bf16: low goes to the lower half of dst, high to the upper.
func (f *file) bf16Pair(dst, low, high int) {
	d, l, h := byte(dst), byte(low), byte(high)
	p0 := 0xf2 ^ d>>3&1<<7 ^ l>>4&1<<6 ^ l>>3&1<<5 ^ d>>4&1<<4
	p1 := byte(^h&15)<<3 | 4 | prefixF2
	p2 := byte(0x40) | ^h>>4&1<<3
	f.bytes(fmt.Sprintf("VCVTNE2PS2BF16 Z%d, Z%d, Z%d", low, high, dst), 0x62, p0, p1, p2, 0x72, 0xc0|d&7<<3|l&7)
}
