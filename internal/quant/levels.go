package quant

// Form describes the integer form of a quantized type: element = scale·(level − Zero) − minimum, with one scale, and
// for an affine type one minimum, for every Group elements.
type Form struct {
	Group  int // 16 or 32
	Levels int // 4 to 256
	Zero   int
	Affine bool
}

// FormOf returns the integer form of t, which must be quantized.
func FormOf(t Type) Form {
	switch t {
	case Q8_0:
		return Form{blockSize, 256, 128, false}
	case Q4_0:
		return Form{blockSize, 16, 8, false}
	case Q4_1:
		return Form{blockSize, 16, 0, true}
	case Q5_0:
		return Form{blockSize, 32, 16, false}
	case Q5_1:
		return Form{blockSize, 32, 0, true}
	}
	g := gridOf(t)
	return Form{g.group, g.levels, g.zero, g.affine}
}

// Levels unpacks a row into its integer form: src has t.RowBytes(len(levels)) bytes; scale and minimum have one entry
// for every Group elements. Scales and minima are exact products of what the blocks store.
func Levels(t Type, src []byte, levels []uint8, scale, minimum []float32) {
	f, g := FormOf(t), geometryOf(t)
	if !t.Fits(len(levels)) || len(src) != t.RowBytes(len(levels)) || len(scale) != len(levels)/f.Group || len(minimum) != len(scale) {
		panic(errLength)
	}
	var b superblock
	for i := 0; i < len(levels); i += g.elements {
		block := src[:g.size]
		src = src[g.size:]
		switch {
		case g.elements == superSize:
			b.unpack(t, block)
			copy(levels[i:], b.q[:])
			for j := range superSize / f.Group {
				scale[i/f.Group+j] = b.d * float32(b.scale[j])
				minimum[i/f.Group+j] = b.dmin * float32(b.min[j])
			}
		case t == Q8_0:
			for j, v := range block[2:] {
				levels[i+j] = v ^ 0x80 // −128…127 becomes 0…255
			}
			scale[i/blockSize], minimum[i/blockSize] = float16(block), 0
		default:
			scale[i/blockSize] = float16(block)
			minimum[i/blockSize] = -blockLevels(t, (*[blockSize]uint8)(levels[i:]), block)
		}
	}
}
