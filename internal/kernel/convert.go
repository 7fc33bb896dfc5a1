package kernel

// The conversions of an implementation take whole blocks of 16 elements; plain Go does the rest, with
// the same bits.
const convertBlock = 16

// ToBF16 sets dst[i] to x[i] rounded to bfloat16, to nearest even; NaN stays NaN.
func ToBF16(dst []uint16, x []float32) {
	n := convertBlocks(len(dst), len(x))
	active.toBF16(dst[:n], x[:n])
	toBF16Reference(dst[n:], x[n:])
}

// FromBF16 sets dst[i] to the value of the bfloat16 x[i], exactly.
func FromBF16(dst []float32, x []uint16) {
	n := convertBlocks(len(dst), len(x))
	active.fromBF16(dst[:n], x[:n])
	fromBF16Reference(dst[n:], x[n:])
}

// ToF16 sets dst[i] to x[i] rounded to IEEE half precision, to nearest even, overflow to infinity.
func ToF16(dst []uint16, x []float32) {
	n := convertBlocks(len(dst), len(x))
	active.toF16(dst[:n], x[:n])
	toF16Reference(dst[n:], x[n:])
}

// FromF16 sets dst[i] to the value of the half precision x[i], exactly.
func FromF16(dst []float32, x []uint16) {
	n := convertBlocks(len(dst), len(x))
	active.fromF16(dst[:n], x[:n])
	fromF16Reference(dst[n:], x[n:])
}

// convertBlocks returns how many elements are in whole blocks.
func convertBlocks(dst, x int) int {
	if dst != x {
		panic(errLength)
	}
	return x / convertBlock * convertBlock
}
