//go:build !purego

package quant

//go:noescape
func scaleLevelsNEON(dst *float32, levels *uint8, scale, minimum *float32, groups int)

func scaleLevels(dst []float32, levels []uint8, scale, minimum []float32) {
	scaleLevelsNEON(&dst[0], &levels[0], &scale[0], &minimum[0], len(scale))
}

func decodeWhole(Type, []float32, []byte) bool { return false }
