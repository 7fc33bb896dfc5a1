package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

type layout struct {
	name   string
	run    func(p *Pool, prec Precision, c, a, b Matrix, accumulate bool)
	ta, tb bool // whether a, b are stored transposed
}

// layouts are the three products.
var layouts = []layout{
	{"NT", GemmNT, false, true},
	{"NN", GemmNN, false, false},
	{"TN", GemmTN, true, false},
}

// newGuardedMatrix returns a (rows, cols) view with `extra` columns between rows, within guards.
func newGuardedMatrix(rows, cols, extra int) (Matrix, guarded) {
	g := newGuarded(max(0, rows*(cols+extra)-extra), 1)
	for i := range rows - 1 {
		for j := range extra {
			g.x[i*(cols+extra)+cols+j] = guardValue
		}
	}
	return Matrix{Data: g.x, Rows: rows, Cols: cols, Stride: cols + extra}, g
}

func (g guarded) checkMatrix(t *testing.T, m Matrix, what string) {
	t.Helper()
	g.check(t, what)
	for i := range m.Rows - 1 {
		for _, v := range g.x[i*m.Stride+m.Cols : (i+1)*m.Stride] {
			if v != guardValue {
				t.Fatalf("%s: store between rows %d and %d", what, i, i+1)
			}
		}
	}
}

// TestGemm compares the three layouts with sums in float64, in both precisions.
func TestGemm(t *testing.T) {
	shapes := [][3]int{
		{1, 1, 1}, {0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {1, 64, 3}, {13, 33, 31}, {12, 32, 32}, {33, 65, 70},
		{97, 40, 600}, {25, 129, 1030}, {200, 100, 64}, {40, 33, 4100},
		{128, 100, 700}, {128, 100, 700}, {530, 33, 300}, {530, 33, 300}, // strips are copied ahead, in one of the layouts
	}
	r := newRand(1)
	for range 20 {
		shapes = append(shapes, [3]int{1 + r.IntN(70), 1 + r.IntN(140), 1 + r.IntN(100)})
	}
	eachImplementation(t, func(t *testing.T) {
		for _, l := range layouts {
			for i, s := range shapes {
				checkGemm(t, l, s[0], s[1], s[2], i%3, Precision(i%2), i%4 < 2)
				checkGemm(t, l, s[0], s[1], s[2], 0, Precision((i+1)%2), false)
			}
		}
	})
}

func checkGemm(t *testing.T, l layout, m, n, k, extra int, prec Precision, accumulate bool) {
	t.Helper()
	name := fmt.Sprintf("%s %s %d×%d×%d +%d %v", l.name, prec, m, n, k, extra, accumulate)
	ta, tb := l.ta, l.tb
	r := newRand(uint64(m*n + k))
	swap := func(t bool, x, y int) (int, int) {
		if t {
			return y, x
		}
		return x, y
	}
	ar, ac := swap(ta, m, k)
	br, bc := swap(tb, k, n)
	a, ga := newGuardedMatrix(ar, ac, extra)
	b, gb := newGuardedMatrix(br, bc, extra)
	c, gc := newGuardedMatrix(m, n, extra)
	for _, x := range []Matrix{a, b, c} {
		for i := range x.Rows {
			fillNormal(r, x.Row(i), 1)
		}
	}
	before := slices.Clone(c.Data)
	l.run(nil, prec, c, a, b, accumulate)
	ga.checkMatrix(t, a, name)
	gb.checkMatrix(t, b, name)
	gc.checkMatrix(t, c, name)
	value := func(o operand, i, j int) float64 {
		if o.transposed {
			i, j = j, i
		}
		v := o.Data[i*o.Stride+j]
		if prec == BF16 {
			v = roundBF16(v)
		}
		return float64(v)
	}
	for i := range m {
		for j := range n {
			want, size := 0.0, 1.0
			if accumulate {
				want = float64(before[i*c.Stride+j])
			}
			for p := range k {
				v := value(operand{a, ta}, i, p) * value(operand{b, tb}, p, j)
				want += v
				size += math.Abs(v)
			}
			// The error of a float32 sum is at most its length times half a unit of its terms' size.
			if got := float64(c.Row(i)[j]); math.Abs(got-want) > size*2e-7*math.Sqrt(float64(k+4)) {
				t.Fatalf("%s: element %d,%d is %g, want %g", name, i, j, got, want)
			}
		}
	}
}

// TestGemmPropagates puts NaN and infinities in each factor.
func TestGemmPropagates(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, prec := range []Precision{FP32, BF16} {
			for _, v := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
				x, w, y := newMatrix(40, 50), newMatrix(60, 50), newMatrix(40, 60)
				for i := range w.Data {
					w.Data[i] = 1
				}
				x.Row(7)[13] = v
				GemmNT(nil, prec, y, x, w, false)
				for i := range y.Rows {
					for _, got := range y.Row(i) {
						want := float32(0)
						if i == 7 {
							want = v
						}
						if !near(got, want, 0, 0) {
							t.Fatalf("%s: row %d has %g, want %g", prec, i, got, want)
						}
					}
				}
			}
		}
	})
}

// TestWeights compares packed products with plain ones, bit for bit, for stacks of any shape.
func TestWeights(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, prec := range []Precision{FP32, BF16} {
			var w Weights // reused, as a trainer does
			for _, outs := range [][]int{{64}, {256, 128, 128}, {5, 33, 1}, {704, 704}} {
				const in, m = 96, 45
				r := newRand(uint64(len(outs)))
				out := 0
				var ms []Matrix
				for _, o := range outs {
					out += o
				}
				whole := NewMatrix(make([]float32, out*in), out, in)
				fillNormal(r, whole.Data, 1)
				at := 0
				for _, o := range outs {
					ms = append(ms, whole.Slice(at, at+o))
					at += o
				}
				w.Pack(nil, prec, ms...)
				x, dy := NewMatrix(make([]float32, m*in), m, in), NewMatrix(make([]float32, m*out), m, out)
				fillNormal(r, x.Data, 1)
				fillNormal(r, dy.Data, 1)
				y, want := NewMatrix(make([]float32, m*out), m, out), NewMatrix(make([]float32, m*out), m, out)
				w.Forward(nil, y, x, false)
				w.Forward(nil, y, x, true)
				GemmNT(nil, prec, want, x, whole, false)
				GemmNT(nil, prec, want, x, whole, true)
				if !slices.Equal(y.Data, want.Data) {
					t.Fatalf("%s %v: Forward differs from GemmNT", prec, outs)
				}
				dx, wantX := NewMatrix(make([]float32, m*in), m, in), NewMatrix(make([]float32, m*in), m, in)
				w.Backward(nil, dx, dy, false)
				GemmNN(nil, prec, wantX, dy, whole, false)
				if !slices.Equal(dx.Data, wantX.Data) {
					t.Fatalf("%s %v: Backward differs from GemmNN", prec, outs)
				}
				if got, want := 4*(len(w.forward.words)+len(w.backward.words)), PackedBytes(prec, out, in); got != want {
					t.Fatalf("%s %v: packed in %d bytes, predicted %d", prec, outs, got, want)
				}
			}
		}
	})
}

// TestGemmThreads holds the bits of results equal for 1, 2 and 7 threads.
func TestGemmThreads(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, prec := range []Precision{FP32, BF16} {
			for _, l := range layouts {
				const m, n, k = 130, 200, 700
				a, b := make([]float32, m*k), make([]float32, n*k)
				r := newRand(3)
				fillNormal(r, a, 1)
				fillNormal(r, b, 1)
				am, bm := NewMatrix(a, m, k), NewMatrix(b, k, n)
				if l.ta {
					am = NewMatrix(a, k, m)
				}
				if l.tb {
					bm = NewMatrix(b, n, k)
				}
				var first []float32
				for _, threads := range []int{1, 2, 7} {
					p := NewPool(threads)
					c := NewMatrix(make([]float32, m*n), m, n)
					l.run(p, prec, c, am, bm, false)
					p.Close()
					if first == nil {
						first = c.Data
					} else if !slices.Equal(first, c.Data) {
						t.Fatalf("%s %s: %d threads give other bits than one", l.name, prec, threads)
					}
				}
			}
		}
	})
}
