package kernel

import "testing"

// BenchmarkRows times what a training step does beside products, one thread, as GB/s of what each
// reads and writes: 4096 rows of width 256, feed-forward 704, vocabulary 8192.
func BenchmarkRows(b *testing.B) {
	const n, c, f, v, d = 4096, 256, 704, 8192, 64
	r := newRand(1)
	m := func(cols int) Matrix {
		x := NewMatrix(make([]float32, n*cols), n, cols)
		fillNormal(r, x.Data, 1)
		return x
	}
	x, y, dy := m(c), m(c), m(c)
	w, dw, inv := make([]float32, c), make([]float32, c), make([]float32, n)
	gate, up, da, dgate, dup := m(f), m(f), m(f), m(f), m(f)
	table := NewRoPE(256, RoPEFrequencies(d, 1e4))
	positions := make([]int32, n)
	ids := make([]int32, n)
	for i := range positions {
		positions[i], ids[i] = int32(i%256), int32(r.IntN(v))
	}
	embedding := NewMatrix(make([]float32, v*c), v, c)
	logits := NewMatrix(make([]float32, 512*v), 512, v)
	fillNormal(r, logits.Data, 3)
	p := make([][]float32, 4)
	for i := range p {
		p[i] = make([]float32, 1<<22)
	}
	half := make([]uint16, n*c)
	for _, t := range []struct {
		name   string
		floats int // read and written
		run    func()
	}{
		{"RMSNormForward", 2 * n * c, func() { RMSNormForward(nil, y, x, w, 1e-5, inv) }},
		{"RMSNormBackward", 4 * n * c, func() { RMSNormBackward(nil, y, dw, dy, x, w, inv, true) }},
		{"RoPEForward", 2 * n * c, func() { RoPEForward(nil, x, table, positions) }},
		{"SwiGLUForward", 3 * n * f, func() { SwiGLUForward(nil, da, gate, up) }},
		{"SwiGLUBackward", 5 * n * f, func() { SwiGLUBackward(nil, dgate, dup, da, gate, up) }},
		{"Gather", 2 * n * c, func() { Gather(nil, y, embedding, ids) }},
		{"ScatterAdd", 3 * n * c, func() { ScatterAdd(nil, embedding, ids, y) }},
		{"CrossEntropy", 2 * 512 * v, func() {
			for i := range 512 {
				CrossEntropy(logits.Row(i), i, 1)
			}
		}},
		{"AdamW", 8 << 22, func() {
			AdamW{LR: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, GradScale: 1, Step: 1}.Apply(nil, p[0], p[1], p[2], p[3])
		}},
		{"SumSquares", 1 << 22, func() { SumSquares(nil, p[0]) }},
		{"Add", 3 * n * c, func() { Add(y.Data, x.Data, dy.Data) }},
		{"ToBF16", n * c * 3 / 2, func() { ToBF16(half, x.Data) }},
		{"ToF16", n * c * 3 / 2, func() { ToF16(half, x.Data) }},
		{"FromBF16", n * c * 3 / 2, func() { FromBF16(y.Data, half) }},
		{"FromF16", n * c * 3 / 2, func() { FromF16(y.Data, half) }},
	} {
		b.Run(t.name, func(b *testing.B) {
			took := best(b, t.run)
			b.ReportMetric(float64(t.floats)*4/took.Seconds()/1e9, "GB/s")
			b.ReportMetric(took.Seconds()*1e3, "ms")
		})
	}
}
