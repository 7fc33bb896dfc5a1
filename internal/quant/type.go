package quant

import (
	"fmt"
	"strings"
)

// Type is a number format of tensor elements, numbered as in ggml's enum ggml_type and GGUF tensor headers.
type Type uint32

// The formats this project reads and writes. A block is the smallest unit that can be decoded alone.
const (
	F32  Type = 0  // IEEE 754 binary32
	F16  Type = 1  // IEEE 754 binary16
	Q4_0 Type = 2  // 32 weights: scale, 4-bit q−8
	Q4_1 Type = 3  // 32 weights: scale and minimum, 4-bit q
	Q5_0 Type = 6  // 32 weights: scale, 5-bit q−16
	Q5_1 Type = 7  // 32 weights: scale and minimum, 5-bit q
	Q8_0 Type = 8  // 32 weights: scale, 8-bit signed q
	Q2_K Type = 10 // 256 weights: 16 groups with 4-bit scale and minimum, 2-bit q
	Q3_K Type = 11 // 256 weights: 16 groups with 6-bit scale, 3-bit q−4
	Q4_K Type = 12 // 256 weights: 8 groups with 6-bit scale and minimum, 4-bit q
	Q5_K Type = 13 // 256 weights: 8 groups with 6-bit scale and minimum, 5-bit q
	Q6_K Type = 14 // 256 weights: 16 groups with 8-bit scale, 6-bit q−32
	BF16 Type = 30 // the upper half of a binary32
)

// Elements per block of the two families.
const (
	blockSize = 32
	superSize = 256
)

// geometry of a format: elements and bytes of a block.
type geometry struct {
	name           string
	elements, size int
}

// geometryOf is a switch, not a map: it runs once a row in the innermost loader.
func geometryOf(t Type) geometry {
	switch t {
	case F32:
		return geometry{"F32", 1, 4}
	case F16:
		return geometry{"F16", 1, 2}
	case BF16:
		return geometry{"BF16", 1, 2}
	case Q8_0:
		return geometry{"Q8_0", blockSize, 34}
	case Q4_0:
		return geometry{"Q4_0", blockSize, 18}
	case Q4_1:
		return geometry{"Q4_1", blockSize, 20}
	case Q5_0:
		return geometry{"Q5_0", blockSize, 22}
	case Q5_1:
		return geometry{"Q5_1", blockSize, 24}
	case Q2_K:
		return geometry{"Q2_K", superSize, 84}
	case Q3_K:
		return geometry{"Q3_K", superSize, 110}
	case Q4_K:
		return geometry{"Q4_K", superSize, 144}
	case Q5_K:
		return geometry{"Q5_K", superSize, 176}
	case Q6_K:
		return geometry{"Q6_K", superSize, 210}
	}
	return geometry{}
}

// Types returns every format this package knows, from the widest to the narrowest.
func Types() []Type {
	return []Type{F32, F16, BF16, Q8_0, Q6_K, Q5_1, Q5_K, Q5_0, Q4_1, Q4_K, Q4_0, Q3_K, Q2_K}
}

// Known reports whether this package can encode and decode t.
func (t Type) Known() bool { return geometryOf(t).elements != 0 }

// String returns ggml's name of the type, such as Q4_K, or "type(17)" for one this package does not know.
func (t Type) String() string {
	if g := geometryOf(t); g.name != "" {
		return g.name
	}
	return fmt.Sprintf("type(%d)", uint32(t))
}

// ParseType returns the type named s, in either case. The error lists the known names.
func ParseType(s string) (Type, error) {
	var names []string
	for _, t := range Types() {
		if strings.EqualFold(s, t.String()) {
			return t, nil
		}
		names = append(names, t.String())
	}
	return 0, fmt.Errorf("quant: unknown type %q, known are %s", s, strings.Join(names, " "))
}

// BlockSize returns the number of elements in a block, 0 for an unknown type.
func (t Type) BlockSize() int { return geometryOf(t).elements }

// BlockBytes returns the number of bytes of a block, 0 for an unknown type.
func (t Type) BlockBytes() int { return geometryOf(t).size }

// Fits reports whether rows of n elements can be stored as t: n must be a multiple of the block size.
func (t Type) Fits(n int) bool {
	g := geometryOf(t)
	return g.elements != 0 && n >= 0 && n%g.elements == 0
}

// RowBytes returns the number of bytes that n elements take, n a multiple of the block size. It is 0 where t does not
// fit n; check [Type.Fits] first when n comes from a file.
func (t Type) RowBytes(n int) int {
	if !t.Fits(n) {
		return 0
	}
	g := geometryOf(t)
	return n / g.elements * g.size
}

// Bits returns the bits a weight takes, its share of scales included: 4.5 for Q4_0.
func (t Type) Bits() float64 {
	g := geometryOf(t)
	if g.elements == 0 {
		return 0
	}
	return float64(8*g.size) / float64(g.elements)
}

// Quantized reports whether t stores integers under a scale, rather than floating-point numbers.
func (t Type) Quantized() bool { return t.BlockSize() > 1 }
