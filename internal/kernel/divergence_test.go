package kernel

import "math"

// divergenceCases drive the passes of divergences: p and q are exponentials, neither negative nor enormous.
var divergenceCases = []vectorCase{
	{"expBoth", 5, 1, func(r *routines, s [][]float32) float32 {
		p1, q1, pd, qd := r.expBoth(s[0], s[1], s[2], s[3], s[4], 0.2, -0.4, 0.9)
		return fold(p1, q1, pd, qd)
	}, 2e-5},
	{"expBothFar", 3, 1, func(r *routines, s [][]float32) float32 { // exponentials of 0, in lanes beyond a tail, are infinite
		for i := range s[1] {
			s[1][i] -= 150
			s[2][i] -= 150
		}
		p1, q1, pd, qd := r.expBoth(s[0], s[1], s[2], s[2], s[1], -150, -151, 1.4)
		return fold(p1, q1, pd, qd)
	}, 2e-5},
	{"jsd", 3, 2, func(r *routines, s [][]float32) float32 {
		positive(s[1], s[2])
		return fold(r.jsd(s[0], s[1], s[2], 0.3, 0.6, -0.9, 0.2, 1))
	}, 1e-5},
	{"skewForward", 3, 2, func(r *routines, s [][]float32) float32 {
		positive(s[1], s[2])
		return fold(r.skewForward(s[0], s[1], s[2], 0.1, 0.8, -2.3, 0.2, 0.5))
	}, 1e-5},
	{"skewReverse", 3, 2, func(r *routines, s [][]float32) float32 {
		positive(s[1], s[2])
		return fold(r.skewReverse(s[0], s[1], s[2], 0.8, 0.1, -0.1, -2.3, 0.9))
	}, 1e-5},
	{"totalVariation", 3, 2, func(r *routines, s [][]float32) float32 {
		return fold(r.totalVariation(s[0], s[1], s[2], 0.7, 0.6))
	}, 1e-5},
}

func positive(s ...[]float32) {
	for _, x := range s {
		for i, v := range x {
			if x[i] = float32(math.Abs(float64(v))); x[i] == math.MaxFloat32 {
				x[i] = 1e30
			}
		}
	}
}

// fold makes one number of several sums, each with a factor of its own; their terms cancel, so it is made small beside 1.
func fold(sums ...float32) (total float32) {
	for i, v := range sums {
		total += v * float32(1+i) / 64
	}
	return total
}
