//go:build !purego

package quant

import (
	"math/rand/v2"
	"testing"
)

// The assembly's sums have the bits of the reference's.
func TestSymmetricSumsAVX2(t *testing.T) {
	if !hasAVX2 {
		t.Skip("no AVX2")
	}
	r := rand.New(rand.NewPCG(8, 8))
	for n := 1; n <= 40; n++ {
		x, w := sample(r, n), make([]float32, n)
		for i := range w {
			w[i] = r.Float32()
		}
		for _, levels := range []int{4, 8, 16, 32} {
			var inverse, xl, ll, wantXL, wantLL [candidates]float32
			var extreme float32
			for _, v := range x {
				extreme = max(extreme, abs(v))
			}
			for i := range inverse {
				inverse[i] = (float32(levels) + r.Float32()) / (extreme + 1e-20)
			}
			symmetricSumsReference(x, w, &inverse, levels, &wantXL, &wantLL)
			symmetricSums(x, w, &inverse, levels, &xl, &ll)
			if xl != wantXL || ll != wantLL {
				t.Fatalf("%d elements, %d levels:\n%v %v, want\n%v %v", n, levels, xl, ll, wantXL, wantLL)
			}
		}
	}
}
