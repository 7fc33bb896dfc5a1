//go:build !purego

package quant

import "golang.org/x/sys/cpu"

// hasAVX2 is a feature gate: set once at start, and by tests.
var hasAVX2 = cpu.X86.HasAVX2

//go:noescape
func symmetricSumsAVX2(x, w *float32, n int, inverse, sumXL, sumLL *[24]float32, low, high float32)

func symmetricSums(x, w []float32, inverse *[candidates]float32, n int, sumXL, sumLL *[candidates]float32) {
	if !hasAVX2 {
		symmetricSumsReference(x, w, inverse, n, sumXL, sumLL)
		return
	}
	symmetricSumsAVX2(&x[0], &w[:len(x)][0], len(x), inverse, sumXL, sumLL, float32(-n), float32(n-1))
}

//go:noescape
func roundGroupAVX2(q *uint8, x *float32, n int, d, m float32, low, high int32)

func roundGroup(q []uint8, x []float32, d, m float32, low, high int) {
	if !hasAVX2 || len(x)%16 != 0 {
		roundGroupReference(q, x, d, m, low, high)
		return
	}
	roundGroupAVX2(&q[:len(x)][0], &x[0], len(x), d, m, int32(low), int32(high))
}

//go:noescape
func weighAVX2(w, importance, x *float32, n int, sigma2 float32)

func weigh(w, importance, x []float32, sigma2 float32) {
	if !hasAVX2 || len(x)%8 != 0 {
		weighReference(w, importance, x, sigma2)
		return
	}
	weighAVX2(&w[:len(x)][0], &importance[:len(x)][0], &x[0], len(x), sigma2)
}

//go:noescape
func largestBitsAVX2(x *float32, n int) uint32

func largestBits(x []float32) uint32 {
	whole := len(x) &^ 15
	if !hasAVX2 || whole == 0 {
		return largestBitsReference(x)
	}
	return max(largestBitsAVX2(&x[0], whole), largestBitsReference(x[whole:]))
}
