package kernel

import "math"

func toF16Reference(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = f16Bits(v)
	}
}

func fromF16Reference(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = f16Value(v)
	}
}

// f16Bits rounds to IEEE binary16, to nearest even.
func f16Bits(v float32) uint16 {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	magnitude := b & 0x7fffffff
	switch {
	case magnitude > 0x7f800000: // NaN: quiet, with the payload's upper bits
		return sign | 0x7e00 | uint16(magnitude>>13&0x3ff)
	case magnitude >= 0x477ff000: // 65520 and above round to infinity
		return sign | 0x7c00
	case magnitude >= 0x38800000: // normal: rebias the exponent by 112, drop 13 bits
		return sign | uint16((magnitude-112<<23+0xfff+magnitude>>13&1)>>13)
	}
	// Subnormal: adding 0.5 places the units of 2^-24 in the last bits, rounded by the hardware.
	rounded := math.Float32frombits(magnitude) + 0.5
	return sign | uint16(math.Float32bits(rounded)-math.Float32bits(0.5))
}

// f16Value is exact.
func f16Value(h uint16) float32 {
	sign, exponent, mantissa := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&0x3ff)
	switch exponent {
	case 0:
		v := float32(mantissa) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(v))
	case 31:
		if mantissa != 0 {
			mantissa |= 0x200
		}
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
}
