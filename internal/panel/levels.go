package panel

import (
	"encoding/binary"

	"github.com/seed-d24fde5f/distill/internal/half"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// packed holds the levels of a quantized matrix and their scales.
//
// A run is 64 bytes: a chunk of four columns, or several in the upper bits of the same bytes. A block of 32 columns, eight
// chunks, takes a run for every bit of a level: first those of the low plane, then those of the high one. With b bits in a
// plane, chunk j lies in run j mod b, from bit j/b·b on. Levels of 8 bits have one plane, the others one of 4 bits, and
// above it of 1 or 2, or one of 2 bits, and above it of 1.
type packed struct {
	form      quant.Form
	low, high int
	levels    []byte   // (panels, Cols/32, low+high, 64)
	floats16  []uint16 // scales, each followed by its minima: (panels, Cols/share, 1 or 2, 16) of binary16
	integers  []int8   // what multiplies them for a group: (panels, Cols/group, 1 or 2, 16), or empty
}

// planes returns the bits of the planes of a type with so many levels.
func planes(levels int) (low, high int) {
	switch levels {
	case 4:
		return 2, 0
	case 8:
		return 2, 1
	case 16:
		return 4, 0
	case 32:
		return 4, 1
	case 64:
		return 4, 2
	}
	return 8, 0
}

// packedFor returns the form of a type, without memory.
func packedFor(t quant.Type) packed {
	q := packed{form: quant.FormOf(t)}
	q.low, q.high = planes(q.form.Levels)
	return q
}

// levelBytes, floats and integerBytes return how many of them a panel of so many columns has.
func (q *packed) levelBytes(columns int) int { return columns / 32 * (q.low + q.high) * 64 }

func (q *packed) floats(columns int) int {
	return columns / q.form.Share() * q.form.Per() * Width
}

func (q *packed) integerBytes(columns int) int {
	if !q.form.Super {
		return 0
	}
	return columns / q.form.Group * q.form.Per() * Width
}

// rowScratch is what packing rows of a form and length needs.
type rowScratch struct {
	form   quant.Form
	levels []uint8
	scales quant.Scales
}

// pack packs a row's bytes.
func (q *packed) pack(t quant.Type, p, lane, columns int, b []byte, s *rowScratch) {
	if len(s.levels) != columns || s.form != q.form {
		s.form, s.levels, s.scales = q.form, make([]uint8, columns), q.form.NewScales(columns)
	}
	levels := s.levels
	quant.Levels(t, b, levels, s.scales)
	out := q.levels[p*q.levelBytes(columns):]
	for k := 0; k < columns; k += 32 {
		packPlane(out, lane, levels[k:k+32], 0, q.low)
		if q.high > 0 {
			packPlane(out[64*q.low:], lane, levels[k:k+32], q.low, q.high)
		}
		out = out[64*(q.low+q.high):]
	}
	for i, v := range s.scales.Floats {
		q.floats16[p*q.floats(columns)+i*Width+lane] = v
	}
	for i, v := range s.scales.Integers {
		q.integers[p*q.integerBytes(columns)+i*Width+lane] = v
	}
}

// packPlane packs some bits, from the given one on, of a lane's 32 levels, four at a time.
func packPlane(out []byte, lane int, levels []uint8, from, bits int) {
	mask := uint32(1<<bits-1) * 0x01010101
	for run := range bits {
		var four uint32
		for chunk := run; chunk < 8; chunk += bits {
			four |= binary.LittleEndian.Uint32(levels[4*chunk:]) >> from & mask << (chunk - run)
		}
		binary.LittleEndian.PutUint32(out[64*run+4*lane:], four)
	}
}

// chunk returns the levels of chunk j of a block, which begins the given bytes.
func (q *packed) chunk(block []byte, lane, j int) (levels [4]int32) {
	for i := range levels {
		levels[i] = int32(block[64*(j%q.low)+4*lane+i] >> (j / q.low * q.low) & (1<<q.low - 1))
		if q.high > 0 {
			levels[i] |= int32(block[64*(q.low+j%q.high)+4*lane+i]>>(j/q.high*q.high)&(1<<q.high-1)) << q.low
		}
	}
	return levels
}

// scale returns the scale and the minimum of group g of a lane.
func (q *packed) scale(p, lane, g, columns int) (scale, low float32) {
	per := q.form.Per()
	var v [2]float32
	for i := range per {
		v[i] = half.FromF16(q.floats16[p*q.floats(columns)+(g*q.form.Group/q.form.Share()*per+i)*Width+lane])
		if q.form.Super {
			v[i] *= float32(q.integers[p*q.integerBytes(columns)+(g*per+i)*Width+lane])
		}
	}
	return v[0], v[1]
}

// decode writes the values of a row, as package quant decodes them.
func (q *packed) decode(dst []float32, p, lane int) {
	levels, bits := q.levels[p*q.levelBytes(len(dst)):], q.low+q.high
	var scale, low float32
	for k := 0; k < len(dst); k += 4 {
		if k%q.form.Group == 0 {
			scale, low = q.scale(p, lane, k/q.form.Group, len(dst))
		}
		for i, l := range q.chunk(levels[k/32*64*bits:], lane, k%32/4) {
			dst[k+i] = float32(scale*float32(l-int32(q.form.Zero))) - low // not fused
		}
	}
}
