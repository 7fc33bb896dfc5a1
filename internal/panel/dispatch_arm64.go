//go:build !purego

package panel

import "golang.org/x/sys/cpu"

// available lists what processor and operating system offer, from worst to best.
func available() []*routines {
	list := []*routines{&reference, neon(false)}
	if cpu.ARM64.HasASIMDDP {
		list = append(list, neon(true))
	}
	return list
}

// neon returns the routines for Advanced SIMD, with the integer dot products of Armv8.2 or without.
func neon(dots bool) *routines {
	r := &routines{name: "neon"}
	r.quantizes(quantizeNEON)
	r.floats(
		[]floatTile{
			{4, 1, mulF32_4x1NEON}, {2, 2, mulF32_2x2NEON}, {2, 1, mulF32_2x1NEON}, {1, 4, mulF32_1x4NEON},
			{1, 3, mulF32_1x3NEON}, {1, 2, mulF32_1x2NEON}, {1, 1, mulF32_1x1NEON},
		},
		[]floatTile{
			{4, 1, mulF16_4x1NEON}, {2, 2, mulF16_2x2NEON}, {2, 1, mulF16_2x1NEON}, {1, 4, mulF16_1x4NEON},
			{1, 3, mulF16_1x3NEON}, {1, 2, mulF16_1x2NEON}, {1, 1, mulF16_1x1NEON},
		},
		[]floatTile{
			{4, 1, mulBF16_4x1NEON}, {2, 2, mulBF16_2x2NEON}, {2, 1, mulBF16_2x1NEON}, {1, 4, mulBF16_1x4NEON},
			{1, 3, mulBF16_1x3NEON}, {1, 2, mulBF16_1x2NEON}, {1, 1, mulBF16_1x1NEON},
		},
	)
	if !dots {
		r.ints(levelsNEON)
		return r
	}
	r.name = "dotprod"
	r.ints(levelsDot)
	return r
}
