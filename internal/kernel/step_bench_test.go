package kernel

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

// stepShape is a model and a batch: N = B·T rows, C width, F feed-forward, V vocabulary.
type stepShape struct{ layers, n, t, c, f, v, heads, kv int }

// stepShapes are those that docs/kernels.md reports.
var stepShapes = []stepShape{
	{4, 4096, 256, 256, 704, 8192, 4, 4},
	{6, 4096, 256, 384, 1024, 512, 6, 6},
	{8, 2048, 256, 512, 1408, 32000, 8, 2},
}

// flops counts 6 per parameter of a product and row, and 12·T·C per row and layer halved by causality.
func (s stepShape) flops() float64 {
	d := s.c / s.heads
	layer := s.c*(s.c+2*s.kv*d) + s.c*s.c + 3*s.c*s.f
	return float64(s.n) * (6*float64(s.layers*layer+s.v*s.c) + 6*float64(s.layers*s.t*s.c))
}

// step has the memory of a training step and runs its kernels, layer by layer.
type step struct {
	stepShape
	p                         *Pool
	prec                      Precision
	x, h, qkv, out, gu, act   Matrix
	dh, dqkv, dout, dgu, dact Matrix
	logits, dx                Matrix
	wqkv, wo, wgu, wd, we     Weights
	mqkv, mo, mgu, md, me     Matrix
	norm, dnorm, inv          []float32
	lse, delta                []float32
	positions, start          []int32
	rope                      *RoPE
	w, g, m, v2               []float32
	clock                     func() time.Duration
	spent                     map[string]time.Duration
}

func newStep(shape stepShape, p *Pool, prec Precision) *step {
	s := &step{stepShape: shape, p: p, prec: prec, spent: map[string]time.Duration{}}
	n, c, f := s.n, s.c, s.f
	wide := c + 2*s.kv*c/s.heads
	s.x, s.h, s.qkv, s.out, s.gu, s.act = newNormal(1, n, c), newNormal(2, n, c), newNormal(3, n, wide), newNormal(4, n, c), newNormal(5, n, 2*f), newNormal(6, n, f)
	s.dh, s.dqkv, s.dout, s.dgu, s.dact, s.dx = newNormal(7, n, c), newNormal(8, n, wide), newNormal(9, n, c), newNormal(10, n, 2*f), newNormal(11, n, f), newNormal(12, n, c)
	s.mqkv, s.mo, s.mgu, s.md, s.me = newNormal(13, wide, c), newNormal(14, c, c), newNormal(15, 2*f, c), newNormal(16, c, f), newNormal(17, s.v, c)
	s.logits = newNormal(18, 512, s.v)
	s.norm, s.dnorm, s.inv, s.lse = make([]float32, c), make([]float32, c), make([]float32, n), make([]float32, s.heads*n)
	s.delta = make([]float32, s.heads*n)
	s.positions, s.start = make([]int32, n), make([]int32, n)
	for i := range s.positions {
		s.positions[i] = int32(i % s.t)
		s.start[i] = int32(i / s.t * s.t)
	}
	s.rope = NewRoPE(s.t, RoPEFrequencies(c/s.heads, 1e4))
	params := s.layers*(wide*c+c*c+3*c*f) + s.v*c
	s.w, s.g, s.m, s.v2 = make([]float32, params), make([]float32, params), make([]float32, params), make([]float32, params)
	return s
}

func (s *step) time(part string, f func()) {
	t := s.clock()
	f()
	s.spent[part] += s.clock() - t
}

// run is one step: forward, head with loss, backward, optimizer.
func (s *step) run() {
	a := Attention{Heads: s.heads, KVHeads: s.kv, HeadDim: s.c / s.heads, Start: s.start, Precision: s.prec, Rotation: s.rope, Positions: s.positions}
	c, kv := s.c, s.kv*s.c/s.heads
	q, k, v := s.qkv.Columns(0, c), s.qkv.Columns(c, c+kv), s.qkv.Columns(c+kv, c+2*kv)
	dq, dk, dv := s.dqkv.Columns(0, c), s.dqkv.Columns(c, c+kv), s.dqkv.Columns(c+kv, c+2*kv)
	gate, up := s.gu.Columns(0, s.f), s.gu.Columns(s.f, 2*s.f)
	dgate, dup := s.dgu.Columns(0, s.f), s.dgu.Columns(s.f, 2*s.f)
	for range s.layers {
		s.time("pack", func() {
			s.wqkv.Pack(s.p, s.prec, s.mqkv)
			s.wo.Pack(s.p, s.prec, s.mo)
			s.wgu.Pack(s.p, s.prec, s.mgu)
			s.wd.Pack(s.p, s.prec, s.md)
		})
		s.time("rows", func() { RMSNormForward(s.p, s.h, s.x, s.norm, 1e-5, s.inv) })
		s.time("forward", func() { s.wqkv.Forward(s.p, s.qkv, s.h, false) })
		s.time("rows", func() { RoPEForward(s.p, q, s.rope, s.positions); RoPEForward(s.p, k, s.rope, s.positions) })
		s.time("attention", func() { a.Forward(s.p, s.out, q, k, v, s.lse) })
		s.time("forward", func() { s.wo.Forward(s.p, s.x, s.out, true) })
		s.time("rows", func() { RMSNormForward(s.p, s.h, s.x, s.norm, 1e-5, s.inv) })
		s.time("forward", func() { s.wgu.Forward(s.p, s.gu, s.h, false) })
		s.time("rows", func() { SwiGLUForward(s.p, s.act, gate, up) })
		s.time("forward", func() { s.wd.Forward(s.p, s.x, s.act, true) })
	}
	s.time("pack", func() { s.we.Pack(s.p, s.prec, s.me) })
	for i := 0; i < s.n; i += 512 {
		h := s.h.Slice(i, i+512)
		s.time("forward", func() { s.we.Forward(s.p, s.logits, h, false) })
		s.time("loss", func() { s.p.For(512, func(r int) { CrossEntropy(s.logits.Row(r), r%s.v, 1e-4) }) })
		s.time("dx", func() { s.we.Backward(s.p, s.dx.Slice(i, i+512), s.logits, false) })
		s.time("dw", func() { GemmTN(s.p, s.prec, s.me, s.logits, h, i > 0) })
	}
	for range s.layers {
		s.time("dx", func() { s.wd.Backward(s.p, s.dact, s.dx, false) })
		s.time("dw", func() { GemmTN(s.p, s.prec, s.md, s.dx, s.act, false) })
		s.time("rows", func() { SwiGLUBackward(s.p, dgate, dup, s.dact, gate, up) })
		s.time("dx", func() { s.wgu.Backward(s.p, s.dh, s.dgu, false) })
		s.time("dw", func() { GemmTN(s.p, s.prec, s.mgu, s.dgu, s.h, false) })
		s.time("rows", func() { RMSNormBackward(s.p, s.dx, s.dnorm, s.dh, s.h, s.norm, s.inv, true) })
		s.time("dx", func() { s.wo.Backward(s.p, s.dout, s.dx, false) })
		s.time("dw", func() { GemmTN(s.p, s.prec, s.mo, s.dx, s.out, false) })
		s.time("attention", func() { a.Delta(s.delta, s.dout, s.out) })
		s.time("attention", func() { a.Backward(s.p, dq, dk, dv, s.dout, q, k, v, s.lse, s.delta) })
		s.time("dx", func() { s.wqkv.Backward(s.p, s.dh, s.dqkv, false) })
		s.time("dw", func() { GemmTN(s.p, s.prec, s.mqkv, s.dqkv, s.h, false) })
		s.time("rows", func() { RMSNormBackward(s.p, s.dx, s.dnorm, s.dh, s.x, s.norm, s.inv, true) })
	}
	s.time("optimizer", func() {
		norm := SumSquares(s.p, s.g)
		AdamW{LR: 1e-9, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, GradScale: float32(1 / (1 + norm)), Step: 1}.Apply(s.p, s.w, s.g, s.m, s.v2)
	})
	for _, m := range []Matrix{s.x, s.h, s.dx, s.me, s.md, s.mgu, s.mo, s.mqkv} { // keep magnitudes
		m.Data[0] = 1
	}
	fillSteady(s)
}

// fillSteady keeps values in range from step to step, outside what is timed.
func fillSteady(s *step) {
	for _, m := range []Matrix{s.x, s.h, s.dx} {
		norm := SumSquares(nil, m.Data) / float64(len(m.Data))
		if !(norm > 1e-3 && norm < 1e3) {
			fillNormal(newRand(1), m.Data, 1)
		}
	}
	for _, m := range []Matrix{s.mqkv, s.mo, s.mgu, s.md, s.me} {
		fillNormal(newRand(2), m.Data[:min(len(m.Data), 1<<16)], 0.05)
		for at := 1 << 16; at < len(m.Data); at *= 2 {
			copy(m.Data[at:], m.Data[:at])
		}
	}
}

var processStart = time.Now()

func wallTime() time.Duration { return time.Since(processStart) }

// BenchmarkStep times the kernels of a training step and reports where the time goes, tokens per
// second and the share of the float32 peak of all threads.
func BenchmarkStep(b *testing.B) {
	peak := MeasurePeak()
	for _, shape := range stepShapes {
		for _, prec := range []Precision{FP32, BF16} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%dx%d/threads%d", prec, shape.layers, shape.c, threads), func(b *testing.B) {
					p := NewPool(threads)
					defer p.Close()
					s := newStep(shape, p, prec)
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					if s.clock = wallTime; threads == 1 {
						s.clock = threadTime // unharmed by other work on the machine
					}
					fillSteady(s)
					s.run()
					var totals []time.Duration
					bestParts := map[string]time.Duration{}
					for b.Loop() {
						clear(s.spent)
						s.run()
						total := time.Duration(0)
						for part, d := range s.spent {
							total += d
							if old, ok := bestParts[part]; !ok || d < old {
								bestParts[part] = d
							}
						}
						totals = append(totals, total)
					}
					shortest := slices.Min(totals).Seconds()
					for part, d := range bestParts {
						b.ReportMetric(d.Seconds()*1e3, part+"-ms")
					}
					b.ReportMetric(float64(shape.n)/shortest, "tokens/s")
					if prec == FP32 {
						b.ReportMetric(100*shape.flops()/shortest/peak.FMA/float64(threads), "%peak")
					}
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}
