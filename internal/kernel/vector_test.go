package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// vectorCase drives one routine of a table: it may change its slices and may return a number.
type vectorCase struct {
	name   string
	slices int
	scale  float64 // of the inputs
	run    func(r *routines, s [][]float32) float32
	// error bound relative to the larger of 1 and the value: a few units in the last place, for
	// reductions and exponentials of sums of rounding errors
	tolerance float64
}

var adamTest = adamCoefficients{gradScale: 0.5, beta1: 0.9, oneMinus1: 0.1, beta2: 0.95, oneMinus2: 0.05, step: 1e-2, root: 1.5, eps: 1e-8, keep: 0.99}

var vectorCases = []vectorCase{
	{"max", 1, 1, func(r *routines, s [][]float32) float32 { return r.max(s[0]) }, 0},
	{"dot", 2, 1, func(r *routines, s [][]float32) float32 { return r.dot(s[0], s[1]) }, 1e-4},
	{"dot3", 3, 1, func(r *routines, s [][]float32) float32 { return r.dot3(s[0], s[1], s[2]) }, 1e-4},
	{"scale", 1, 1, func(r *routines, s [][]float32) float32 { r.scale(s[0], 1.7); return 0 }, 0},
	{"axpy", 2, 1, func(r *routines, s [][]float32) float32 { r.axpy(s[0], -0.3, s[1]); return 0 }, 1e-6},
	{"axpby", 2, 1, func(r *routines, s [][]float32) float32 { r.axpby(s[0], -0.3, s[1], 0.9); return 0 }, 1e-6},
	{"mulAffine", 2, 1, func(r *routines, s [][]float32) float32 { r.mulAffine(s[0], s[1], -0.3, 0.9); return 0 }, 1e-6},
	{"add", 3, 1, func(r *routines, s [][]float32) float32 { r.add(s[0], s[1], s[2]); return 0 }, 0},
	{"addInPlace", 2, 1, func(r *routines, s [][]float32) float32 { r.add(s[0], s[0], s[1]); return 0 }, 0},
	{"expShifted", 2, 3, func(r *routines, s [][]float32) float32 { return r.expShifted(s[0], s[1], 0.3, 0.9) }, 1e-5},
	{"expInPlace", 1, 20, func(r *routines, s [][]float32) float32 { return r.expShifted(s[0], s[0], 1, 1.4) }, 1e-5},
	{"mulScaled", 3, 1, func(r *routines, s [][]float32) float32 { r.mulScaled(s[0], s[1], s[2], 0.3); return 0 }, 1e-6},
	{"normBackward", 5, 1, func(r *routines, s [][]float32) float32 {
		r.normBackward(s[0], s[1], s[2], s[3], s[4], 0.8, 0.1)
		return 0
	}, 1e-6},
	{"normBackwardAdd", 5, 1, func(r *routines, s [][]float32) float32 {
		r.normBackwardAdd(s[0], s[1], s[2], s[3], s[4], 0.8, 0.1)
		return 0
	}, 1e-6},
	{"rotate", 4, 1, func(r *routines, s [][]float32) float32 { r.rotate(s[0], s[1], s[2], s[3], -1); return 0 }, 1e-6},
	{"swiglu", 3, 4, func(r *routines, s [][]float32) float32 { r.swiglu(s[0], s[1], s[2]); return 0 }, 1e-6},
	{"swigluBackward", 5, 4, func(r *routines, s [][]float32) float32 {
		r.swigluBackward(s[0], s[1], s[2], s[3], s[4])
		return 0
	}, 2e-6},
	{"scoreGradient", 2, 1, func(r *routines, s [][]float32) float32 { r.scoreGradient(s[0], s[1], 0.6, 0.3, 0.9, 0.2); return 0 }, 1e-5},
	{"adamW", 4, 1, func(r *routines, s [][]float32) float32 {
		for i, v := range s[3] { // second moments are not negative
			s[3][i] = float32(math.Abs(float64(v)))
		}
		r.adamW(s[0], s[1], s[2], s[3], &adamTest)
		return 0
	}, 1e-6},
}

// TestVectorRoutines compares every routine with the reference for every length, at odd offsets.
func TestVectorRoutines(t *testing.T) {
	for _, c := range append(vectorCases, divergenceCases...) {
		t.Run(c.name, func(t *testing.T) {
			eachImplementation(t, func(t *testing.T) {
				for n := range 150 {
					c.compare(t, n, n%5, nil)
				}
				c.compare(t, 4097, 3, nil)
			})
		})
	}
}

// TestVectorSpecials puts NaN, infinities, denormals and extremes at every position of short slices.
// Denormal inputs count as zero in assembly, which is within the tolerance of what they stand for.
func TestVectorSpecials(t *testing.T) {
	inf := float32(math.Inf(1))
	specials := []float32{float32(math.NaN()), inf, -inf, 0, 1e-41, -1e-41, math.MaxFloat32, -math.MaxFloat32, 100, -100, 88.7, -87.5}
	for _, c := range append(vectorCases, divergenceCases...) {
		t.Run(c.name, func(t *testing.T) {
			eachImplementation(t, func(t *testing.T) {
				for slice := range c.slices {
					for _, v := range specials {
						for n := 1; n < 40; n += 6 {
							for at := 0; at < n; at += 5 {
								c.compare(t, n, 1, func(s [][]float32) { s[slice][at] = v })
							}
						}
					}
				}
			})
		})
	}
}

// compare runs the case on equal inputs with the active implementation and with the reference.
func (c vectorCase) compare(t *testing.T, n, offset int, change func(s [][]float32)) {
	t.Helper()
	r := newRand(uint64(n))
	var got []guarded
	var gotX, wantX [][]float32
	for range c.slices {
		g := newGuarded(n, offset)
		fillNormal(r, g.x, c.scale)
		got = append(got, g)
		gotX = append(gotX, g.x)
	}
	if change != nil {
		change(gotX)
	}
	for _, x := range gotX {
		wantX = append(wantX, append([]float32(nil), x...))
	}
	input := fmt.Sprint(wantX)
	gotValue, wantValue := c.run(active, gotX), c.run(&reference, wantX)
	fail := func(what string, g, w float32) {
		t.Helper()
		if len(input) > 600 {
			input = input[:600]
		}
		t.Fatalf("%d elements: %s is %g, reference %g; input %s", n, what, g, w, input)
	}
	if !near(gotValue, wantValue, c.tolerance, 1) {
		fail("result", gotValue, wantValue)
	}
	for s := range got {
		got[s].check(t, c.name)
		for i, w := range wantX[s] {
			if !near(gotX[s][i], w, c.tolerance, 1) {
				fail(fmt.Sprintf("slice %d element %d", s, i), gotX[s][i], w)
			}
		}
	}
}

// TestExpAccuracy holds exponentials to their error bound over their whole range.
func TestExpAccuracy(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		x := make([]float32, 1<<16)
		y := make([]float32, len(x))
		for i := range x {
			x[i] = -87.3 + float32(i)*(175.5/(1<<16))
		}
		for _, shift := range []float32{0, 0.7} {
			ExpShifted(y, x, 1, shift)
			for i, v := range x {
				power := float64(v) - float64(shift)
				want := math.Exp(power)
				if want < 0x1p-126 {
					want = 0
				}
				if bound := want * (2 + math.Abs(power)) * 0x1p-23; math.Abs(float64(y[i])-want) > bound && want > 0x1.001p-126 {
					t.Fatalf("exp(%g) = %g, want %g: %.1f times the bound", power, y[i], want, (float64(y[i])-want)/bound)
				}
			}
		}
		for _, c := range [][2]float64{{math.Inf(-1), 0}, {-200, 0}, {-104, 0}, {89, math.Inf(1)}, {1000, math.Inf(1)}, {0, 1}} {
			got := []float32{float32(c[0])}
			ExpShifted(got, got, 1, 0)
			if !near(got[0], float32(c[1]), 2e-7, 1) {
				t.Errorf("exp(%g) = %g, want %g", c[0], got[0], c[1])
			}
		}
	})
}

// TestTranspose compares packed transposes with the reference, guards around the destination.
func TestTranspose(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, width := range []int{4, 12, 16, 32} {
			for n := 1; n <= width; n++ {
				for _, k := range []int{1, 3, 4, 15, 16, 33, 64} {
					stride := k + n%3
					src := make([]float32, n*stride)
					fillNormal(newRand(uint64(n)), src, 1)
					got, want := newGuarded(k*width, n%4), make([]float32, k*width)
					active.transpose(got.x, width, src, stride, n, k)
					transposeReference(want, width, src, stride, n, k)
					got.check(t, "transpose")
					if !slices.Equal(got.x, want) {
						t.Fatalf("%d rows of %d in %d differ", n, k, width)
					}
				}
			}
		}
	})
}
