//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// available lists what processor and operating system offer, from worst to best. Package cpu asks
// XGETBV whether the system saves the wide registers.
func available() []*routines {
	list := []*routines{&reference}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append(list, &avx2)
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL {
		list = append(list, &avx512)
		if requestTiles() {
			list = append(list, &amx)
		}
	}
	return list
}

var avx2 = routines{
	name: "avx2",
	tile: tile{rows: 6, columns: 16, cache: cacheShares{depth: 256, b: 32 << 10, c: 32 << 10}, unroll: 4,
		copyA: copyPanels6AVX2, copyB: copyPanels16AVX2, byRows: []microKernel{
			sgemm1x16AVX2, sgemm2x16AVX2, sgemm3x16AVX2, sgemm4x16AVX2, sgemm5x16AVX2, sgemm6x16AVX2,
		}, byColumns: []microKernel{
			sgemm1x16ColumnsAVX2, sgemm2x16ColumnsAVX2, sgemm3x16ColumnsAVX2, sgemm4x16ColumnsAVX2, sgemm5x16ColumnsAVX2, sgemm6x16ColumnsAVX2,
		}},
	fmaPeak: peakAVX2, fmaFlops: 12 * 8 * 2,
	max:             maxAVX2,
	dot:             dotAVX2,
	dot3:            dot3AVX2,
	scale:           scaleAVX2,
	axpy:            axpyAVX2,
	axpby:           axpbyAVX2,
	mulAffine:       mulAffineAVX2,
	add:             addAVX2,
	expBoth:         expBothAVX2,
	jsd:             jsdAVX2,
	skewForward:     skewForwardAVX2,
	skewReverse:     skewReverseAVX2,
	totalVariation:  totalVariationAVX2,
	expShifted:      expShiftedAVX2,
	mulScaled:       mulScaledAVX2,
	normBackward:    normBackwardAVX2,
	normBackwardAdd: normBackwardAddAVX2,
	rotate:          rotateAVX2,
	swiglu:          swigluAVX2,
	swigluBackward:  swigluBackwardAVX2,
	scoreGradient:   scoreGradientAVX2,
	adamW:           adamWAVX2,
	transpose:       transposeAVX2,
	toBF16:          toBF16BlocksAVX2,
	fromBF16:        fromBF16BlocksAVX2,
	toF16:           toF16BlocksAVX2,
	fromF16:         fromF16BlocksAVX2,
}

var avx512 = routines{
	name: "avx512",
	tile: tile{rows: 12, columns: 32, cache: cacheShares{depth: 512, b: 192 << 10, c: 96 << 10}, unroll: 4,
		copyA: copyPanels12AVX512, copyB: copyPanels32AVX512, byRows: []microKernel{
			sgemm1x32AVX512, sgemm2x32AVX512, sgemm3x32AVX512, sgemm4x32AVX512, sgemm5x32AVX512, sgemm6x32AVX512,
			sgemm7x32AVX512, sgemm8x32AVX512, sgemm9x32AVX512, sgemm10x32AVX512, sgemm11x32AVX512, sgemm12x32AVX512,
		}, byColumns: []microKernel{
			sgemm1x32ColumnsAVX512, sgemm2x32ColumnsAVX512, sgemm3x32ColumnsAVX512, sgemm4x32ColumnsAVX512, sgemm5x32ColumnsAVX512, sgemm6x32ColumnsAVX512,
			sgemm7x32ColumnsAVX512, sgemm8x32ColumnsAVX512, sgemm9x32ColumnsAVX512, sgemm10x32ColumnsAVX512, sgemm11x32ColumnsAVX512, sgemm12x32ColumnsAVX512,
		}},
	fmaPeak: peakAVX512, fmaFlops: 24 * 16 * 2,
	max:             maxAVX512,
	dot:             dotAVX512,
	dot3:            dot3AVX512,
	scale:           scaleAVX512,
	axpy:            axpyAVX512,
	axpby:           axpbyAVX512,
	mulAffine:       mulAffineAVX512,
	add:             addAVX512,
	expBoth:         expBothAVX512,
	jsd:             jsdAVX512,
	skewForward:     skewForwardAVX512,
	skewReverse:     skewReverseAVX512,
	totalVariation:  totalVariationAVX512,
	expShifted:      expShiftedAVX512,
	mulScaled:       mulScaledAVX512,
	normBackward:    normBackwardAVX512,
	normBackwardAdd: normBackwardAddAVX512,
	rotate:          rotateAVX512,
	swiglu:          swigluAVX512,
	swigluBackward:  swigluBackwardAVX512,
	scoreGradient:   scoreGradientAVX512,
	adamW:           adamWAVX512,
	transpose:       transposeAVX512,
	toBF16:          toBF16BlocksAVX512,
	fromBF16:        fromBF16BlocksAVX512,
	toF16:           toF16BlocksAVX512,
	fromF16:         fromF16BlocksAVX512,
}

// amx is avx512 with bf16 products on tiles.
var amx = withTiles(avx512)

func withTiles(r routines) routines {
	r.name = "amx"
	r.tiles, r.floats, r.narrow = bf16Tiles, floatTiles, narrowTiles
	r.tilePeak, r.tileFlops = peakTile, 4*2*16*16*32
	return r
}

func transposeAVX2(dst []float32, width int, src []float32, stride, n, k int) {
	transposeWith(8, transposeBlocksAVX2, dst, width, src, stride, n, k)
}

func transposeAVX512(dst []float32, width int, src []float32, stride, n, k int) {
	transposeWith(16, transposeBlocksAVX512, dst, width, src, stride, n, k)
}
