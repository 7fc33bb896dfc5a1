//go:build purego || !amd64

package quant

func symmetricSums(x, w []float32, inverse *[candidates]float32, n int, sumXL, sumLL *[candidates]float32) {
	symmetricSumsReference(x, w, inverse, n, sumXL, sumLL)
}
