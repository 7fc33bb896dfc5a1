//go:build !purego

package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// same reports whether two numbers are equal or both NaN.
func same(a, b float32) bool { return a == b || a != a && b != b }

// The assembly's fits have the bits of the reference's, for whole sets of lanes and the rest of one.
func TestFitAffineAVX2(t *testing.T) {
	if !hasAVX2 {
		t.Skip("no AVX2")
	}
	r := rand.New(rand.NewPCG(9, 9))
	for round := range 400 {
		group, groups, n := 16<<r.IntN(2), 1+r.IntN(17), []int{3, 15, 31}[r.IntN(3)]
		s := []search{importantSearch, {-0.5, 0.1, 15, true}, {-1, 0.1, 20, false}, {-0.5, 0.1, 15, false}}[r.IntN(4)]
		var x []float32
		for range groups {
			x = append(x, sample(r, group)...)
		}
		w := make([]float32, len(x))
		for i := range w {
			w[i] = r.Float32()
		}
		switch round % 8 {
		case 0:
			clear(w[:group])
		case 1:
			for i := range group {
				x[i] = -3
			}
		case 2:
			x[r.IntN(len(x))] = float32(math.Inf(1))
		case 3:
			x[r.IntN(len(x))] = float32(math.NaN())
		case 4:
			x[0], x[1] = 1e-44, -1e-44
		}
		q, want := make([]uint8, len(x)+1), make([]uint8, len(x)+1)
		q[len(x)], want[len(x)] = 0xa5, 0xa5
		scale, m, wantScale, wantM := make([]float32, groups), make([]float32, groups), make([]float32, groups), make([]float32, groups)
		fitAffineGroups(q[:len(x)], x, w, n, s, scale, m)
		fitAffineGroupsReference(want[:len(x)], x, w, n, s, wantScale, wantM)
		if !slices.Equal(q, want) || !slices.EqualFunc(scale, wantScale, same) || !slices.EqualFunc(m, wantM, same) {
			t.Fatalf("round %d, %d groups of %d, %d levels, %+v:\n%v %v %v, want\n%v %v %v\nof %v", round, groups, group, n+1, s, q, scale, m, want, wantScale, wantM, x)
		}
	}
}

// Rounding a group and weighing have the bits of their references, for extremes too.
func TestRoundAndWeighAVX2(t *testing.T) {
	if !hasAVX2 {
		t.Skip("no AVX2")
	}
	r := rand.New(rand.NewPCG(10, 10))
	for range 300 {
		n := 16 * (1 + r.IntN(16))
		x := sample(r, n)
		x[r.IntN(n)] = []float32{0, float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, 1e-44}[r.IntN(5)]
		d, m := float32(r.NormFloat64()), float32(r.NormFloat64())
		bounds := [][2]int{{-4, 3}, {-32, 31}, {0, 3}, {0, 31}}[r.IntN(4)]
		q, want := make([]uint8, n+16), make([]uint8, n+16)
		roundGroup(q[:n], x, d, m, bounds[0], bounds[1])
		roundGroupReference(want[:n], x, d, m, bounds[0], bounds[1])
		if !slices.Equal(q, want) {
			t.Fatalf("(%v+%g)/%g within %v: %v, want %v", x, m, d, bounds, q, want)
		}
		importance, w, wantW := sample(r, n), make([]float32, n+8), make([]float32, n+8)
		weigh(w[:n], importance, x, d*d)
		weighReference(wantW[:n], importance, x, d*d)
		if !slices.EqualFunc(w, wantW, same) {
			t.Fatalf("weights %v, want %v", w, wantW)
		}
	}
}
