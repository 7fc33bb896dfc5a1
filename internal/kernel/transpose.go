package kernel

// transposeWith is transposeReference for a routine that does blocks of side × side, with the ragged
// borders left to plain Go.
func transposeWith(side int, blocks func(dst *float32, width int, src *float32, stride, blocks int), dst []float32, width int, src []float32, stride, n, k int) {
	if n < width {
		clear(dst[:k*width])
	}
	whole := k / side * side
	for q := 0; q < n; q += side {
		if q+side > n || whole == 0 {
			scatterRows(dst[q:], width, src[q*stride:], stride, n-q, k)
			return
		}
		_, _ = dst[(k-1)*width+q+side-1], src[(q+side-1)*stride+k-1]
		blocks(&dst[q], width*4, &src[q*stride], stride*4, whole/side)
		if whole < k {
			scatterRows(dst[whole*width+q:], width, src[q*stride+whole:], stride, side, k-whole)
		}
	}
}

// scatterRows writes n rows of k elements as columns of dst.
func scatterRows(dst []float32, width int, src []float32, stride, n, k int) {
	for q := range n {
		for p, v := range src[q*stride:][:k] {
			dst[p*width+q] = v
		}
	}
}
