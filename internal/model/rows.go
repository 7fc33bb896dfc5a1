package model

import (
	"fmt"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Rows reads a matrix as it lies in the model's file, a few rows at a time, in the canonical layout. It is valid until the
// model is closed, and safe for concurrent use.
type Rows struct {
	t     Tensor
	heads int // whose rows are stored in another order; 0 for none
}

// Rows returns a reader of a matrix.
func (m *Model) Rows(name string) (*Rows, error) {
	t, ok := m.Tensor(name)
	if !ok || len(t.Shape) != 2 {
		return nil, fmt.Errorf("model: no matrix %q", name)
	}
	if len(t.Data) != t.Rows()*t.RowBytes() {
		return nil, fmt.Errorf("model: tensor %q: %d bytes for %s %v", name, len(t.Data), t.Type, t.Shape)
	}
	r := &Rows{t: t}
	if m.RopeInterleaved {
		r.heads = m.rotatedHeads(name)
	}
	return r, nil
}

// Shape returns (rows, columns).
func (r *Rows) Shape() (rows, cols int) { return r.t.Shape[0], r.t.Shape[1] }

// Decode sets dst to rows [lo, hi), one after another.
func (r *Rows) Decode(dst []float32, lo, hi int) {
	size, cols := r.t.RowBytes(), r.t.Columns()
	if r.heads == 0 {
		quant.Decode(r.t.Type, dst[:(hi-lo)*cols], r.t.Data[lo*size:hi*size])
		return
	}
	d := r.t.Shape[0] / r.heads
	for i := lo; i < hi; i++ {
		from := i - i%d + toHalves(i%d, d)
		quant.Decode(r.t.Type, dst[(i-lo)*cols:(i-lo+1)*cols], r.t.Data[from*size:(from+1)*size])
	}
}
