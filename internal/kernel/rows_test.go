package kernel

import (
	"math"
	"slices"
	"testing"
)

func newNormal(seed uint64, rows, cols int) Matrix {
	m := newMatrix(rows, cols)
	fillNormal(newRand(seed), m.Data, 1)
	return m
}

// eachElement calls check with the derivative of f by every third element of x, by central differences.
func eachElement(x []float32, f func() float64, check func(i int, derivative float64)) {
	const h = 1. / 64
	for i := 0; i < len(x); i += 3 {
		v := x[i]
		x[i] = v + h
		above := f()
		x[i] = v - h
		below := f()
		x[i] = v
		check(i, (above-below)/(2*h))
	}
}

func weightedSum(m, by Matrix) (s float64) {
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			s += float64(v) * float64(by.Row(i)[j])
		}
	}
	return s
}

// Central differences with h = 1/64 in float32 are good to about h² plus rounding over h.
const differenceError = 3e-3

func TestRMSNormGradient(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, groups := range []int{1, 3} {
			testNormGradient(t, 5, 40*groups, groups)
		}
	})
}

func testNormGradient(t *testing.T, n, c, groups int) {
	x, y, dy := newNormal(1, n, c), newNormal(2, n, c), newNormal(3, n, c)
	w, inv := newNormal(4, 1, c/groups).Data, make([]float32, n*groups)
	loss := func() float64 {
		RMSNormForward(nil, y, x, w, 1e-5, inv)
		return weightedSum(y, dy)
	}
	loss()
	dx, dw := newNormal(5, n, c), make([]float32, len(w))
	RMSNormBackward(nil, dx, dw, dy, x, w, inv, false)
	added := newNormal(5, n, c)
	before := slices.Clone(added.Data)
	RMSNormBackward(nil, added, make([]float32, len(w)), dy, x, w, inv, true)
	for i := range dx.Data {
		if !near(added.Data[i]-before[i], dx.Data[i], 1e-5, 1) {
			t.Fatalf("accumulated gradient %d is %g, want %g", i, added.Data[i]-before[i], dx.Data[i])
		}
	}
	inPlace := NewMatrix(slices.Clone(dy.Data), n, c)
	RMSNormBackward(nil, inPlace, make([]float32, len(w)), inPlace, x, w, inv, false)
	if !slices.Equal(inPlace.Data, dx.Data) {
		t.Fatal("the gradient in place of dy differs")
	}
	eachElement(x.Data, loss, func(i int, d float64) {
		if math.Abs(d-float64(dx.Data[i])) > differenceError {
			t.Fatalf("dx %d is %g, difference %g", i, dx.Data[i], d)
		}
	})
	eachElement(w, loss, func(i int, d float64) {
		if math.Abs(d-float64(dw[i])) > differenceError {
			t.Fatalf("dw %d is %g, difference %g", i, dw[i], d)
		}
	})
}

func TestSwiGLUGradient(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		const n, f = 3, 37
		both, a, da := newNormal(1, n, 2*f), newNormal(2, n, f), newNormal(3, n, f)
		gate, up := both.Columns(0, f), both.Columns(f, 2*f)
		loss := func() float64 {
			SwiGLUForward(nil, a, gate, up)
			return weightedSum(a, da)
		}
		d := newNormal(4, n, 2*f)
		SwiGLUBackward(nil, d.Columns(0, f), d.Columns(f, 2*f), da, gate, up)
		eachElement(both.Data, loss, func(i int, want float64) {
			if math.Abs(want-float64(d.Data[i])) > differenceError {
				t.Fatalf("gradient %d is %g, difference %g", i, d.Data[i], want)
			}
		})
		inPlace := NewMatrix(slices.Clone(both.Data), n, 2*f)
		SwiGLUBackward(nil, inPlace.Columns(0, f), inPlace.Columns(f, 2*f), da, inPlace.Columns(0, f), inPlace.Columns(f, 2*f))
		if !slices.Equal(inPlace.Data, d.Data) {
			t.Fatal("gradients in place of the inputs differ")
		}
	})
}

// TestRoPE holds the rotation to complex multiplication and its gradient to the inverse.
func TestRoPE(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		const n, heads, d = 9, 3, 24
		frequencies := RoPEFrequencies(d, 1e4)
		table := NewRoPE(100, frequencies)
		x := newNormal(1, n, heads*d)
		before := slices.Clone(x.Data)
		positions := []int32{0, 1, 2, 50, 99, 3, 3, 0, 7}
		RoPEForward(nil, x, table, positions)
		for i, position := range positions {
			for h := range heads {
				for j, f := range frequencies {
					at := i*heads*d + h*d + j
					sin, cos := math.Sincos(float64(position) * f)
					re, im := float64(before[at]), float64(before[at+d/2])
					if !near(x.Data[at], float32(re*cos-im*sin), 1e-6, 4) || !near(x.Data[at+d/2], float32(im*cos+re*sin), 1e-6, 4) {
						t.Fatalf("row %d head %d pair %d is %g, %g", i, h, j, x.Data[at], x.Data[at+d/2])
					}
				}
			}
		}
		for i, position := range positions {
			table.rotate(x.Row(i), position, -1)
		}
		for i, v := range before {
			if !near(x.Data[i], v, 1e-6, 4) {
				t.Fatalf("element %d comes back as %g, want %g", i, x.Data[i], v)
			}
		}
	})
}

func TestSoftmaxAndCrossEntropy(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, n := range []int{1, 7, 100, 10000} {
			logits := newNormal(uint64(n), 1, n).Data
			Scale(logits, 5)
			sum := 0.0
			for _, v := range logits {
				sum += math.Exp(float64(v) / 2)
			}
			if got := LogSumExp(logits, 0.5, make([]float32, n)); !near(got, float32(math.Log(sum)), 1e-5, 1) {
				t.Fatalf("%d: logsumexp is %g, want %g", n, got, math.Log(sum))
			}
			p := make([]float32, n)
			lse := float64(Softmax(p, logits, 1))
			target := n / 2
			want := lse - float64(logits[target])
			gradient := slices.Clone(logits)
			if got := CrossEntropy(gradient, target, 0.25); !near(got, float32(want), 1e-5, 1) {
				t.Fatalf("%d: cross-entropy is %g, want %g", n, got, want)
			}
			total := 0.0
			for i, v := range p {
				total += float64(v)
				if i == target {
					v--
				}
				if !near(gradient[i], 0.25*v, 1e-6, 1) {
					t.Fatalf("%d: gradient %d is %g, want %g", n, i, gradient[i], 0.25*v)
				}
			}
			if math.Abs(total-1) > 1e-5 {
				t.Fatalf("%d: probabilities sum to %g", n, total)
			}
		}
		inf := float32(math.Inf(-1))
		p := []float32{inf, 1, inf, 1, 1, 1}
		Softmax(p, p, 1)
		if !slices.Equal(p, []float32{0, 0.25, 0, 0.25, 0.25, 0.25}) {
			t.Fatalf("masked softmax is %v", p)
		}
		if got := Softmax(nil, nil, 1); !math.IsInf(float64(got), -1) {
			t.Fatalf("logsumexp of nothing is %g", got)
		}
	})
}

func TestEmbedding(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		table := newNormal(1, 10, 70)
		ids := []int32{3, 3, 0, 9, 3}
		rows := newNormal(2, len(ids), 70)
		Gather(nil, rows, table, ids)
		want := slices.Clone(table.Data)
		for i, id := range ids {
			for j, v := range rows.Row(i) {
				if v != table.Row(int(id))[j] {
					t.Fatalf("row %d is not row %d of the table", i, id)
				}
			}
		}
		for i, id := range ids {
			for j, v := range rows.Row(i) {
				want[int(id)*70+j] += v
			}
		}
		ScatterAdd(nil, table, ids, rows)
		if !slices.Equal(table.Data, want) {
			t.Fatal("scattered gradient differs")
		}
	})
}

// TestAdamW follows the paper's formula in float64 for ten steps.
func TestAdamW(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		const n = adamBlock + 37
		w, m, v := newNormal(1, 1, n).Data, make([]float32, n), make([]float32, n)
		want, wm, wv := float64(w[n-1]), 0.0, 0.0
		for step := 1; step <= 10; step++ {
			g := newNormal(uint64(step), 1, n).Data
			d := float64(g[n-1]) * 0.5
			AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.01, GradScale: 0.5, Step: step}.Apply(nil, w, g, m, v)
			wm, wv = 0.9*wm+0.1*d, 0.95*wv+0.05*d*d
			mh, vh := wm/(1-math.Pow(0.9, float64(step))), wv/(1-math.Pow(0.95, float64(step)))
			want -= 0.1 * (mh/(math.Sqrt(vh)+1e-8) + 0.01*want)
			if !near(w[n-1], float32(want), 1e-5, 1) || g[n-1] != 0 {
				t.Fatalf("step %d: weight %g, want %g; gradient left %g", step, w[n-1], want, g[n-1])
			}
		}
	})
}

func TestSumSquares(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 4095, 4096, 4097, 300000} {
			x, want := newNormal(1, 1, n).Data, 0.0
			for _, v := range x {
				want += float64(v) * float64(v)
			}
			if got := SumSquares(nil, x); math.Abs(got-want) > 1e-6*want {
				t.Fatalf("%d: %g, want %g", n, got, want)
			}
		}
	})
}

// TestRowsThreads holds the bits of everything that takes a pool equal for 1, 2 and 7 threads.
func TestRowsThreads(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		var first [][]float32
		for _, threads := range []int{1, 2, 7} {
			p := NewPool(threads)
			const n, c = 300, 96
			x, y, dx, table := newNormal(1, n, c), newNormal(2, n, c), newNormal(3, n, c), newNormal(4, 50, c)
			w, dw, inv := newNormal(5, 1, c).Data, make([]float32, c), make([]float32, n)
			RMSNormForward(p, y, x, w, 1e-5, inv)
			RMSNormBackward(p, dx, dw, y, x, w, inv, true)
			ids, positions := make([]int32, n), make([]int32, n)
			for i := range ids {
				ids[i], positions[i] = int32(i*i%50), int32(i%20)
			}
			ScatterAdd(p, table, ids, y)
			RoPEForward(p, y, NewRoPE(20, RoPEFrequencies(32, 1e4)), positions)
			SwiGLUForward(p, x, y, dx)
			big, m, v := newNormal(6, 1, 100000).Data, make([]float32, 100000), make([]float32, 100000)
			g := newNormal(7, 1, 100000).Data
			norm := float32(SumSquares(p, g))
			AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.95, GradScale: 1, Step: 1}.Apply(p, big, g, m, v)
			p.Close()
			all := [][]float32{y.Data, dx.Data, dw, table.Data, x.Data, big, m, v, {norm}}
			if first == nil {
				first = all
			}
			for i := range all {
				if !slices.Equal(all[i], first[i]) {
					t.Fatalf("result %d has other bits with %d threads", i, threads)
				}
			}
		}
	})
}
