package kernel

import (
	"math"
	"slices"
	"testing"
)

// TestProductsOfFloats multiplies single numbers, special ones and of all magnitudes, with one another.
func TestProductsOfFloats(t *testing.T) {
	inf := float32(math.Inf(1))
	values := []float32{float32(math.NaN()), inf, -inf, 0, 1, -1, 1.5, math.MaxFloat32, -math.MaxFloat32, 1 << 24, 0x1.fffffep-1, -0x1p-80, 0x1.000002p-60}
	r := newRand(1)
	for range 200 {
		values = append(values, float32(r.NormFloat64())*float32(math.Exp2(float64(r.IntN(120)-60))))
	}
	column, row := NewMatrix(values, len(values), 1), NewMatrix(slices.Clone(values), 1, len(values))
	eachImplementation(t, func(t *testing.T) {
		c := newMatrix(len(values), len(values))
		GemmNN(nil, FP32, c, column, row, false)
		for i, a := range values {
			for j, b := range values {
				exact, got := float64(a)*float64(b), c.Row(i)[j]
				want := float32(exact)
				if math.Abs(exact) < 0x1p-100 && math.Abs(float64(got)) < 0x1p-100 {
					continue
				}
				if want != want || math.IsInf(float64(want), 0) {
					if got != want && (got == got || want == want) {
						t.Errorf("%g·%g is %g", a, b, got)
					}
				} else if !(math.Abs(float64(got)-exact) <= 0x1p-21*math.Abs(exact)) {
					t.Errorf("%g·%g is %g, want %g", a, b, got, want)
				}
			}
		}
	})
}

// TestFloatsAddUp holds the error of float32 products, root mean square, to that of sums in float32 one
// by one, and what they are too small or too large by on the whole to half a unit in the last place.
func TestFloatsAddUp(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, k := range []int{32, 256, 2048} {
			for _, positive := range []bool{false, true} {
				const m, n = 64, 32
				a, b, c := newNormal(1, m, k), newNormal(2, k, n), newMatrix(m, n)
				if positive {
					for _, x := range [][]float32{a.Data, b.Data} {
						for i, v := range x {
							x[i] = max(v, -v)
						}
					}
				}
				GemmNN(nil, FP32, c, a, b, false)
				size, squares, drift, plain := 0.0, 0.0, 0.0, 0.0
				for i := range m {
					for j := range n {
						want, sum := 0.0, float32(0)
						for p := range k {
							x, y := a.Row(i)[p], b.Row(p)[j]
							want += float64(x) * float64(y)
							sum += x * y
						}
						d := float64(c.Row(i)[j]) - want
						size += want * want
						squares += d * d
						drift += d * want
						plain += (float64(sum) - want) * (float64(sum) - want)
					}
				}
				if squares > 1.5*1.5*plain || math.Abs(drift) > 0x1p-24*size {
					t.Errorf("k = %d, positive %v: relative error %.2g, of plain sums %.2g; drift %.2g",
						k, positive, math.Sqrt(squares/size), math.Sqrt(plain/size), drift/size)
				}
			}
		}
	})
}
