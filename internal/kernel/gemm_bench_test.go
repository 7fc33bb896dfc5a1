package kernel

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// gemmShapes are the products of the models in docs/kernels.md, as layout, M, N, K.
var gemmShapes = []struct {
	layout  int
	m, n, k int
}{
	{0, 4096, 256, 256}, {0, 4096, 768, 256}, {0, 4096, 1408, 256}, {0, 4096, 256, 704}, {0, 512, 8192, 256},
	{1, 4096, 256, 256}, {1, 4096, 256, 1408}, {1, 4096, 704, 256}, {1, 512, 256, 8192},
	{2, 256, 256, 4096}, {2, 1408, 256, 4096}, {2, 256, 704, 4096}, {2, 8192, 256, 512},
	{0, 1024, 1024, 1024}, {1, 1024, 1024, 1024}, {2, 1024, 1024, 1024},
}

// BenchmarkGemm reports GFLOP/s and the share of the peak measured in the same process, one thread.
func BenchmarkGemm(b *testing.B) {
	peak := MeasurePeak()
	for _, prec := range []Precision{FP32, BF16} {
		for _, s := range gemmShapes {
			l := layouts[s.layout]
			ar, ac, br, bc := s.m, s.k, s.k, s.n
			if l.ta {
				ar, ac = ac, ar
			}
			if l.tb {
				br, bc = bc, br
			}
			r := newRand(1)
			x, y, z := newMatrix(ar, ac), newMatrix(br, bc), newMatrix(s.m, s.n)
			fillNormal(r, x.Data, 1)
			fillNormal(r, y.Data, 1)
			flops := 2 * float64(s.m) * float64(s.n) * float64(s.k)
			run := func(b *testing.B, product func()) {
				g := flops / best(b, product).Seconds()
				b.ReportMetric(g/1e9, "GFLOP/s")
				if prec == FP32 && peak.FMA > 0 {
					b.ReportMetric(100*g/peak.FMA, "%peak")
				}
			}
			b.Run(fmt.Sprintf("%s/%s/%dx%dx%d", prec, l.name, s.m, s.n, s.k), func(b *testing.B) {
				run(b, func() { l.run(nil, prec, z, x, y, false) })
			})
			if prec == BF16 && l.ta { // as a training step has them
				b.Run(fmt.Sprintf("%s/%skept/%dx%dx%d", prec, l.name, s.m, s.n, s.k), func(b *testing.B) {
					x16, _ := newHalves(1, ar, ac, 0)
					y16, _ := newHalves(2, br, bc, 0)
					run(b, func() { l.run(nil, prec, z, x16, y16, false) })
				})
			}
			if l.ta {
				continue
			}
			packed := func(name string, x Matrix) {
				b.Run(fmt.Sprintf("%s/%s%s/%dx%dx%d", prec, l.name, name, s.m, s.n, s.k), func(b *testing.B) {
					var w Weights
					w.Pack(nil, prec, y)
					run(b, func() {
						if l.tb {
							w.Forward(nil, z, x, false)
						} else {
							w.Backward(nil, z, x, false)
						}
					})
				})
			}
			packed("packed", x)
			if prec == BF16 {
				x16, _ := newHalves(1, ar, ac, 0)
				packed("kept", x16)
			}
		}
	}
}

// best returns the shortest thread time of a run of f.
func best(b *testing.B, f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f()
	shortest := time.Duration(1 << 62)
	for b.Loop() {
		t := threadTime()
		f()
		shortest = min(shortest, threadTime()-t)
	}
	b.ReportMetric(0, "ns/op")
	return shortest
}
