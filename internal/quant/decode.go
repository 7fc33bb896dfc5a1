package quant

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/seed-d24fde5f/distill/internal/half"
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// groupSize is the elements that scaleLevels multiplies by one scale.
const groupSize = 16

// levelGroups are up to 256 elements as bytes, their scales, and what is subtracted, for every 16.
type levelGroups struct {
	levels         [superSize]uint8 // bits of int8
	scale, minimum [superSize / groupSize]float32
}

// decodeLevels decodes a quantized type: bytes eight at a time in words, and floats in vectors.
func decodeLevels(t Type, dst []float32, src []byte) {
	if decodeWhole(t, dst, src) {
		return
	}
	var l levelGroups
	size := t.BlockBytes()
	if t.BlockSize() == superSize {
		var b superblock
		for i := 0; i < len(dst); i += superSize {
			b.unpack(t, src[:size])
			l.setSuper(t, &b)
			scaleLevels(dst[i:i+superSize], b.q[:], l.scale[:], l.minimum[:])
			src = src[size:]
		}
		return
	}
	for i := 0; i < len(dst); i += superSize {
		n := min(superSize, len(dst)-i)
		for at := 0; at < n; at += blockSize {
			l.setBlock(t, at, src[:size])
			src = src[size:]
		}
		scaleLevels(dst[i:i+n], l.levels[:n], l.scale[:n/groupSize], l.minimum[:n/groupSize])
	}
}

// scaleLevelsReference sets dst to scale·levels − minimum, with one of each for 16 elements; products are rounded.
func scaleLevelsReference(dst []float32, levels []uint8, scale, minimum []float32) {
	for i, v := range levels {
		dst[i] = float32(scale[i/groupSize]*float32(int8(v))) - minimum[i/groupSize]
	}
}

// setSuper sets scales and minima, and centres the block's own levels.
func (l *levelGroups) setSuper(t Type, b *superblock) {
	g := gridOf(t)
	if g.zero > 0 {
		for i := 0; i < superSize; i += 8 {
			putWord(b.q[i:i+8], centre(word(b.q[i:i+8]), g.zero))
		}
	}
	wide := g.group / groupSize
	for i := range l.scale {
		from := i / wide
		l.scale[i], l.minimum[i] = b.d*float32(b.scale[from]), b.dmin*float32(b.min[from])
	}
}

// setBlock sets the 32 elements from at on.
func (l *levelGroups) setBlock(t Type, at int, b []byte) {
	to := (*[blockSize]uint8)(l.levels[at:])
	d, m := float16(b), float32(0)
	if t == Q8_0 {
		copy(to[:], b[2:])
	} else {
		m = -blockLevels(t, to, b)
		if zero := FormOf(t).Zero; zero > 0 {
			for i := 0; i < blockSize; i += 8 {
				putWord(to[i:], centre(word(to[i:]), zero))
			}
		}
	}
	for i := at / groupSize; i < (at+blockSize)/groupSize; i++ {
		l.scale[i], l.minimum[i] = d, m
	}
}

// Eight bytes at a time.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func putWord(b []byte, w uint64) { binary.LittleEndian.PutUint64(b, w) }

// centre subtracts zero from each byte; both are below 128, the result is an int8.
func centre(w uint64, zero int) uint64 { return ((w | tops) - uint64(zero)*ones) ^ tops }

// spread gives each byte one of eight bits.
func spread(bits uint32) uint64 {
	chosen := uint64(bits&0xff) * ones & 0x8040201008040201
	return (chosen + 0x7f*ones) >> 7 & ones
}

// decodeFloats decodes binary32, binary16 and bfloat16, in vectors where the bytes lie aligned. Every supported machine is
// little-endian.
func decodeFloats(t Type, dst []float32, src []byte) {
	p := unsafe.Pointer(unsafe.SliceData(src))
	aligned := uintptr(p)%uintptr(t.BlockBytes()) == 0 && len(src) > 0
	switch {
	case t == F32 && aligned:
		copy(dst, unsafe.Slice((*float32)(p), len(dst)))
	case t == F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case t == F16 && aligned:
		kernel.FromF16(dst, unsafe.Slice((*uint16)(p), len(dst)))
	case t == F16:
		half.DecodeF16(dst, src)
	case aligned:
		kernel.FromBF16(dst, unsafe.Slice((*uint16)(p), len(dst)))
	default:
		half.DecodeBF16(dst, src)
	}
}
