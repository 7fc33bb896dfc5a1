package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// eachImplementation runs a test once per implementation that this machine has, with it in use.
func eachImplementation(t *testing.T, test func(t *testing.T)) {
	for _, r := range available() {
		t.Run(r.name, func(t *testing.T) {
			before := active
			active = r
			defer func() { active = before }()
			test(t)
		})
	}
}

const (
	guards     = 24 // elements on either side of a guarded slice
	guardValue = float32(-1.25e10)
)

// guarded is a slice at an odd offset within known values, so that stores outside it are seen.
type guarded struct {
	all []float32
	x   []float32
}

func newGuarded(n, offset int) guarded {
	all := make([]float32, n+2*guards+offset)
	for i := range all {
		all[i] = guardValue
	}
	lo := guards + offset
	return guarded{all, all[lo : lo+n : lo+n]}
}

func (g guarded) check(t *testing.T, what string) {
	t.Helper()
	lo := len(g.all) - guards - len(g.x)
	for i, v := range g.all {
		if (i < lo || i >= lo+len(g.x)) && v != guardValue {
			t.Fatalf("%s: element %d of a slice of %d overwritten with %g", what, i-lo, len(g.x), v)
		}
	}
}

func newMatrix(rows, cols int) Matrix { return NewMatrix(make([]float32, rows*cols), rows, cols) }

// fillNormal fills x with normal deviates times scale.
func fillNormal(r *rand.Rand, x []float32, scale float64) {
	for i := range x {
		x[i] = float32(r.NormFloat64() * scale)
	}
}

// near reports whether got is within tolerance of want, relative to the larger of scale and |want|;
// NaN equals NaN and infinities equal themselves.
func near(got, want float32, tolerance, scale float64) bool {
	g, w := float64(got), float64(want)
	if math.IsNaN(w) || math.IsNaN(g) {
		return math.IsNaN(w) && math.IsNaN(g)
	}
	if math.IsInf(w, 0) || math.IsInf(g, 0) {
		return g == w
	}
	return math.Abs(g-w) <= max(tolerance*max(scale, math.Abs(w)), 0x1p-126) // denormals count as zero
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }
