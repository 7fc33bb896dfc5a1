package quant

import (
	"encoding/binary"

	"github.com/seed-d24fde5f/distill/internal/half"
)

// superblock is one block of 256 of any K format, unpacked: element i, of group g, is
//
//	d·scale[g]·(q[i] − zero) − dmin·min[g]
//
// with groups of 16 (Q2_K, Q3_K, Q6_K) or 32 elements (Q4_K, Q5_K), and zero 4 for Q3_K, 32 for Q6_K, else 0.
type superblock struct {
	q       [superSize]uint8
	scale   [16]int
	min     [16]int
	d, dmin float32
}

// grid describes the levels of a K format.
type grid struct {
	group  int  // elements under one scale
	levels int  // of an element
	zero   int  // the level that means 0
	affine bool // has minima
	scales int  // largest level of scales and minima
}

func gridOf(t Type) grid {
	switch t {
	case Q2_K:
		return grid{16, 4, 0, true, 15}
	case Q3_K:
		return grid{16, 8, 4, false, 31}
	case Q4_K:
		return grid{32, 16, 0, true, 63}
	case Q5_K:
		return grid{32, 32, 0, true, 63}
	case Q6_K:
		return grid{16, 64, 32, false, 127}
	}
	panic(errType)
}

// unpack reads a block from its bytes; src has t.BlockBytes() of them.
func (b *superblock) unpack(t Type, src []byte) {
	switch t {
	case Q2_K: // scales 16 (scale low, minimum high nibble), quarters 64, d, dmin
		for i, v := range src[:16] {
			b.scale[i], b.min[i] = int(v&15), int(v>>4)
		}
		b.unpackQuarters(src[16:80])
		b.d, b.dmin = float16(src[80:]), float16(src[82:])
	case Q3_K: // high bits 32, quarters 64, scales 12, d
		b.unpackQuarters(src[32:96])
		b.unpackBits(src[:32], 2)
		s := src[96:108]
		for i := range b.scale {
			low := s[i%8] >> (4 * (i / 8)) & 15
			high := s[8+i%4] >> (2 * (i / 4)) & 3
			b.scale[i] = int(low|high<<4) - 32
		}
		b.d, b.dmin = float16(src[108:]), 0
	case Q4_K: // d, dmin, scales 12, nibbles 128
		b.unpackHeads(src)
		b.unpackNibbles(src[16:144])
	case Q5_K: // d, dmin, scales 12, fifth bits 32, nibbles 128
		b.unpackHeads(src)
		b.unpackNibbles(src[48:176])
		b.unpackBits(src[16:48], 4)
	case Q6_K: // nibbles 128, upper pairs of bits 64, scales 16, d
		b.unpackSixes(src[:128], src[128:192])
		for i, v := range src[192:208] {
			b.scale[i] = int(int8(v))
		}
		b.d, b.dmin = float16(src[208:]), 0
	}
}

// unpackQuarters reads 2-bit levels: in each half of 128 elements, byte l holds elements l, l+32, l+64 and l+96.
func (b *superblock) unpackQuarters(src []byte) {
	for half := range 2 {
		from, to := (*[32]uint8)(src[32*half:]), (*[128]uint8)(b.q[128*half:])
		for l := 0; l < 32; l += 8 {
			w := word(from[l : l+8])
			putWord(to[l:l+8], w&(3*ones))
			putWord(to[l+32:l+40], w>>2&(3*ones))
			putWord(to[l+64:l+72], w>>4&(3*ones))
			putWord(to[l+96:l+104], w>>6&(3*ones))
		}
	}
}

// unpackBits adds one bit at the given place: byte l holds that of elements l, l+32, l+64, …
func (b *superblock) unpackBits(src []byte, at int) {
	from := (*[32]uint8)(src)
	for run := range superSize / 32 {
		to := (*[32]uint8)(b.q[32*run:])
		for l := 0; l < 32; l += 8 {
			putWord(to[l:l+8], word(to[l:l+8])|word(from[l:l+8])>>run&ones<<at)
		}
	}
}

// unpackNibbles reads 4-bit levels: in each run of 64 elements, byte l holds elements l and l+32.
func (b *superblock) unpackNibbles(src []byte) {
	for run := range superSize / 64 {
		from, to := (*[32]uint8)(src[32*run:]), (*[64]uint8)(b.q[64*run:])
		for l := 0; l < 32; l += 8 {
			w := word(from[l : l+8])
			putWord(to[l:l+8], w&(15*ones))
			putWord(to[l+32:l+40], w>>4&(15*ones))
		}
	}
}

// unpackSixes reads 6-bit levels of Q6_K: in each half of 128 elements, byte l of 64 holds the low nibbles of elements l and
// l+64, and byte l of 32 the upper two bits of l, l+32, l+64 and l+96.
func (b *superblock) unpackSixes(nibbles, pairs []byte) {
	for half := range 2 {
		low, high, to := (*[64]uint8)(nibbles[64*half:]), (*[32]uint8)(pairs[32*half:]), (*[128]uint8)(b.q[128*half:])
		for l := 0; l < 32; l += 8 {
			first, second, upper := word(low[l:l+8]), word(low[l+32:l+40]), word(high[l:l+8])
			putWord(to[l:l+8], first&(15*ones)|upper&(3*ones)<<4)
			putWord(to[l+32:l+40], second&(15*ones)|upper>>2&(3*ones)<<4)
			putWord(to[l+64:l+72], first>>4&(15*ones)|upper>>4&(3*ones)<<4)
			putWord(to[l+96:l+104], second>>4&(15*ones)|upper>>6&(3*ones)<<4)
		}
	}
}

// unpackHeads reads d, dmin and the eight 6-bit scales and minima of Q4_K and Q5_K, packed into 12 bytes: the first
// four of each take the low six bits of bytes 0…3 and 4…7, the last four a nibble each of bytes 8…11 and the two bits
// left over in the first eight.
func (b *superblock) unpackHeads(src []byte) {
	b.d, b.dmin = float16(src), float16(src[2:])
	s := src[4:16]
	for i := range 4 {
		b.scale[i], b.min[i] = int(s[i]&63), int(s[i+4]&63)
		b.scale[i+4] = int(s[i+8]&15 | s[i]>>6<<4)
		b.min[i+4] = int(s[i+8]>>4 | s[i+4]>>6<<4)
	}
}

// pack writes the block's bytes; dst has t.BlockBytes() of them. d and dmin must be representable in binary16.
func (b *superblock) pack(t Type, dst []byte) {
	clear(dst)
	switch t {
	case Q2_K:
		for i := range 16 {
			dst[i] = uint8(b.scale[i] | b.min[i]<<4)
		}
		b.packQuarters(dst[16:80])
		putFloat16(dst[80:], b.d)
		putFloat16(dst[82:], b.dmin)
	case Q3_K:
		b.packQuarters(dst[32:96])
		for i, v := range b.q {
			dst[i%32] |= v >> 2 << (i / 32)
		}
		s := dst[96:108]
		for i, v := range b.scale {
			l := uint8(v + 32)
			s[i%8] |= l & 15 << (4 * (i / 8))
			s[8+i%4] |= l >> 4 << (2 * (i / 4))
		}
		putFloat16(dst[108:], b.d)
	case Q4_K:
		b.packHeads(dst)
		b.packNibbles(dst[16:144])
	case Q5_K:
		b.packHeads(dst)
		b.packNibbles(dst[48:176])
		for i, v := range b.q {
			dst[16+i%32] |= v >> 4 << (i / 32)
		}
	case Q6_K:
		for i, v := range b.q {
			part, lane := i/128, i%128
			dst[64*part+lane%64] |= v & 15 << (4 * (lane / 64))
			dst[128+32*part+lane%32] |= v >> 4 << (2 * (lane / 32))
		}
		for i, v := range b.scale {
			dst[192+i] = uint8(int8(v))
		}
		putFloat16(dst[208:], b.d)
	}
}

func (b *superblock) packQuarters(dst []byte) {
	for i, v := range b.q {
		dst[32*(i/128)+i%32] |= v & 3 << (2 * (i % 128 / 32))
	}
}

func (b *superblock) packNibbles(dst []byte) {
	for g := 0; g < superSize; g += 64 {
		for l := range 32 {
			dst[g/2+l] = b.q[g+l]&15 | b.q[g+l+32]<<4
		}
	}
}

func (b *superblock) packHeads(dst []byte) {
	putFloat16(dst, b.d)
	putFloat16(dst[2:], b.dmin)
	s := dst[4:16]
	for i := range 4 {
		s[i] = uint8(b.scale[i] | b.scale[i+4]>>4<<6)
		s[i+4] = uint8(b.min[i] | b.min[i+4]>>4<<6)
		s[i+8] = uint8(b.scale[i+4]&15 | b.min[i+4]<<4)
	}
}

func float16(b []byte) float32 { return half.FromF16(binary.LittleEndian.Uint16(b)) }

func putFloat16(b []byte, x float32) { binary.LittleEndian.PutUint16(b, half.F16(x)) }

// roundToFloat16 returns x as binary16 will give it back.
func roundToFloat16(x float32) float32 { return half.FromF16(half.F16(x)) }
