package kernel

import "math"

// ExpShifted sets dst[i] = exp(a·(x[i] − shift)) and returns the sum of dst. dst may be x.
//
// It is the inner loop of softmax and cross-entropy: a is 1/temperature, and shift the largest x, or the log-sum-exp for
// probabilities. The relative error is at most (2 + |a·(x[i] − shift)|)·2⁻²³; results below the smallest normal number are 0,
// and those above 2^127.5 may be infinite.
func ExpShifted(dst, x []float32, a, shift float32) (sum float64) {
	if len(x) != len(dst) {
		panic(errLength)
	}
	for lo := 0; lo < len(x); lo += reduceBlock {
		hi := min(lo+reduceBlock, len(x))
		sum += float64(active.expShifted(dst[lo:hi], x[lo:hi], shift, rate(a)))
	}
	return sum
}

// rate turns exponents of e into those of 2.
func rate(a float32) float32 { return float32(float64(a) * math.Log2E) }

// LogSumExp returns log Σ exp(a·x[i]), stable for any finite x; a is 1/temperature and must be
// positive. scratch needs len(x) elements and is overwritten. An empty x gives −Inf.
func LogSumExp(x []float32, a float32, scratch []float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	shift := finiteMax(x)
	sum := ExpShifted(scratch[:len(x)], x, a, shift)
	return logSum(a, shift, sum)
}

// Softmax sets dst[i] = exp(a·x[i]) / Σ exp(a·x[j]) and returns log Σ exp(a·x[j]). a is
// 1/temperature and must be positive. dst may be x. Elements of −Inf get probability 0.
func Softmax(dst, x []float32, a float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	shift := finiteMax(x)
	sum := ExpShifted(dst, x, a, shift)
	Scale(dst, float32(1/sum))
	return logSum(a, shift, sum)
}

// logSum is log Σ exp(a·x[i]), given the sum of exp(a·(x[i] − shift)).
func logSum(a, shift float32, sum float64) float32 {
	return float32(float64(a)*float64(shift) + math.Log(sum))
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
	sum := ExpShifted(logits, logits, 1, shift)
	Scale(logits, float32(float64(scale)/sum))
	logits[target] -= scale
	return logSum(1, shift, sum) - x
}
