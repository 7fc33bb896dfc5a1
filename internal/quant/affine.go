package quant

// search is the grid of an affine fit: the candidates are (n + first + step·i)/(max−min) for i = 0…count, at most
// maxCandidates−1. With absolute the error is Σ w·|x − x'| instead of the squares.
type search struct {
	first, step float32
	count       int
	absolute    bool
}

// importantSearch is every type's grid under an importance.
var importantSearch = search{-0.9, 0.05, 36, false}

// maxCandidates bounds the grids that are tried, the one over the whole range included.
const maxCandidates = 38

// numerator returns what candidate i divides by the range of the elements.
func (s search) numerator(i, n int) float32 { return s.first + float32(s.step*float32(i)) + float32(n) }

// fitAffineGroupsReference fits every group of len(x)/len(scale) elements on its own.
func fitAffineGroupsReference(q []uint8, x, w []float32, n int, s search, scale, m []float32) {
	group := len(x) / len(scale)
	for g := range scale {
		from, to := g*group, (g+1)*group
		scale[g], m[g] = fitAffine(q[from:to], x[from:to], w[from:to], n, s)
	}
}

// fitAffine finds scale ≥ 0 and m ≥ 0 for x' = scale·q − m, q in 0…n, and writes the levels to q.
func fitAffine(q []uint8, x, w []float32, n int, s search) (scale, m float32) {
	w = w[:len(x)]
	low, high := x[0], x[0]
	sumW := w[0]
	sumX := float32(sumW * x[0])
	for i := 1; i < len(x); i++ {
		if x[i] < low { // not min: of two zeros the first counts
			low = x[i]
		}
		if x[i] > high {
			high = x[i]
		}
		sumW += w[i]
		sumX += float32(w[i] * x[i])
	}
	if low > 0 {
		low = 0
	}
	if high <= low {
		clear(q)
		return 0, -low
	}
	var try [blockSize]float32
	span := high - low
	start := low // every candidate rounds from the smallest element, also after a better minimum was found
	inverse := float32(n) / span
	scale = 1 / inverse
	affineSums(try[:len(x)], x, w, inverse, start, n)
	storeLevels(q, try[:len(x)])
	best := affineError(try[:len(x)], x, w, scale, low, s.absolute)
	for i := 0; i <= s.count; i++ {
		inverse = s.numerator(i, n) / span
		candidate := try[:len(x)]
		sumL, sumLL, sumXL := affineSums(candidate, x, w, inverse, start, n)
		determinant := float32(sumW*sumLL) - float32(sumL*sumL)
		if !(determinant > 0) {
			continue
		}
		a := (float32(sumW*sumXL) - float32(sumX*sumL)) / determinant
		b := (float32(sumLL*sumX) - float32(sumL*sumXL)) / determinant
		if b > 0 {
			b = 0
			a = sumXL / sumLL
		}
		if e := affineError(candidate, x, w, a, b, s.absolute); e < best {
			storeLevels(q, candidate)
			best, scale, low = e, a, b
			start, span = b, high-b
		}
	}
	return scale, -low
}

// affineSums rounds x to levels under a scale and returns Σ w·l, Σ w·l² and Σ w·l·x.
func affineSums(l, x, w []float32, inverse, low float32, n int) (sumL, sumLL, sumXL float32) {
	l, w = l[:len(x)], w[:len(x)]
	high := float32(n)
	for i, v := range x {
		f := float32(inverse*(v-low)) + roundingBias - roundingBias
		if f > high {
			f = high
		} else if !(f > 0) {
			f = 0
		}
		l[i] = f
		wl := float32(w[i] * f)
		sumL += wl
		sumLL += float32(wl * f)
		sumXL += float32(wl * v)
	}
	return sumL, sumLL, sumXL
}

func storeLevels(q []uint8, l []float32) {
	for i, f := range l {
		q[i] = uint8(f)
	}
}

func affineError(l, x, w []float32, scale, low float32, absolute bool) (e float32) {
	l, w = l[:len(x)], w[:len(x)]
	if absolute {
		for i, v := range x {
			e += float32(w[i] * abs(float32(scale*l[i])+low-v))
		}
		return e
	}
	for i, v := range x {
		d := float32(scale*l[i]) + low - v
		e += float32(w[i] * float32(d*d))
	}
	return e
}
