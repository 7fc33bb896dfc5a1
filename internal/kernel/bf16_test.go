package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// newHalves returns a (rows, cols) matrix in bf16 with `extra` columns between rows that nobody may
// read or write, and its values in float32.
func newHalves(seed uint64, rows, cols, extra int) (halves, values Matrix) {
	values = newNormal(seed, rows, cols)
	halves = Matrix{BF16: make([]uint16, rows*(cols+extra)), Rows: rows, Cols: cols, Stride: cols + extra}
	for i := range halves.BF16 {
		halves.BF16[i] = 0x7fc0 // NaN
	}
	for i := range rows {
		ToBF16(halves.BF16[i*halves.Stride:][:cols], values.Row(i))
		FromBF16(values.Row(i), halves.BF16[i*halves.Stride:][:cols])
	}
	return halves, values
}

// TestGemmBF16 holds products of factors in bf16 to those of the same numbers in float32, bit for bit.
func TestGemmBF16(t *testing.T) {
	shapes := [][3]int{
		{1, 1, 1}, {0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {33, 65, 70}, {64, 96, 32}, {96, 64, 96}, {97, 40, 608}, {32, 70, 1030},
		{160, 100, 64}, {130, 64, 1056}, {64, 520, 96}, {70, 40, 1024},
	}
	eachImplementation(t, func(t *testing.T) {
		for _, l := range layouts {
			for i, s := range shapes {
				m, n, k, extra := s[0], s[1], s[2], i%3*5
				ar, ac, br, bc := m, k, k, n
				if l.ta {
					ar, ac = ac, ar
				}
				if l.tb {
					br, bc = bc, br
				}
				a16, a := newHalves(1, ar, ac, extra)
				b16, b := newHalves(2, br, bc, extra)
				for _, prec := range []Precision{FP32, BF16} {
					want, got := newNormal(3, m, n), newMatrix(m, n)
					before := slices.Clone(want.Data)
					l.run(nil, prec, want, a, b, true)
					for name, factors := range map[string][2]Matrix{"left": {a16, b}, "right": {a, b16}, "both": {a16, b16}} {
						copy(got.Data, before)
						l.run(nil, prec, got, factors[0], factors[1], true)
						if !slices.Equal(got.Data, want.Data) {
							t.Fatalf("%s %s %v +%d: another product with %s in bf16", l.name, prec, s, extra, name)
						}
					}
				}
			}
		}
	})
}

// TestWeightsBF16 does the same for packed weights.
func TestWeightsBF16(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, rows := range []int{5, 64, 97} {
			var w Weights
			w.Pack(nil, BF16, newNormal(1, 96, 160))
			x16, x := newHalves(2, rows, 160, 7)
			dy16, dy := newHalves(3, rows, 96, 0)
			y, wantY, dx, wantX := newMatrix(rows, 96), newMatrix(rows, 96), newMatrix(rows, 160), newMatrix(rows, 160)
			w.Forward(nil, y, x16, false)
			w.Forward(nil, wantY, x, false)
			w.Backward(nil, dx, dy16, false)
			w.Backward(nil, wantX, dy, false)
			if !slices.Equal(y.Data, wantY.Data) || !slices.Equal(dx.Data, wantX.Data) {
				t.Errorf("%d rows: another product in bf16", rows)
			}
		}
	})
}

// TestRowsToBF16 holds what is stored in bf16 to the float32 result, rounded, and checks that nothing
// is written beside it.
func TestRowsToBF16(t *testing.T) {
	const rows, extra = 70, 3
	eachImplementation(t, func(t *testing.T) {
		for _, cols := range []int{1, 31, 32, 96, 101} {
			x, gate, up, w := newNormal(1, rows, cols), newNormal(2, rows, cols), newNormal(3, rows, cols), newNormal(4, 1, cols)
			for name, run := range map[string]func(y, z Matrix){
				"RMSNormForward": func(y, _ Matrix) { RMSNormForward(nil, y, x, w.Data, 1e-5, nil) },
				"SwiGLUForward":  func(y, _ Matrix) { SwiGLUForward(nil, y, gate, up) },
				"SwiGLUBackward": func(y, z Matrix) { SwiGLUBackward(nil, y, z, x, gate, up) },
			} {
				wantY, wantZ := newMatrix(rows, cols), newMatrix(rows, cols)
				run(wantY, wantZ)
				y, _ := newHalves(5, rows, cols, extra)
				z, _ := newHalves(6, rows, cols, extra)
				run(y, z)
				checkRounded(t, fmt.Sprintf("%s of %d columns", name, cols), y, wantY)
				if name == "SwiGLUBackward" {
					checkRounded(t, fmt.Sprintf("%s of %d columns, dup", name, cols), z, wantZ)
				}
			}
		}
	})
}

func checkRounded(t *testing.T, name string, got, want Matrix) {
	t.Helper()
	for i := range want.Rows {
		row := got.BF16[i*got.Stride : min((i+1)*got.Stride, len(got.BF16))]
		for j, v := range want.Row(i) {
			if fromBF16(row[j]) != roundBF16(v) && math.Abs(float64(v)) > 0x1p-126 {
				t.Fatalf("%s: element %d,%d is %g, want %g rounded", name, i, j, fromBF16(row[j]), v)
			}
		}
		for _, v := range row[want.Cols:] {
			if v != 0x7fc0 {
				t.Fatalf("%s: store behind row %d", name, i)
			}
		}
	}
}

// TestNarrowRow rounds rows in their own memory, and their gradients' in place of gate and up.
func TestNarrowRow(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, cols := range []int{1, 31, 32, 96, 130} {
			m, g := newGuardedMatrix(5, cols, 7)
			fillNormal(newRand(1), m.Data, 1)
			want := newMatrix(5, cols)
			for i := range m.Rows {
				copy(want.Row(i), m.Row(i))
				m.NarrowRow(i)
			}
			g.check(t, "NarrowRow")
			halves := m.AsBF16()
			for i := range want.Rows {
				for j, v := range want.Row(i) {
					if got := fromBF16(halves.BF16[i*halves.Stride+j]); got != roundBF16(v) {
						t.Fatalf("element %d,%d of %d columns is %g, want %g rounded", i, j, cols, got, v)
					}
				}
			}

			both, da := newNormal(2, 5, 2*cols), newNormal(3, 5, cols)
			gate, up := both.Columns(0, cols), both.Columns(cols, 2*cols)
			wantBoth := newMatrix(5, 2*cols)
			SwiGLUBackward(nil, wantBoth.Columns(0, cols), wantBoth.Columns(cols, 2*cols), da, gate, up)
			halves = both.AsBF16()
			SwiGLUBackward(nil, halves.Columns(0, cols), halves.Columns(cols, 2*cols), da, gate, up)
			for i := range both.Rows {
				for j, v := range wantBoth.Row(i) {
					if got := fromBF16(halves.BF16[i*halves.Stride+j]); got != roundBF16(v) {
						t.Fatalf("gradient %d,%d of %d columns is %g, want %g rounded", i, j, cols, got, v)
					}
				}
			}
		}
	})
}
