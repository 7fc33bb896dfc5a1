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
