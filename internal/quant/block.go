package quant

import (
	"encoding/binary"
	"math"

	"github.com/seed-d24fde5f/distill/internal/half"
)

// The 32-element formats. Layout of a block, all little-endian:
//
//	Q8_0  scale f16, 32 × int8
//	Q4_0  scale f16, 16 bytes: element j in the low nibble of byte j, element j+16 in the high one; value (q−8)·scale
//	Q4_1  scale f16, minimum f16, 16 bytes as Q4_0; value q·scale + minimum
//	Q5_0  scale f16, 32 fifth bits (bit j for element j), 16 bytes as Q4_0; value (q−16)·scale
//	Q5_1  scale f16, minimum f16, fifth bits, 16 bytes; value q·scale + minimum

// encodeBlocks writes src block by block. Products are rounded to float32 before they are added, so that no platform
// fuses them and all write the same bytes.
func encodeBlocks(t Type, dst []byte, src []float32, importance []float32) {
	size := t.BlockBytes()
	if t != Q8_0 && importance != nil {
		encodeImportant(t, dst, src, importance)
		return
	}
	for i := 0; i < len(src); i += blockSize {
		x := (*[blockSize]float32)(src[i:])
		if t == Q8_0 {
			encodeQ8(dst[:size], x)
		} else {
			encodeBlock(t, dst[:size], x)
		}
		dst = dst[size:]
	}
}

// encodeImportant quantizes a row of a 4- or 5-bit format under an importance, eight blocks at a time.
func encodeImportant(t Type, dst []byte, src, importance []float32) {
	const most = 8
	var weights [most * blockSize]float32
	var q [most * blockSize]uint8
	var d, m [most]float32
	sigma2, levels, size := meanSquare(src), FormOf(t).Levels, t.BlockBytes()
	for len(src) > 0 {
		n := min(most, len(src)/blockSize)
		x, w := src[:n*blockSize], weights[:n*blockSize]
		weigh(w, importance[:len(x)], x, sigma2)
		if t == Q4_1 || t == Q5_1 {
			fitAffineGroups(q[:len(x)], x, w, levels-1, importantSearch, d[:n], m[:n])
		} else {
			for i := range n {
				from, to := i*blockSize, (i+1)*blockSize
				d[i] = fitSymmetric(q[from:to], x[from:to], w[from:to], levels/2)
			}
		}
		for i := range n {
			packBlock(t, dst[:size], (*[blockSize]uint8)(q[i*blockSize:]), d[i], -m[i])
			dst = dst[size:]
		}
		src, importance = src[len(x):], importance[len(x):]
	}
}

// encodeQ8 stores round(x/d) with d = max|x|/127, halves away from zero.
func encodeQ8(b []byte, x *[blockSize]float32) {
	var largest float32
	for _, v := range x {
		largest = max(largest, abs(v))
	}
	d := largest / 127
	inverse := reciprocal(d)
	binary.LittleEndian.PutUint16(b, half.F16(d))
	for j, v := range x {
		// In float64 adding a half is exact; in float32 it would carry 0.49999997 to 1.
		b[2+j] = byte(int8(float64(v*inverse) + math.Copysign(0.5, float64(v))))
	}
}

// encodeBlock quantizes one block of a 4- or 5-bit format.
func encodeBlock(t Type, b []byte, x *[blockSize]float32) {
	var q [blockSize]uint8
	var d, m float32
	if f := FormOf(t); f.Affine {
		d, m = scaleByRange(&q, x, f.Levels)
	} else {
		d = scaleByExtreme(&q, x, f.Levels)
	}
	packBlock(t, b, &q, d, m)
}

// packBlock writes a block's scale, minimum and levels.
func packBlock(t Type, b []byte, q *[blockSize]uint8, d, m float32) {
	binary.LittleEndian.PutUint16(b, half.F16(d))
	b = b[2:]
	if t == Q4_1 || t == Q5_1 {
		binary.LittleEndian.PutUint16(b, half.F16(m))
		b = b[2:]
	}
	if t == Q5_0 || t == Q5_1 {
		var fifth uint32
		for j, v := range q {
			fifth |= uint32(v>>4) << j
		}
		binary.LittleEndian.PutUint32(b, fifth)
		b = b[4:]
	}
	for j := range b {
		b[j] = q[j]&15 | q[j+16]<<4
	}
}

// scaleByExtreme sets the scale so that the element of largest magnitude becomes −levels/2 exactly.
func scaleByExtreme(q *[blockSize]uint8, x *[blockSize]float32, levels int) float32 {
	var largest, extreme float32
	for _, v := range x {
		if a := abs(v); a > largest {
			largest, extreme = a, v
		}
	}
	d := extreme / float32(-levels/2)
	inverse := reciprocal(d)
	for j, v := range x {
		q[j] = clampLevel(float32(v*inverse)+(float32(levels/2)+0.5), levels)
	}
	return d
}

// scaleByRange spreads the levels evenly from the smallest to the largest element.
func scaleByRange(q *[blockSize]uint8, x *[blockSize]float32, levels int) (d, m float32) {
	low, high := float32(math.MaxFloat32), float32(-math.MaxFloat32)
	for _, v := range x {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	d = (high - low) / float32(levels-1)
	inverse := reciprocal(d)
	for j, v := range x {
		q[j] = clampLevel(float32((v-low)*inverse)+0.5, levels)
	}
	return d, low
}

// blockLevels unpacks the unsigned levels of a 4- or 5-bit block and returns its minimum, 0 for a symmetric format.
func blockLevels(t Type, q *[blockSize]uint8, b []byte) (m float32) {
	b = b[2:]
	if t == Q4_1 || t == Q5_1 {
		m = half.FromF16(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	var fifth uint32
	if t == Q5_0 || t == Q5_1 {
		fifth = binary.LittleEndian.Uint32(b)
		b = b[4:]
	}
	for j := 0; j < 16; j += 8 {
		w := word(b[j:])
		low, high := w&(15*ones), w>>4&(15*ones)
		if fifth != 0 {
			low, high = low|spread(fifth>>j)<<4, high|spread(fifth>>(j+16))<<4
		}
		putWord(q[j:], low)
		putWord(q[j+16:], high)
	}
	return m
}

// clampLevel truncates v to a level in [0, levels). NaN gives 0.
func clampLevel(v float32, levels int) uint8 {
	if !(v > 0) {
		return 0
	}
	if v >= float32(levels) {
		return uint8(levels - 1)
	}
	return uint8(v)
}

// reciprocal returns 1/d, or 0 for 0.
func reciprocal(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
