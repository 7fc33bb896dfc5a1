package quant

import (
	"encoding/binary"

	"github.com/seed-d24fde5f/distill/internal/half"
)

// Form describes the integer form of a quantized type: element = scale·(level − Zero) − minimum, with one scale, and
// for an affine type one minimum, for every Group elements. A scale is a float of its own, or for a Super type a small
// integer times a float that 256 elements share; minima likewise.
type Form struct {
	Group  int // 16 or 32
	Levels int // 4 to 256
	Zero   int
	Affine bool
	Super  bool
}

// FormOf returns the integer form of t, which must be quantized.
func FormOf(t Type) Form {
	switch t {
	case Q8_0:
		return Form{Group: blockSize, Levels: 256, Zero: 128}
	case Q4_0:
		return Form{Group: blockSize, Levels: 16, Zero: 8}
	case Q4_1:
		return Form{Group: blockSize, Levels: 16, Affine: true}
	case Q5_0:
		return Form{Group: blockSize, Levels: 32, Zero: 16}
	case Q5_1:
		return Form{Group: blockSize, Levels: 32, Affine: true}
	}
	g := gridOf(t)
	return Form{g.group, g.levels, g.zero, g.affine, true}
}

// Share returns the number of elements that share a float: 256 for a Super type, else a Group.
func (f Form) Share() int {
	if f.Super {
		return superSize
	}
	return f.Group
}

// Per returns how many numbers a scale comes with: 2 for an affine type, whose minimum follows it, else 1.
func (f Form) Per() int {
	if f.Affine {
		return 2
	}
	return 1
}

// Scales are the scales and minima of a row, as stored: minimum after scale, wherever there are minima.
type Scales struct {
	Floats   []uint16 // binary16, Per for every Share elements
	Integers []int8   // Per for every Group elements of a Super type, else empty
}

// NewScales makes room for the scales of n elements.
func (f Form) NewScales(n int) Scales {
	s := Scales{Floats: make([]uint16, n/f.Share()*f.Per())}
	if f.Super {
		s.Integers = make([]int8, n/f.Group*f.Per())
	}
	return s
}

// Levels unpacks a row into its integer form: src has t.RowBytes(len(levels)) bytes, s comes from NewScales. The values
// of t are d·integer, which float32 holds exactly.
func Levels(t Type, src []byte, levels []uint8, s Scales) {
	f, g := FormOf(t), geometryOf(t)
	n, per := len(levels), f.Per()
	if !t.Fits(n) || len(src) != t.RowBytes(n) || len(s.Floats) != n/f.Share()*per || f.Super && len(s.Integers) != n/f.Group*per {
		panic(errLength)
	}
	for i := 0; i < n; i += g.elements {
		block := src[:g.size]
		src = src[g.size:]
		if f.Super {
			s.unpackSuper(t, f, i, levels[i:i+superSize], block)
			continue
		}
		floats := s.Floats[i/blockSize*per:][:per]
		floats[0] = binary.LittleEndian.Uint16(block)
		if f.Affine {
			floats[1] = binary.LittleEndian.Uint16(block[2:]) ^ 0x8000 // the blocks store what is added
		}
		if t != Q8_0 {
			blockLevels(t, (*[blockSize]uint8)(levels[i:]), block)
			continue
		}
		for j, v := range block[2:] {
			levels[i+j] = v ^ 0x80 // −128…127 becomes 0…255
		}
	}
}

// unpackSuper unpacks the block of 256 elements from element i on.
func (s Scales) unpackSuper(t Type, f Form, i int, levels []uint8, block []byte) {
	var b superblock
	b.unpack(t, block)
	copy(levels, b.q[:])
	per := f.Per()
	floats, integers := s.Floats[i/superSize*per:], s.Integers[i/f.Group*per:]
	floats[0] = half.F16(b.d) // what it came from
	if f.Affine {
		floats[1] = half.F16(b.dmin)
	}
	for j := range superSize / f.Group {
		integers[j*per] = int8(b.scale[j])
		if f.Affine {
			integers[j*per+1] = int8(b.min[j])
		}
	}
}
