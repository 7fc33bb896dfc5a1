//go:build purego || !(amd64 || arm64)

package quant

func scaleLevels(dst []float32, levels []uint8, scale, minimum []float32) {
	scaleLevelsReference(dst, levels, scale, minimum)
}

func decodeWhole(Type, []float32, []byte) bool { return false }
