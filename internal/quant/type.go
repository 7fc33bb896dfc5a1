package quant

import (
	"fmt"
	"slices"
	"strings"
)

// Type is a number format of ggml, with the number it has in GGUF files (ggml.h, enum ggml_type).
type Type uint32

// The formats that are understood. K-quants share 256 elements a block, the older ones 32, the floats 1.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2
	Q4_1 Type = 3
	Q5_0 Type = 6
	Q5_1 Type = 7
	Q8_0 Type = 8
	Q2_K Type = 10
	Q3_K Type = 11
	Q4_K Type = 12
	Q5_K Type = 13
	Q6_K Type = 14
	BF16 Type = 30
)

type format struct {
	name  string
	size  int // elements a block
	bytes int // bytes a block
}

var formats = map[Type]format{
	F32: {"F32", 1, 4}, F16: {"F16", 1, 2}, BF16: {"BF16", 1, 2},
	Q4_0: {"Q4_0", 32, 18}, Q4_1: {"Q4_1", 32, 20}, Q5_0: {"Q5_0", 32, 22}, Q5_1: {"Q5_1", 32, 24}, Q8_0: {"Q8_0", 32, 34},
	Q2_K: {"Q2_K", 256, 84}, Q3_K: {"Q3_K", 256, 110}, Q4_K: {"Q4_K", 256, 144}, Q5_K: {"Q5_K", 256, 176}, Q6_K: {"Q6_K", 256, 210},
}

// Types returns every known type in rising order of its number.
func Types() []Type {
	var all []Type
	for t := range formats {
		all = append(all, t)
	}
	slices.Sort(all)
	return all
}

// Known reports whether t is one of the types of this package. The other methods need a known type, except String.
func (t Type) Known() bool { _, ok := formats[t]; return ok }

// String returns ggml's name of the type, such as "Q4_K", or "type 99" for an unknown one.
func (t Type) String() string {
	if f, ok := formats[t]; ok {
		return f.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// ParseType returns the type with the given name, in either case.
func ParseType(name string) (Type, error) {
	for t, f := range formats {
		if strings.EqualFold(f.name, name) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("quant: unknown type %q", name)
}

// BlockSize returns the number of elements of a block; a row's length must be a multiple of it.
func (t Type) BlockSize() int { return formats[t].size }

// BlockBytes returns the number of bytes of a block.
func (t Type) BlockBytes() int { return formats[t].bytes }

// RowBytes returns the bytes of n elements; n must be a multiple of BlockSize.
func (t Type) RowBytes(n int) int { return n / t.BlockSize() * t.BlockBytes() }

// Bits returns the bits per weight.
func (t Type) Bits() float64 { return float64(t.BlockBytes()*8) / float64(t.BlockSize()) }
