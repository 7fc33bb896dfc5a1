//go:build !purego

#include "textflag.h"

// func fitAffineAVX2(a *affineLanes, n int, numerators *float32, candidates int, levels float32, absolute bool)
//
// Groups lie in lanes, elements follow one another: every lane computes what fitAffine does, in its order, and rounds every
// product, so the results have its bits. The first numerator is that of the grid over the whole range, which counts
// whatever its error.
//
// SI x, DI w, R8 the best levels, R9 the candidate's; Y8 least error, Y9 span, Y10 start, Y11 largest element,
// Y12 Σ w·x, Y13 Σ w, Y14 zero, Y15 the highest level; R10 bytes of x, R13 whether this is the first grid.
TEXT ·fitAffineAVX2(SB), NOSPLIT, $0-37
	MOVQ a+0(FP), SI
	LEAQ 1024(SI), DI
	LEAQ 2048(SI), R8
	LEAQ 3072(SI), R9
	MOVQ n+8(FP), R10
	SHLQ $5, R10
	MOVQ numerators+16(FP), AX
	MOVQ candidates+24(FP), BX
	VBROADCASTSS levels+32(FP), Y15
	VXORPS Y14, Y14, Y14
	VMOVUPS (SI), Y10
	VMOVAPS Y10, Y11
	VMOVUPS (DI), Y13
	VMULPS Y10, Y13, Y12
	MOVQ $32, R11

range:
	VMOVUPS (SI)(R11*1), Y0
	VMOVUPS (DI)(R11*1), Y1
	VMINPS Y10, Y0, Y10    // of two zeros the first counts
	VMAXPS Y11, Y0, Y11
	VADDPS Y1, Y13, Y13
	VMULPS Y1, Y0, Y2
	VADDPS Y2, Y12, Y12
	ADDQ $32, R11
	CMPQ R11, R10
	JLT range

	VMINPS Y10, Y14, Y10   // the minimum is at most 0
	VSUBPS Y10, Y11, Y9
	MOVQ $1, R13

candidate:
	VBROADCASTSS (AX), Y0
	ADDQ $4, AX
	VDIVPS Y9, Y0, Y0      // inverse scale
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	XORQ R11, R11

sums:
	VMOVUPS (SI)(R11*1), Y4
	VSUBPS Y10, Y4, Y5
	VMULPS Y0, Y5, Y5
	VROUNDPS $0, Y5, Y5    // l, ties to even
	VMAXPS Y14, Y5, Y5     // NaN becomes 0
	VMINPS Y15, Y5, Y5
	VMOVUPS Y5, (R9)(R11*1)
	VMULPS (DI)(R11*1), Y5, Y6
	VADDPS Y6, Y1, Y1      // Σ w·l
	VMULPS Y5, Y6, Y7
	VADDPS Y7, Y2, Y2      // Σ w·l²
	VMULPS Y4, Y6, Y7
	VADDPS Y7, Y3, Y3      // Σ w·l·x
	ADDQ $32, R11
	CMPQ R11, R10
	JLT sums

	TESTQ R13, R13
	JZ solve
	VPCMPEQD Y6, Y6, Y6    // every lane takes the first grid
	VPSRLD $25, Y6, Y4
	VPSLLD $23, Y4, Y4     // 1
	VDIVPS Y0, Y4, Y4      // a
	VMOVAPS Y10, Y5        // b
	JMP error

solve:
	VMULPS Y2, Y13, Y4
	VMULPS Y1, Y1, Y5
	VSUBPS Y5, Y4, Y6      // determinant = Σ w·Σ w·l² − (Σ w·l)²
	VMULPS Y3, Y13, Y4
	VMULPS Y1, Y12, Y5
	VSUBPS Y5, Y4, Y4
	VDIVPS Y6, Y4, Y4      // a = (Σ w·Σ w·l·x − Σ w·x·Σ w·l)/determinant
	VMULPS Y12, Y2, Y5
	VMULPS Y3, Y1, Y7
	VSUBPS Y7, Y5, Y5
	VDIVPS Y6, Y5, Y5      // b = (Σ w·l²·Σ w·x − Σ w·l·Σ w·l·x)/determinant
	VCMPPS $0x1e, Y14, Y5, Y7
	VDIVPS Y2, Y3, Y0
	VBLENDVPS Y7, Y0, Y4, Y4 // where b > 0: a = Σ w·l·x/Σ w·l², b = 0
	VANDNPS Y5, Y7, Y5
	VCMPPS $0x1e, Y14, Y6, Y6
	VMOVMSKPS Y6, DX
	TESTL DX, DX
	JZ next

error:
	VXORPS Y0, Y0, Y0
	XORQ R11, R11
	CMPB absolute+36(FP), $0
	JNE absolutes

squares:
	VMULPS (R9)(R11*1), Y4, Y1
	VADDPS Y5, Y1, Y1
	VSUBPS (SI)(R11*1), Y1, Y1
	VMULPS Y1, Y1, Y1
	VMULPS (DI)(R11*1), Y1, Y1
	VADDPS Y1, Y0, Y0      // Σ w·(a·l + b − x)²
	ADDQ $32, R11
	CMPQ R11, R10
	JLT squares
	JMP compare

absolutes:
	VPCMPEQD Y2, Y2, Y2
	VPSRLD $1, Y2, Y2

magnitude:
	VMULPS (R9)(R11*1), Y4, Y1
	VADDPS Y5, Y1, Y1
	VSUBPS (SI)(R11*1), Y1, Y1
	VANDPS Y2, Y1, Y1
	VMULPS (DI)(R11*1), Y1, Y1
	VADDPS Y1, Y0, Y0      // Σ w·|a·l + b − x|
	ADDQ $32, R11
	CMPQ R11, R10
	JLT magnitude

compare:
	TESTQ R13, R13
	JNZ take
	VCMPPS $0x11, Y8, Y0, Y1
	VANDPS Y1, Y6, Y6      // a determinant, and less error
	VMOVMSKPS Y6, DX
	TESTL DX, DX
	JZ next

take:
	VBLENDVPS Y6, Y0, Y8, Y8
	VBLENDVPS Y6, Y5, Y10, Y10
	VSUBPS Y5, Y11, Y1
	VBLENDVPS Y6, Y1, Y9, Y9
	VMOVUPS 4096(SI), Y1
	VBLENDVPS Y6, Y4, Y1, Y1
	VMOVUPS Y1, 4096(SI)
	VMOVUPS Y10, 4128(SI)  // start is always the best minimum
	XORQ R11, R11

store:
	VMOVUPS (R8)(R11*1), Y1
	VBLENDVPS Y6, (R9)(R11*1), Y1, Y1
	VMOVUPS Y1, (R8)(R11*1)
	ADDQ $32, R11
	CMPQ R11, R10
	JLT store

next:
	XORQ R13, R13
	DECQ BX
	JNZ candidate
	VZEROUPPER
	RET

// func transposeAVX2(dst, src *float32, n int)
//
// Eight rows of n floats, n a multiple of 8, become n rows of eight.
TEXT ·transposeAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ CX, AX
	SHLQ $2, AX            // bytes of a row
	LEAQ (AX)(AX*2), BX

square:
	LEAQ (SI)(AX*4), R8
	VMOVUPS (SI), Y0
	VMOVUPS (SI)(AX*1), Y1
	VMOVUPS (SI)(AX*2), Y2
	VMOVUPS (SI)(BX*1), Y3
	VMOVUPS (R8), Y4
	VMOVUPS (R8)(AX*1), Y5
	VMOVUPS (R8)(AX*2), Y6
	VMOVUPS (R8)(BX*1), Y7
	VUNPCKLPS Y1, Y0, Y8
	VUNPCKHPS Y1, Y0, Y9
	VUNPCKLPS Y3, Y2, Y10
	VUNPCKHPS Y3, Y2, Y11
	VUNPCKLPS Y5, Y4, Y12
	VUNPCKHPS Y5, Y4, Y13
	VUNPCKLPS Y7, Y6, Y14
	VUNPCKHPS Y7, Y6, Y15
	VSHUFPS $0x44, Y10, Y8, Y0
	VSHUFPS $0xee, Y10, Y8, Y1
	VSHUFPS $0x44, Y11, Y9, Y2
	VSHUFPS $0xee, Y11, Y9, Y3
	VSHUFPS $0x44, Y14, Y12, Y4
	VSHUFPS $0xee, Y14, Y12, Y5
	VSHUFPS $0x44, Y15, Y13, Y6
	VSHUFPS $0xee, Y15, Y13, Y7
	VPERM2F128 $0x20, Y4, Y0, Y8
	VPERM2F128 $0x20, Y5, Y1, Y9
	VPERM2F128 $0x20, Y6, Y2, Y10
	VPERM2F128 $0x20, Y7, Y3, Y11
	VPERM2F128 $0x31, Y4, Y0, Y12
	VPERM2F128 $0x31, Y5, Y1, Y13
	VPERM2F128 $0x31, Y6, Y2, Y14
	VPERM2F128 $0x31, Y7, Y3, Y15
	VMOVUPS Y8, (DI)
	VMOVUPS Y9, 32(DI)
	VMOVUPS Y10, 64(DI)
	VMOVUPS Y11, 96(DI)
	VMOVUPS Y12, 128(DI)
	VMOVUPS Y13, 160(DI)
	VMOVUPS Y14, 192(DI)
	VMOVUPS Y15, 224(DI)
	ADDQ $32, SI
	ADDQ $256, DI
	SUBQ $8, CX
	JNZ square
	VZEROUPPER
	RET
