//go:build !purego

#include "textflag.h"

// func symmetricSumsAVX2(x, w *float32, n int, inverse, sumXL, sumLL *[24]float32, low, high float32)
//
// Candidates lie in lanes, elements follow one another: every lane adds in the order of symmetricSumsReference and
// rounds every product, so sums have its bits.
TEXT ·symmetricSumsAVX2(SB), NOSPLIT, $0-56
	MOVQ x+0(FP), SI
	MOVQ w+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ inverse+24(FP), AX
	VMOVUPS (AX), Y0
	VMOVUPS 32(AX), Y1
	VMOVUPS 64(AX), Y2
	VBROADCASTSS low+48(FP), Y14
	VBROADCASTSS high+52(FP), Y15
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8

element:
	VBROADCASTSS (SI), Y9
	VBROADCASTSS (DI), Y10
	VMULPS Y10, Y9, Y11   // w·x

	VMULPS Y0, Y9, Y12
	VROUNDPS $0, Y12, Y12 // l, ties to even
	VMINPS Y15, Y12, Y12
	VMAXPS Y14, Y12, Y12
	VMULPS Y12, Y11, Y13
	VADDPS Y13, Y3, Y3    // Σ w·x·l
	VMULPS Y12, Y10, Y13
	VMULPS Y12, Y13, Y13
	VADDPS Y13, Y6, Y6    // Σ w·l²

	VMULPS Y1, Y9, Y12
	VROUNDPS $0, Y12, Y12
	VMINPS Y15, Y12, Y12
	VMAXPS Y14, Y12, Y12
	VMULPS Y12, Y11, Y13
	VADDPS Y13, Y4, Y4
	VMULPS Y12, Y10, Y13
	VMULPS Y12, Y13, Y13
	VADDPS Y13, Y7, Y7

	VMULPS Y2, Y9, Y12
	VROUNDPS $0, Y12, Y12
	VMINPS Y15, Y12, Y12
	VMAXPS Y14, Y12, Y12
	VMULPS Y12, Y11, Y13
	VADDPS Y13, Y5, Y5
	VMULPS Y12, Y10, Y13
	VMULPS Y12, Y13, Y13
	VADDPS Y13, Y8, Y8

	ADDQ $4, SI
	ADDQ $4, DI
	DECQ CX
	JNZ element

	MOVQ sumXL+32(FP), AX
	VMOVUPS Y3, (AX)
	VMOVUPS Y4, 32(AX)
	VMOVUPS Y5, 64(AX)
	MOVQ sumLL+40(FP), AX
	VMOVUPS Y6, (AX)
	VMOVUPS Y7, 32(AX)
	VMOVUPS Y8, 64(AX)
	VZEROUPPER
	RET
