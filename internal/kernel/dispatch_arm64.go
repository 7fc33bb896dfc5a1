//go:build !purego

package kernel

// available lists what processor and operating system offer, from worst to best. Every arm64
// processor has Advanced SIMD.
func available() []*routines { return []*routines{&reference, &neon} }

var neon = routines{
	name:            "neon",
	max:             maxNEON,
	dot:             dotNEON,
	dot3:            dot3NEON,
	scale:           scaleNEON,
	axpy:            axpyNEON,
	add:             addNEON,
	expAffine:       expAffineNEON,
	mulScaled:       mulScaledNEON,
	normBackward:    normBackwardNEON,
	normBackwardAdd: normBackwardAddNEON,
	rotate:          rotateNEON,
	swiglu:          swigluNEON,
	swigluBackward:  swigluBackwardNEON,
	softmaxBackward: softmaxBackwardNEON,
	adamW:           adamWNEON,
	toBF16:          toBF16Reference,
	fromBF16:        fromBF16Reference,
	toF16:           toF16Reference,
	fromF16:         fromF16Reference,
}
