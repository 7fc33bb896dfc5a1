package nn

import (
	"math"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// TestDropout checks that an adapter with dropout drops the share it is to, scales the rest up, leaves evaluation alone,
// and has the gradient of what it did: along it, the value changes by its norm.
func TestDropout(t *testing.T) {
	b := testBatch()
	e := testEngine(b, false)
	defer e.Pool.Close()
	a := adapter("a", 8, 400)
	a.Dropout = 0.3
	x := param("x", 1, testN, 400)
	seen := a.seen(e, dense(x.Data(), testN))
	dropped := 0
	for i, v := range seen.Data {
		if v == 0 {
			dropped++
		} else if math.Abs(float64(v)-float64(x.Data()[i])/0.7) > 1e-5 {
			t.Fatalf("element %d: %v of %v", i, v, x.Data()[i])
		}
	}
	// 7200 draws: five standard deviations are 0.027.
	if share := float64(dropped) / float64(len(seen.Data)); math.Abs(share-0.3) > 0.027 {
		t.Errorf("%v dropped", share)
	}
	y, dy, dx := make([]float32, testN*8), param("dy", 0, testN, 8).Data(), make([]float32, testN*400)
	value := func() (sum float64) {
		clear(y)
		a.forward(e, dense(y, testN), dense(x.Data(), testN))
		return float64(kernel.Dot(y, dy))
	}
	value()
	a.backward(e, dense(dx, testN), dense(dy, testN), dense(x.Data(), testN))
	var norm float64
	for _, g := range dx {
		norm += float64(g) * float64(g)
	}
	norm = math.Sqrt(norm)
	kernel.Axpy(x.Data(), float32(0.5/norm), dx)
	up := value()
	kernel.Axpy(x.Data(), float32(-1/norm), dx)
	if slope := up - value(); math.Abs(slope-norm) > 1e-3*norm {
		t.Errorf("gradient %v, slope %v", norm, slope)
	}
	e.Inference = true
	if a.seen(e, dense(x.Data(), testN)).Data[0] != x.Data()[0] {
		t.Error("evaluation drops")
	}
}

// TestMergedAdapter checks that a layer with its adapter merged computes what the two did.
func TestMergedAdapter(t *testing.T) {
	b := testBatch()
	x, direction := param("x", 0, testN, testWidth), param("direction", 0, testN, testWidth).Data()
	f := testFeedForward(true)
	want := runFused(t, operation{fused: f.Apply}, testEngine(b, false), x, direction)
	merged := FeedForward{Norm: f.Norm, Gate: f.Gate, Up: f.Up, Down: f.Down, Eps: f.Eps}
	for p, a := range map[**Param]*Adapter{&merged.Gate: f.GateAdapter, &merged.Up: f.UpAdapter, &merged.Down: f.DownAdapter} {
		q := NewParam((*p).name, false, (*p).Shape()...)
		copy(q.Data(), a.Merge(nil, *p))
		*p = q
	}
	got := runFused(t, operation{fused: merged.Apply}, testEngine(b, false), x, direction)
	compare(t, "merged", outcome{value: got.value}, outcome{value: want.value})
}
