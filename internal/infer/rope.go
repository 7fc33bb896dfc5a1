package infer

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
)

// ropeTable holds the cosines and sines of all positions met so far. It grows by doubling, so that a model with a
// context of 131,072 does not pay 64 MB for a question of ten words.
type ropeTable struct {
	frequencies []float32
	scale       float32
	mu          sync.Mutex
	table       atomic.Pointer[kernel.RoPE]
}

func (r *ropeTable) init(c *model.Config) {
	r.frequencies, r.scale = c.RotaryFrequencies()
	r.table.Store(&kernel.RoPE{HeadDim: c.HeadDim})
}

// upTo returns a table of at least n positions.
func (r *ropeTable) upTo(n int) *kernel.RoPE {
	half := len(r.frequencies)
	if t := r.table.Load(); len(t.Cos) >= n*half {
		return t
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.table.Load()
	have := len(old.Cos) / half
	if have >= n {
		return old
	}
	n = max(n, 2*have, 256)
	t := &kernel.RoPE{Cos: make([]float32, n*half), Sin: make([]float32, n*half), HeadDim: 2 * half}
	copy(t.Cos, old.Cos)
	copy(t.Sin, old.Sin)
	for p := have; p < n; p++ {
		for i, f := range r.frequencies {
			sin, cos := math.Sincos(float64(p) * float64(f))
			t.Cos[p*half+i], t.Sin[p*half+i] = float32(cos)*r.scale, float32(sin)*r.scale
		}
	}
	r.table.Store(t)
	return t
}
