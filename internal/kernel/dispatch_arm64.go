//go:build !purego

package kernel

// available lists what processor and operating system offer, from worst to best. Every arm64
// processor has Advanced SIMD.
func available() []*routines { return []*routines{&reference, &neon} }

var neonKernels = []microKernel{
	sgemm1x12NEON, sgemm2x12NEON, sgemm3x12NEON, sgemm4x12NEON,
	sgemm5x12NEON, sgemm6x12NEON, sgemm7x12NEON, sgemm8x12NEON,
}

var neon = routines{
	name: "neon",
	tile: tile{rows: 8, columns: 12, cache: cacheShares{depth: 256, b: 32 << 10, c: 32 << 10},
		copyA: copyPanels8NEON, copyB: copyPanels12NEON, byRows: neonKernels, byColumns: neonKernels},
	fmaPeak: peakNEON, fmaFlops: 24 * 4 * 2,
	max:             maxNEON,
	dot:             dotNEON,
	dot3:            dot3NEON,
	scale:           scaleNEON,
	axpy:            axpyNEON,
	axpby:           axpbyNEON,
	mulAffine:       mulAffineNEON,
	add:             addNEON,
	expBoth:         expBothNEON,
	jsd:             jsdNEON,
	skewForward:     skewForwardNEON,
	skewReverse:     skewReverseNEON,
	totalVariation:  totalVariationNEON,
	expShifted:      expShiftedNEON,
	mulScaled:       mulScaledNEON,
	normBackward:    normBackwardNEON,
	normBackwardAdd: normBackwardAddNEON,
	rotate:          rotateNEON,
	swiglu:          swigluNEON,
	swigluBackward:  swigluBackwardNEON,
	scoreGradient:   scoreGradientNEON,
	adamW:           adamWNEON,
	transpose:       transposeNEON,
	toBF16:          toBF16BlocksNEON,
	fromBF16:        fromBF16BlocksNEON,
	toF16:           toF16BlocksNEON,
	fromF16:         fromF16BlocksNEON,
}

func transposeNEON(dst []float32, width int, src []float32, stride, n, k int) {
	transposeWith(4, transposeBlocksNEON, dst, width, src, stride, n, k)
}
