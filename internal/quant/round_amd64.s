//go:build !purego

#include "textflag.h"

// func roundGroupAVX2(q *uint8, x *float32, n int, d, m float32, low, high int32)
//
// q = clamp(roundEven((x+m)/d), low, high) − low, for n a multiple of 16: roundGroupReference with its bits.
TEXT ·roundGroupAVX2(SB), NOSPLIT, $0-40
	MOVQ q+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS d+24(FP), Y8
	VBROADCASTSS m+28(FP), Y9
	MOVL low+32(FP), AX
	VMOVD AX, X10
	VPBROADCASTD X10, Y10
	MOVL high+36(FP), AX
	VMOVD AX, X11
	VPBROADCASTD X11, Y11
	MOVL $0x4b400000, AX   // 1.5·2²³ as a float
	VMOVD AX, X12
	VPBROADCASTD X12, Y12
	MOVL $0x007fffff, AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	MOVL $0x00400000, AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14

sixteen:
	VADDPS (SI), Y9, Y0
	VADDPS 32(SI), Y9, Y1
	VDIVPS Y8, Y0, Y0
	VDIVPS Y8, Y1, Y1
	VADDPS Y12, Y0, Y0
	VADDPS Y12, Y1, Y1
	VPAND Y13, Y0, Y0
	VPAND Y13, Y1, Y1
	VPSUBD Y14, Y0, Y0
	VPSUBD Y14, Y1, Y1
	VPMAXSD Y10, Y0, Y0
	VPMAXSD Y10, Y1, Y1
	VPMINSD Y11, Y0, Y0
	VPMINSD Y11, Y1, Y1
	VPSUBD Y10, Y0, Y0
	VPSUBD Y10, Y1, Y1
	VPACKSSDW Y1, Y0, Y0   // halves of both alternate
	VPERMQ $0xd8, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPACKUSWB X1, X0, X0
	VMOVDQU X0, (DI)
	ADDQ $64, SI
	ADDQ $16, DI
	SUBQ $16, CX
	JNZ sixteen
	VZEROUPPER
	RET

// func weighAVX2(w, importance, x *float32, n int, sigma2 float32)
//
// w = importance·√(sigma2 + x²), for n a multiple of 8: weighReference with its bits.
TEXT ·weighAVX2(SB), NOSPLIT, $0-36
	MOVQ w+0(FP), DI
	MOVQ importance+8(FP), DX
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	VBROADCASTSS sigma2+32(FP), Y8

eight:
	VMOVUPS (SI), Y0
	VMULPS Y0, Y0, Y0
	VADDPS Y0, Y8, Y0
	VSQRTPS Y0, Y0
	VMULPS (DX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ eight
	VZEROUPPER
	RET
