package kernel

import (
	"slices"
	"testing"
)

// TestStripsAhead holds the strips that a kernel copies beside its products to those that are packed.
func TestStripsAhead(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		e := vectorEngine{}
		strip, width := e.tile()
		if active.tile.unroll == 0 {
			t.Skip("these kernels copy nothing")
		}
		for _, panels := range []int{1, 2, 3, 8} {
			for _, k := range []int{5, 64, 130, 300} {
				x := newNormal(1, k, 64*strip)
				a := operand{Matrix: x, transposed: true}
				b, c := make([]float32, panels*width*k), newMatrix(strip, panels*width)
				var block, want blockA
				var edge edgeTile
				e.packA(&block, a, 0, strip, 0, k)
				block.next = part{a: a, i: strip, rows: strip, k: k}
				e.multiply(c, &block, 0, b, false, &edge)
				copied := block.packed
				e.packA(&block, a, strip, strip, 0, k)
				e.packA(&want, a, strip, strip, 0, k)
				if !slices.Equal(block.words[:k*strip], want.words[:k*strip]) {
					t.Errorf("%d panels, %d products: a strip of which %d were copied ahead differs", panels, k, copied)
				}
				if k == 300 && panels == 8 && copied < k/2 {
					t.Errorf("only %d of %d products were copied ahead", copied, k)
				}
			}
		}
	})
}
