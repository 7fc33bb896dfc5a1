//go:build purego || !amd64

package quant

func symmetricSums(x, w []float32, inverse *[candidates]float32, n int, sumXL, sumLL *[candidates]float32) {
	symmetricSumsReference(x, w, inverse, n, sumXL, sumLL)
}

func fitAffineGroups(q []uint8, x, w []float32, n int, s search, scale, m []float32) {
	fitAffineGroupsReference(q, x, w, n, s, scale, m)
}

func roundGroup(q []uint8, x []float32, d, m float32, low, high int) {
	roundGroupReference(q, x, d, m, low, high)
}

func weigh(w, importance, x []float32, sigma2 float32) { weighReference(w, importance, x, sigma2) }

func largestBits(x []float32) uint32 { return largestBitsReference(x) }
