//go:build !purego

package panel

import (
	"golang.org/x/sys/cpu"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// available lists what processor and operating system offer, from worst to best.
func available() []*routines {
	list := []*routines{&reference}
	if x := cpu.X86; x.HasAVX2 && x.HasFMA && hasF16C {
		list = append(list, avx2())
	}
	if x := cpu.X86; x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512VNNI {
		list = append(list, vnni())
		if x.HasAMXInt8 && kernel.Tiles() {
			list = append(list, amx())
		}
	}
	return list
}

// hasF16C: package cpu does not report it, but no processor has AVX2 and FMA without it.
const hasF16C = true

func avx2() *routines {
	r := &routines{name: "avx2"}
	r.quantizes(quantizeAVX2)
	r.floats(
		[]floatTile{
			{4, 1, mulF32_4x1AVX2}, {2, 2, mulF32_2x2AVX2}, {2, 1, mulF32_2x1AVX2}, {1, 4, mulF32_1x4AVX2},
			{1, 3, mulF32_1x3AVX2}, {1, 2, mulF32_1x2AVX2}, {1, 1, mulF32_1x1AVX2},
		},
		[]floatTile{
			{4, 1, mulF16_4x1AVX2}, {2, 2, mulF16_2x2AVX2}, {2, 1, mulF16_2x1AVX2}, {1, 4, mulF16_1x4AVX2},
			{1, 3, mulF16_1x3AVX2}, {1, 2, mulF16_1x2AVX2}, {1, 1, mulF16_1x1AVX2},
		},
		[]floatTile{
			{4, 1, mulBF16_4x1AVX2}, {2, 2, mulBF16_2x2AVX2}, {2, 1, mulBF16_2x1AVX2}, {1, 4, mulBF16_1x4AVX2},
			{1, 3, mulBF16_1x3AVX2}, {1, 2, mulBF16_1x2AVX2}, {1, 1, mulBF16_1x1AVX2},
		},
	)
	r.ints(levelsAVX2)
	return r
}

func vnni() *routines {
	r := &routines{name: "vnni"}
	r.quantizes(quantizeAVX512)
	r.floats(
		[]floatTile{
			{8, 2, mulF32_8x2AVX512}, {8, 1, mulF32_8x1AVX512}, {4, 4, mulF32_4x4AVX512}, {4, 2, mulF32_4x2AVX512},
			{4, 1, mulF32_4x1AVX512}, {2, 4, mulF32_2x4AVX512}, {2, 2, mulF32_2x2AVX512}, {2, 1, mulF32_2x1AVX512},
			{1, 4, mulF32_1x4AVX512}, {1, 3, mulF32_1x3AVX512}, {1, 2, mulF32_1x2AVX512},
			{1, 1, mulF32_1x1AVX512},
		},
		[]floatTile{
			{8, 2, mulF16_8x2AVX512}, {8, 1, mulF16_8x1AVX512}, {4, 4, mulF16_4x4AVX512}, {4, 2, mulF16_4x2AVX512},
			{4, 1, mulF16_4x1AVX512}, {2, 4, mulF16_2x4AVX512}, {2, 2, mulF16_2x2AVX512}, {2, 1, mulF16_2x1AVX512},
			{1, 4, mulF16_1x4AVX512}, {1, 3, mulF16_1x3AVX512}, {1, 2, mulF16_1x2AVX512},
			{1, 1, mulF16_1x1AVX512},
		},
		[]floatTile{
			{8, 2, mulBF16_8x2AVX512}, {8, 1, mulBF16_8x1AVX512}, {4, 4, mulBF16_4x4AVX512}, {4, 2, mulBF16_4x2AVX512},
			{4, 1, mulBF16_4x1AVX512}, {2, 4, mulBF16_2x4AVX512}, {2, 2, mulBF16_2x2AVX512}, {2, 1, mulBF16_2x1AVX512},
			{1, 4, mulBF16_1x4AVX512}, {1, 3, mulBF16_1x3AVX512}, {1, 2, mulBF16_1x2AVX512},
			{1, 1, mulBF16_1x1AVX512},
		},
	)
	r.ints(levelsVNNI)
	return r
}

// amx is vnni with products of levels on tiles.
func amx() *routines {
	r := vnni()
	r.name = "amx"
	r.onTiles()
	return r
}
