package quant

import "math"

// The searches behind the formats. All minimise Σ w·(x − x')² over a grid of candidate scales, solving each candidate's
// best scale in closed form. Sums run in order in float32 and no product is fused into a sum, so that every platform
// makes the same choice, and the same one as ggml: in Go only an explicit conversion forbids the fusion, hence float32(a*b).

// tooSmall is the magnitude below which a group counts as zero.
const tooSmall = 1e-15

// roundingBias, 1.5·2²³, leaves no room for a fraction in a float32 it is added to.
const roundingBias = 12582912

// roundEven returns the integer nearest to x, ties to even; |x| must be below 2²².
func roundEven(x float32) int {
	return int(math.Float32bits(float32(x)+roundingBias)&0x007fffff) - 0x00400000
}

func clamp(l, low, high int) int { return max(low, min(high, l)) }

func meanSquare(x []float32) float32 {
	var s float32
	for _, v := range x {
		s += float32(v * v)
	}
	return s / float32(len(x))
}

// weighReference sets w[i] = importance[i]·√(sigma2 + x[i]²): an element counts by what it meets and by its own size.
func weighReference(w, importance, x []float32, sigma2 float32) {
	for i, v := range x {
		w[i] = importance[i] * sqrt(sigma2+float32(v*v))
	}
}

// roundGroupReference sets q[i] = clamp(roundEven((x[i]+m)/d), low, high) − low.
func roundGroupReference(q []uint8, x []float32, d, m float32, low, high int) {
	for i, v := range x {
		q[i] = uint8(clamp(roundEven((v+m)/d), low, high) - low)
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// fitSymmetric finds the scale of a signed grid −n…n−1 and writes the levels, offset by n, to q. It tries the grid that
// sends the extreme element to −n and 18 neighbours of it.
func fitSymmetric(q []uint8, x, w []float32, n int) float32 {
	var largest, extreme float32
	for _, v := range x {
		if a := abs(v); a > largest {
			largest, extreme = a, v
		}
	}
	if largest < tooSmall {
		clear(q)
		return 0
	}
	var inverse, sumXL, sumLL [candidates]float32
	inverse[0] = float32(-n) / extreme
	for step := range 9 {
		inverse[1+step] = -(float32(n) + float32(0.1*float32(step-9))) / extreme
		inverse[10+step] = -(float32(n) + float32(0.1*float32(step+1))) / extreme
	}
	symmetricSums(x, w, &inverse, n, &sumXL, &sumLL)
	var scale float32
	if sumLL[0] != 0 {
		scale = sumXL[0] / sumLL[0]
	}
	best, chosen := scale*sumXL[0], 0
	for i := 1; i < 19; i++ {
		if sumLL[i] > 0 && float32(sumXL[i]*sumXL[i]) > best*sumLL[i] {
			scale = sumXL[i] / sumLL[i]
			best, chosen = scale*sumXL[i], i
		}
	}
	symmetricLevels(q, x, inverse[chosen], n)
	return scale
}

// candidates is the number of scales that are tried at once: nineteen, and the rest of three vector registers.
const candidates = 24

// symmetricSumsReference returns for each inverse scale Σ w·x·l and Σ w·l² with l = round(inverse·x) clamped to −n…n−1.
// Levels stay floats: adding and taking away 1.5·2²³ rounds, and |inverse·x| is at most n+1.
func symmetricSumsReference(x, w []float32, inverse *[candidates]float32, n int, sumXL, sumLL *[candidates]float32) {
	w = w[:len(x)]
	low, high := float32(-n), float32(n-1)
	for c, scale := range inverse {
		var xl, ll float32
		for i, v := range x {
			l := float32(scale*v) + roundingBias - roundingBias
			if l > high {
				l = high
			} else if l < low {
				l = low
			}
			xl += float32(float32(w[i]*v) * l)
			ll += float32(float32(w[i]*l) * l)
		}
		sumXL[c], sumLL[c] = xl, ll
	}
}

func symmetricLevels(q []uint8, x []float32, inverse float32, n int) {
	for i, v := range x {
		q[i] = uint8(n + clamp(roundEven(inverse*v), -n, n-1))
	}
}

// refineSymmetric finds the scale of a signed grid −n…n−1 with weights x², moving one level at a time while that lowers
// the error, at most five sweeps, and writes the levels, offset by n, to q.
func refineSymmetric(q []uint8, x []float32, n int) float32 {
	var largest, extreme float32
	for _, v := range x {
		if a := abs(v); a > largest {
			largest, extreme = a, v
		}
	}
	if largest < tooSmall {
		clear(q)
		return 0
	}
	inverse := float32(-n) / extreme
	var sumXL, sumLL float32
	for i, v := range x {
		l := clamp(roundEven(inverse*v), -n, n-1)
		q[i] = uint8(l + n)
		w, f := v*v, float32(l)
		sumXL += float32(float32(w*v) * f)
		sumLL += float32(float32(w*f) * f)
	}
	for range 5 {
		changed := false
		for i, v := range x {
			w, old := v*v, float32(int(q[i])-n)
			xl := sumXL - float32(float32(w*v)*old)
			if !(xl > 0) {
				continue
			}
			ll := sumLL - float32(float32(w*old)*old)
			l := clamp(roundEven(float32(v*ll)/xl), -n, n-1)
			if l == int(q[i])-n {
				continue
			}
			f := float32(l)
			xl += float32(float32(w*v) * f)
			ll += float32(float32(w*f) * f)
			if ll > 0 && float32(xl*xl)*sumLL > float32(sumXL*sumXL)*ll {
				q[i], sumXL, sumLL, changed = uint8(l+n), xl, ll, true
			}
		}
		if !changed {
			break
		}
	}
	if !(sumLL > 0) {
		return 0
	}
	return sumXL / sumLL
}

// fitScales finds the scale of an unsigned grid 0…n for the non-negative x and writes the levels to q: the scales and
// minima of a super-block, which are themselves quantized.
func fitScales(q []uint8, x, w []float32, n int) float32 {
	var high float32
	for _, v := range x {
		high = max(high, v)
	}
	if high < tooSmall {
		clear(q)
		return 0
	}
	level := func(v float32) int { return clamp(roundEven(v), 0, n) }
	squares := func(inverse float32) (e float32) {
		scale := 1 / inverse
		for i, v := range x {
			d := v - float32(scale*float32(level(inverse*v)))
			e += float32(float32(w[i]*d) * d)
		}
		return e
	}
	inverse := float32(n) / high
	best := squares(inverse)
	for step := -4; step <= 4; step++ {
		if step == 0 {
			continue
		}
		candidate := (float32(0.1*float32(step)) + float32(n)) / high
		if e := squares(candidate); e < best {
			best, inverse = e, candidate
		}
	}
	var sumXL, sumLL float32
	for i, v := range x {
		l := level(inverse * v)
		q[i] = uint8(l)
		f := float32(l)
		sumXL += float32(float32(w[i]*v) * f)
		sumLL += float32(float32(w[i]*f) * f)
	}
	for range 5 {
		changed := false
		for i, v := range x {
			old := float32(q[i])
			xl := sumXL - float32(float32(w[i]*v)*old)
			ll := sumLL - float32(float32(w[i]*old)*old)
			if !(xl > 0 && ll > 0) {
				continue
			}
			l := level(float32(v*ll) / xl)
			if l == int(q[i]) {
				continue
			}
			f := float32(l)
			xl += float32(float32(w[i]*v) * f)
			ll += float32(float32(w[i]*f) * f)
			if float32(xl*xl)*sumLL > float32(sumXL*sumXL)*ll {
				q[i], sumXL, sumLL, changed = uint8(l), xl, ll, true
			}
		}
		if !changed {
			break
		}
	}
	if !(sumLL > 0) {
		return 0
	}
	return sumXL / sumLL
}
