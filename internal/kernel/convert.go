package kernel

// ToBF16 sets dst[i] to x[i] rounded to bfloat16, to nearest even; NaN stays NaN.
func ToBF16(dst []uint16, x []float32) {
	if len(dst) != len(x) {
		panic(errLength)
	}
	active.toBF16(dst, x)
}

// FromBF16 sets dst[i] to the value of the bfloat16 x[i], exactly.
func FromBF16(dst []float32, x []uint16) {
	if len(dst) != len(x) {
		panic(errLength)
	}
	active.fromBF16(dst, x)
}

// ToF16 sets dst[i] to x[i] rounded to IEEE half precision, to nearest even, overflow to infinity.
func ToF16(dst []uint16, x []float32) {
	if len(dst) != len(x) {
		panic(errLength)
	}
	active.toF16(dst, x)
}

// FromF16 sets dst[i] to the value of the half precision x[i], exactly.
func FromF16(dst []float32, x []uint16) {
	if len(dst) != len(x) {
		panic(errLength)
	}
	active.fromF16(dst, x)
}
