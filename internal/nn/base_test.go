package nn

import (
	"math"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// floats is a source over elements in memory.
type floats struct {
	data       []float32
	rows, cols int
	widest     *int // rows that were asked for at once
}

func (f floats) Shape() (rows, cols int) { return f.rows, f.cols }

func (f floats) Decode(dst []float32, lo, hi int) {
	*f.widest = max(*f.widest, hi-lo)
	copy(dst, f.data[lo*f.cols:hi*f.cols])
}

// TestBaseLinear compares stacked layers over sources of several tiles, the last one not full, with the same weights
// packed: products, gradients of the input, and added to what is there.
func TestBaseLinear(t *testing.T) {
	const cols = tileElements/64 + 3
	e := testEngine(testBatch(), false)
	e.Pool.Close()
	e.Pool = kernel.NewPool(1) // widest is counted without a lock
	defer e.Pool.Close()
	widest := 0
	whole := Params{param("a", 0, 150, cols), param("b", 0, 70, cols)}
	var sourced Params
	for _, p := range whole {
		sourced = append(sourced, NewBase(p.name, floats{p.Data(), p.Shape()[0], cols, &widest}))
	}
	x, dy := dense(param("x", 0, testN, cols).Data(), testN), dense(param("dy", 0, testN, 220).Data(), testN)
	var y, dx [2][]float32
	for i, weights := range []Params{sourced, whole} {
		l := newLinear(e, weights, nil, nil)
		y[i], dx[i] = make([]float32, testN*220), make([]float32, testN*cols)
		for j := range y[i] {
			y[i][j] = float32(j % 5)
		}
		l.forward(e, dense(y[i], testN), x, true)
		for range 2 { // the first sets, the second adds
			l.multiplyBack(e, dense(dx[i], testN), dy, dx[i][0] != 0)
		}
	}
	for name, pair := range map[string][2][]float32{"product": y, "gradient of the input": dx} {
		for j, want := range pair[1] {
			// float32 sums of 16,387 (or 220, added twice) products of size 0.1
			if math.Abs(float64(pair[0][j]-want)) > 1e-3 {
				t.Fatalf("%s: element %d is %v, want %v", name, j, pair[0][j], want)
			}
		}
	}
	if widest > tileRows(150, cols) {
		t.Errorf("%d rows were decoded at once", widest)
	}
	if p := sourced[0]; p.Data() != nil || p.Elements() != 150*cols || !p.Frozen() || len(newLinear(e, sourced, nil, nil).params()) != 0 {
		t.Error("a base is more than its source")
	}
}
