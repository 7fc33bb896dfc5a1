//go:build !purego

#include "textflag.h"

// func scaleLevelsNEON(dst *float32, levels *uint8, scale, minimum *float32, groups int)
TEXT ·scaleLevelsNEON(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD levels+8(FP), R1
	MOVD scale+16(FP), R2
	MOVD minimum+24(FP), R3
	MOVD groups+32(FP), R4

group:
	VLD1R.P 4(R2), [V16.S4]
	VLD1R.P 4(R3), [V17.S4]
	VLD1.P 16(R1), [V18.B16]
	WORD $0x0f08a653 // sxtl  v19.8h, v18.8b
	WORD $0x4f08a654 // sxtl2 v20.8h, v18.16b
	WORD $0x0f10a660 // sxtl  v0.4s, v19.4h
	WORD $0x4f10a661 // sxtl2 v1.4s, v19.8h
	WORD $0x0f10a682 // sxtl  v2.4s, v20.4h
	WORD $0x4f10a683 // sxtl2 v3.4s, v20.8h
	WORD $0x4e21d800 // scvtf v0.4s, v0.4s
	WORD $0x4e21d821 // scvtf v1.4s, v1.4s
	WORD $0x4e21d842 // scvtf v2.4s, v2.4s
	WORD $0x4e21d863 // scvtf v3.4s, v3.4s
	WORD $0x6e30dc00 // fmul  v0.4s, v0.4s, v16.4s
	WORD $0x6e30dc21 // fmul  v1.4s, v1.4s, v16.4s
	WORD $0x6e30dc42 // fmul  v2.4s, v2.4s, v16.4s
	WORD $0x6e30dc63 // fmul  v3.4s, v3.4s, v16.4s
	WORD $0x4eb1d400 // fsub  v0.4s, v0.4s, v17.4s: the product is rounded, not fused
	WORD $0x4eb1d421 // fsub  v1.4s, v1.4s, v17.4s
	WORD $0x4eb1d442 // fsub  v2.4s, v2.4s, v17.4s
	WORD $0x4eb1d463 // fsub  v3.4s, v3.4s, v17.4s
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB $1, R4, R4
	CBNZ R4, group
	RET
