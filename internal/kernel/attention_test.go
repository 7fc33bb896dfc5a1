package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// attentionCase is a shape and the lengths of its packed sequences.
type attentionCase struct {
	heads, kv, d int
	lengths      []int
}

func (c attentionCase) start() (start []int32) {
	for _, n := range c.lengths {
		first := int32(len(start))
		for range n {
			start = append(start, first)
		}
	}
	return start
}

var attentionCases = []attentionCase{
	{1, 1, 32, []int{1}},
	{1, 1, 32, []int{33}},
	{2, 1, 64, []int{256}},
	{4, 2, 64, []int{100, 28, 128}},
	{2, 2, 32, []int{5, 1, 300, 7, 64}},
	{3, 1, 48, []int{70, 261}},
	{2, 1, 16, []int{600}},
	{1, 1, 128, []int{257, 256, 31}},
}

// attentionReference is the definition, in float64.
func attentionReference(a Attention, q, k, v, dout Matrix) (out, lse, dq, dk, dv []float64) {
	n, d := q.Rows, a.HeadDim
	out, dq = make([]float64, n*a.Heads*d), make([]float64, n*a.Heads*d)
	dk, dv = make([]float64, n*a.KVHeads*d), make([]float64, n*a.KVHeads*d)
	lse = make([]float64, a.Heads*n)
	scale := 1 / math.Sqrt(float64(d))
	dot := func(x, y []float32) (s float64) {
		for i := range x {
			s += float64(x[i]) * float64(y[i])
		}
		return s
	}
	for h := range a.Heads {
		kv := h / (a.Heads / a.KVHeads)
		for i := range n {
			lo := int(a.Start[i])
			p := make([]float64, i+1-lo)
			qi, di := q.Row(i)[h*d:][:d], dout.Row(i)[h*d:][:d]
			sum, delta := 0.0, 0.0
			for j := range p {
				p[j] = math.Exp(scale * dot(qi, k.Row(lo + j)[kv*d:][:d]))
				sum += p[j]
			}
			lse[h*n+i] = math.Log(sum)
			for j := range p {
				p[j] /= sum
				vj := v.Row(lo + j)[kv*d:][:d]
				for c, x := range vj {
					out[(i*a.Heads+h)*d+c] += p[j] * float64(x)
					dv[((lo+j)*a.KVHeads+kv)*d+c] += p[j] * float64(di[c])
				}
				delta += p[j] * dot(di, vj)
			}
			for j := range p {
				ds := p[j] * (dot(di, v.Row(lo + j)[kv*d:][:d]) - delta) * scale
				for c, x := range k.Row(lo + j)[kv*d:][:d] {
					dq[(i*a.Heads+h)*d+c] += ds * float64(x)
					dk[((lo+j)*a.KVHeads+kv)*d+c] += ds * float64(qi[c])
				}
			}
		}
	}
	return out, lse, dq, dk, dv
}

// TestAttention compares value and gradients with the definition, in wider matrices and for packed
// sequences. bf16 inputs differ by rounding, 2⁻⁸ relative, where sums of ten terms count.
func TestAttention(t *testing.T) {
	for _, c := range attentionCases {
		a := Attention{Heads: c.heads, KVHeads: c.kv, HeadDim: c.d, Start: c.start()}
		n, wide, narrow := len(a.Start), c.heads*c.d, c.kv*c.d
		r := newRand(uint64(n))
		newMatrix := func(cols int) (Matrix, guarded) {
			m, g := newGuardedMatrix(n, cols, 3)
			for i := range n {
				fillNormal(r, m.Row(i), 1)
			}
			return m, g
		}
		q, _ := newMatrix(wide)
		k, _ := newMatrix(narrow)
		v, _ := newMatrix(narrow)
		dout, _ := newMatrix(wide)
		wantOut, wantLSE, wantQ, wantK, wantV := attentionReference(a, q, k, v, dout)
		eachImplementation(t, func(t *testing.T) {
			for _, prec := range []Precision{FP32, BF16} {
				name := fmt.Sprintf("%s %v", prec, c)
				a.Precision = prec
				out, gout := newMatrix(wide)
				dq, gdq := newMatrix(wide)
				dk, gdk := newMatrix(narrow)
				dv, gdv := newMatrix(narrow)
				lse := newGuarded(c.heads*n, 0)
				a.Forward(nil, out, q, k, v, lse.x)
				delta := make([]float32, n*c.heads)
				a.Delta(delta, dout, out)
				a.Backward(nil, dq, dk, dv, dout, q, k, v, lse.x, delta)
				gout.checkMatrix(t, out, name)
				gdq.checkMatrix(t, dq, name)
				gdk.checkMatrix(t, dk, name)
				gdv.checkMatrix(t, dv, name)
				lse.check(t, name)
				tolerance := 2e-5
				if prec == BF16 {
					tolerance = 4e-2
				}
				compareMatrix(t, name+" out", out, wantOut, tolerance)
				compareMatrix(t, name+" lse", NewMatrix(lse.x, c.heads, n), wantLSE, tolerance)
				compareMatrix(t, name+" dq", dq, wantQ, tolerance)
				compareMatrix(t, name+" dk", dk, wantK, tolerance)
				compareMatrix(t, name+" dv", dv, wantV, tolerance)
			}
		})
	}
}

// compareMatrix holds got to want within tolerance, relative to the larger of 1 and the value.
func compareMatrix(t *testing.T, name string, got Matrix, want []float64, tolerance float64) {
	t.Helper()
	for i := range got.Rows {
		for j, g := range got.Row(i) {
			w := want[i*got.Cols+j]
			if !(math.Abs(float64(g)-w) <= tolerance*max(1, math.Abs(w))) {
				t.Fatalf("%s: element %d,%d is %g, want %g", name, i, j, g, w)
			}
		}
	}
}

// TestAttentionBF16 holds attention to inputs in bf16 to that to the same numbers in float32, bit for bit,
// and gradients in bf16 to those in float32, rounded.
func TestAttentionBF16(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		if !KeepsBF16(BF16) {
			t.Skip("bf16 is not kept without tiles")
		}
		for _, c := range attentionCases {
			a := Attention{Heads: c.heads, KVHeads: c.kv, HeadDim: c.d, Start: c.start(), Precision: BF16}
			n, wide, narrow := len(a.Start), c.heads*c.d, c.kv*c.d
			split := func(all Matrix) (q, k, v Matrix) {
				return all.Columns(0, wide), all.Columns(wide, wide+narrow), all.Columns(wide+narrow, wide+2*narrow)
			}
			all, dout := newNormal(1, n, wide+2*narrow), newNormal(2, n, wide)
			run := func(dall, all, dout Matrix) [][]float32 {
				q, k, v := split(all)
				dq, dk, dv := split(dall)
				out, lse := newMatrix(n, wide), make([]float32, c.heads*n)
				a.Forward(nil, out, q, k, v, lse)
				a.Backward(nil, dq, dk, dv, dout, q, k, v, lse, lse)
				return [][]float32{out.Data, lse}
			}
			wantAll, gotAll := newMatrix(n, all.Cols), narrowed(newMatrix(n, all.Cols))
			want, got := run(wantAll, all, dout), run(gotAll, narrowed(all), narrowed(dout))
			for i := range want {
				if !slices.Equal(got[i], want[i]) {
					t.Fatalf("%v: result %d has other bits", c, i)
				}
			}
			if !slices.Equal(gotAll.BF16, narrowed(wantAll).BF16) {
				t.Fatalf("%v: gradients have other bits", c)
			}
		}
	})
}

// TestAttentionRotation holds gradients that go back through a rotation to gradients that are rotated
// back afterwards.
func TestAttentionRotation(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, c := range attentionCases {
			a := Attention{Heads: c.heads, KVHeads: c.kv, HeadDim: c.d, Start: c.start()}
			n, wide, narrow := len(a.Start), c.heads*c.d, c.kv*c.d
			q, k, v, dout := newNormal(1, n, wide), newNormal(2, n, narrow), newNormal(3, n, narrow), newNormal(4, n, wide)
			lse, delta := make([]float32, c.heads*n), make([]float32, c.heads*n)
			run := func() (dq, dk, dv Matrix) {
				dq, dk, dv = newMatrix(n, wide), newMatrix(n, narrow), newMatrix(n, narrow)
				a.Backward(nil, dq, dk, dv, dout, q, k, v, lse, delta)
				return dq, dk, dv
			}
			table := NewRoPE(n, RoPEFrequencies(c.d, 1e4))
			wantQ, wantK, wantV := run()
			a.Rotation = table
			for i := range n {
				a.Positions = append(a.Positions, int32(i))
				table.rotate(wantQ.Row(i), int32(i), -1)
				table.rotate(wantK.Row(i), int32(i), -1)
			}
			dq, dk, dv := run()
			if !slices.Equal(dq.Data, wantQ.Data) || !slices.Equal(dk.Data, wantK.Data) || !slices.Equal(dv.Data, wantV.Data) {
				t.Fatalf("%v: other gradients", c)
			}
		}
	})
}

func narrowed(m Matrix) Matrix {
	halves := NewBF16(make([]uint16, BF16Words(m.Rows, m.Cols)), m.Rows, m.Cols)
	Narrow(nil, halves, m)
	return halves
}

// TestAttentionThreads holds the bits of results equal for 1, 2 and 7 threads.
func TestAttentionThreads(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		c := attentionCase{4, 2, 32, []int{300, 40, 172, 256}}
		for _, prec := range []Precision{FP32, BF16} {
			a := Attention{Heads: c.heads, KVHeads: c.kv, HeadDim: c.d, Start: c.start(), Precision: prec}
			n := len(a.Start)
			m := func(cols int) Matrix {
				x := NewMatrix(make([]float32, n*cols), n, cols)
				fillNormal(newRand(uint64(cols)), x.Data, 1)
				return x
			}
			q, k, v, dout := m(128), m(64), m(64), m(128)
			var first [][]float32
			for _, threads := range []int{1, 2, 7} {
				p := NewPool(threads)
				out, dq, dk, dv, lse := m(128), m(128), m(64), m(64), make([]float32, 4*n)
				a.Forward(p, out, q, k, v, lse)
				delta := make([]float32, 4*n)
				a.Delta(delta, dout, out)
				a.Backward(p, dq, dk, dv, dout, q, k, v, lse, delta)
				p.Close()
				all := [][]float32{out.Data, lse, dq.Data, dk.Data, dv.Data}
				if first == nil {
					first = all
				}
				for i := range all {
					if !slices.Equal(all[i], first[i]) {
						t.Fatalf("%s: %d threads give other bits than one", prec, threads)
					}
				}
			}
		}
	})
}

// BenchmarkAttention is one layer of four heads of 64 over 16 sequences of 256, one thread, queries, keys
// and values side by side as in training; the rate counts the products of the causal half only: 2
// forward, 5 backward.
func BenchmarkAttention(b *testing.B) {
	lengths := slices.Repeat([]int{256}, 16)
	c := attentionCase{4, 4, 64, lengths}
	n := 4096
	m := func(cols int) Matrix {
		x := NewMatrix(make([]float32, n*cols), n, cols)
		fillNormal(newRand(uint64(cols)), x.Data, 1)
		return x
	}
	all, dall, dout, out, lse := m(768), m(768), m(256), m(256), make([]float32, 4*n)
	dq, dk, dv := dall.Columns(0, 256), dall.Columns(256, 512), dall.Columns(512, 768)
	delta := make([]float32, 4*n)
	for _, prec := range []Precision{FP32, BF16} {
		a := Attention{Heads: c.heads, KVHeads: c.kv, HeadDim: c.d, Start: c.start(), Precision: prec}
		all, dout := all, dout
		if KeepsBF16(prec) {
			all, dout = narrowed(all), narrowed(dout)
		}
		q, k, v := all.Columns(0, 256), all.Columns(256, 512), all.Columns(512, 768)
		product := 2. * 256 * 256 / 2 * 64 * 4 * 16
		b.Run(fmt.Sprintf("%s/Forward", prec), func(b *testing.B) {
			took := best(b, func() { a.Forward(nil, out, q, k, v, lse) })
			b.ReportMetric(2*product/took.Seconds()/1e9, "GFLOP/s")
			b.ReportMetric(took.Seconds()*1e3, "ms")
		})
		b.Run(fmt.Sprintf("%s/Backward", prec), func(b *testing.B) {
			took := best(b, func() { a.Backward(nil, dq, dk, dv, dout, q, k, v, lse, delta) })
			b.ReportMetric(5*product/took.Seconds()/1e9, "GFLOP/s")
			b.ReportMetric(took.Seconds()*1e3, "ms")
		})
	}
}
