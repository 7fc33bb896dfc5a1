//go:build !purego

package quant

//go:noescape
func scaleLevelsAVX2(dst *float32, levels *uint8, scale, minimum *float32, groups int)

//go:noescape
func decodeQ8AVX2(dst *float32, src *byte, blocks int)

//go:noescape
func decodeQ4AVX2(dst *float32, src *byte, blocks int)

func scaleLevels(dst []float32, levels []uint8, scale, minimum []float32) {
	if !hasAVX2 {
		scaleLevelsReference(dst, levels, scale, minimum)
		return
	}
	scaleLevelsAVX2(&dst[0], &levels[0], &scale[0], &minimum[0], len(scale))
}

// decodeWhole decodes the types that have a routine of their own, and reports whether t does.
func decodeWhole(t Type, dst []float32, src []byte) bool {
	blocks := len(dst) / blockSize
	if !hasAVX2 || blocks == 0 {
		return false
	}
	switch t {
	case Q8_0:
		decodeQ8AVX2(&dst[0], &src[0], blocks)
	case Q4_0:
		decodeQ4AVX2(&dst[0], &src[0], blocks)
	default:
		return false
	}
	return true
}
