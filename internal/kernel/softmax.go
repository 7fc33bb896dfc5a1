package kernel

import "math"

// Exp sets dst[i] = exp(x[i]), within 3 units in the last place; results below the smallest normal
// number are zero. dst may be x.
func Exp(dst, x []float32) { ExpAffine(dst, x, 1, 0) }

// ExpAffine sets dst[i] = exp(a·x[i] + b) and returns the sum of dst. dst may be x.
//
// It is the inner loop of softmax, cross-entropy and attention: with a = 1/temperature and
// b = −logsumexp it yields probabilities.
func ExpAffine(dst, x []float32, a, b float32) float32 {
	if len(x) != len(dst) {
		panic(errLength)
	}
	total := float32(0)
	for len(x) > reduceBlock {
		total += active.expAffine(dst[:reduceBlock], x[:reduceBlock], a, b)
		dst, x = dst[reduceBlock:], x[reduceBlock:]
	}
	return total + active.expAffine(dst, x, a, b)
}

// LogSumExp returns log Σ exp(a·x[i]), stable for any finite x; a is 1/temperature and must be
// positive. scratch needs len(x) elements and is overwritten. An empty x gives −Inf.
func LogSumExp(x []float32, a float32, scratch []float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	shift := finiteMax(x) * a
	sum := ExpAffine(scratch[:len(x)], x, a, -shift)
	return shift + float32(math.Log(float64(sum)))
}

// Softmax sets dst[i] = exp(a·x[i]) / Σ exp(a·x[j]) and returns log Σ exp(a·x[j]). a is
// 1/temperature and must be positive. dst may be x. Elements of −Inf get probability 0.
func Softmax(dst, x []float32, a float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	shift := finiteMax(x) * a
	sum := ExpAffine(dst, x, a, -shift)
	Scale(dst, 1/sum)
	return shift + float32(math.Log(float64(sum)))
}

// finiteMax is Max, but 0 where the maximum is −Inf: exp(−Inf − 0) is 0, exp(−Inf + Inf) is NaN.
func finiteMax(x []float32) float32 {
	m := Max(x)
	if math.IsInf(float64(m), -1) {
		return 0
	}
	return m
}

// CrossEntropy returns −log softmax(logits)[target] in nats, and overwrites logits with its gradient
// times scale: scale·(softmax(logits) − onehot(target)).
//
// scale is what the row counts in the total, such as 1/rows. A scale of 0 zeroes the row.
func CrossEntropy(logits []float32, target int, scale float32) float32 {
	x := logits[target]
	shift := finiteMax(logits)
	sum := ExpAffine(logits, logits, 1, -shift)
	Scale(logits, scale/sum)
	logits[target] -= scale
	return shift + float32(math.Log(float64(sum))) - x
}
