package kernel

import "testing"

// TestNoAllocations runs everything that takes a pool until its memory has grown, and then allows no
// more of it.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties the free lists at random")
	}
	p := NewPool(2)
	defer p.Close()
	const n, c, v = 192, 96, 50
	x, y, dy, table := newNormal(1, n, c), newNormal(2, n, c), newNormal(3, n, c), newNormal(4, v, c)
	w, dw, inv := make([]float32, c), make([]float32, c), make([]float32, n)
	square := newNormal(5, c, c)
	ids, positions, start := make([]int32, n), make([]int32, n), make([]int32, n)
	rope := NewRoPE(1, RoPEFrequencies(32, 1e4))
	m, s := make([]float32, n*c), make([]float32, n*c)
	lse := make([]float32, 3*n)
	a := Attention{Heads: 3, KVHeads: 3, HeadDim: 32, Start: start}
	var weights Weights
	calls := []struct {
		name string
		run  func(prec Precision)
	}{
		{"RMSNormForward", func(Precision) { RMSNormForward(p, y, x, w, 1e-5, inv) }},
		{"RMSNormBackward", func(Precision) { RMSNormBackward(p, y, dw, dy, x, w, inv, true) }},
		{"RoPEForward", func(Precision) { RoPEForward(p, x, rope, positions) }},
		{"SwiGLUForward", func(Precision) { SwiGLUForward(p, y, x, dy) }},
		{"SwiGLUBackward", func(Precision) { SwiGLUBackward(p, y, y, y, x, dy) }},
		{"Gather", func(Precision) { Gather(p, y, table, ids) }},
		{"ScatterAdd", func(Precision) { ScatterAdd(p, table, ids, y) }},
		{"SumSquares", func(Precision) { SumSquares(p, x.Data) }},
		{"AdamW", func(Precision) { AdamW{Step: 1}.Apply(p, y.Data, dy.Data, m, s) }},
		{"CrossEntropy", func(Precision) { CrossEntropy(y.Row(0), 1, 1) }},
		{"GemmNT", func(prec Precision) { GemmNT(p, prec, y, x, square, false) }},
		{"GemmNN", func(prec Precision) { GemmNN(p, prec, y, x, square, false) }},
		{"GemmTN", func(prec Precision) { GemmTN(p, prec, square, x, dy, true) }},
		{"Pack", func(prec Precision) { weights.Pack(p, prec, square) }},
		{"Forward", func(Precision) { weights.Forward(p, y, x, false) }},
		{"Backward", func(Precision) { weights.Backward(p, y, x, false) }},
		{"Attention.Forward", func(prec Precision) { a.Precision = prec; a.Forward(p, y, x, x, dy, lse) }},
		{"Attention.Backward", func(prec Precision) { a.Precision = prec; a.Backward(p, y, y, y, dy, x, x, x, lse, lse) }},
	}
	eachImplementation(t, func(t *testing.T) {
		for _, prec := range []Precision{FP32, BF16} {
			for _, c := range calls {
				got := 1.0
				for try := 0; try < 10 && got >= 1; try++ { // until every worker has met every kind of scratch memory
					got = testing.AllocsPerRun(10, func() { c.run(prec) })
				}
				if got >= 1 {
					t.Errorf("%s %s: %g allocations", prec, c.name, got)
				}
			}
		}
	})
}
