//go:build !purego

#include "textflag.h"

// func largestBitsAVX2(x *float32, n int) uint32
//
// largestBitsReference, for n a multiple of 16 above 0.
TEXT ·largestBitsAVX2(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VPCMPEQD Y2, Y2, Y2
	VPSRLD $1, Y2, Y2      // all but the sign
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1

sixteen:
	VPAND (SI), Y2, Y3
	VPAND 32(SI), Y2, Y4
	VPMAXUD Y3, Y0, Y0
	VPMAXUD Y4, Y1, Y1
	ADDQ $64, SI
	SUBQ $16, CX
	JNZ sixteen

	VPMAXUD Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMAXUD X1, X0, X0
	VMOVD X0, AX
	MOVL AX, ret+16(FP)
	VZEROUPPER
	RET
