// Package half converts between float32 and the two 16-bit floating-point formats of model files: IEEE 754 binary16
// (F16: 5 exponent bits, 10 of mantissa) and bfloat16 (BF16: the upper half of a float32).
//
// Slices of 16-bit numbers are little-endian bytes, as they lie in a file or a memory map:
//
//	half.DecodeF16(dst, tensor.Data)
//	half.EncodeBF16(buf, weights)
//
// Every conversion rounds to nearest, ties to even; NaN stays NaN (made quiet), infinities and signed zeros are kept,
// values beyond binary16's range become infinite, and its subnormals are exact. The package knows no tensors.
package half

import (
	"encoding/binary"
	"math"
)

// Panics of this package: a caller's bug, never a file's content.
const errLength = "half: a 16-bit slice must have two bytes per float32"

// F16 returns x rounded to binary16, as its bits.
func F16(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN: keep the payload's upper bits, set the quiet bit
		return sign | 0x7e00 | uint16(b>>13)&0x03ff
	case b >= 0x477ff000: // 65520 and above rounds past the largest finite value, 65504
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: subnormal
		// Adding 1/2 moves the unit of the last place to 2^-24, binary16's smallest subnormal; the hardware rounds.
		f := math.Float32frombits(b) + 0.5
		return sign | uint16(math.Float32bits(f)-0x3f000000)
	}
	b += 0x0fff + b>>13&1 // half a unit in the last place, ties to even
	return sign | uint16((b-0x38000000)>>13)
}

// FromF16 returns the value of the binary16 bits h, exactly.
func FromF16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	b := uint32(h&0x7fff) << 13
	switch {
	case b >= 0x0f800000: // infinity and NaN
		b += 0x70000000
	case b >= 0x00800000: // normal: rebias the exponent from 15 to 127
		b += 0x38000000
	default: // subnormal: 2^-14 · (1 + mantissa) − 2^-14
		b = math.Float32bits(math.Float32frombits(b+0x38800000) - 0x1p-14)
	}
	return math.Float32frombits(sign | b)
}

// BF16 returns x rounded to bfloat16, as its bits.
func BF16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// FromBF16 returns the value of the bfloat16 bits h, exactly.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// EncodeF16 writes src as binary16 to dst, which must have 2·len(src) bytes.
func EncodeF16(dst []byte, src []float32) {
	check(dst, src)
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], F16(x))
	}
}

// DecodeF16 reads the len(dst) binary16 values of src into dst; src must have 2·len(dst) bytes.
func DecodeF16(dst []float32, src []byte) {
	check(src, dst)
	for i := range dst {
		dst[i] = FromF16(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// EncodeBF16 writes src as bfloat16 to dst, which must have 2·len(src) bytes.
func EncodeBF16(dst []byte, src []float32) {
	check(dst, src)
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], BF16(x))
	}
}

// DecodeBF16 reads the len(dst) bfloat16 values of src into dst; src must have 2·len(dst) bytes.
func DecodeBF16(dst []float32, src []byte) {
	check(src, dst)
	for i := range dst {
		dst[i] = FromBF16(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func check(b []byte, f []float32) {
	if len(b) != 2*len(f) {
		panic(errLength)
	}
}
