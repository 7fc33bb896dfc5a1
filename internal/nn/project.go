package nn

import "github.com/seed-d24fde5f/distill/internal/kernel"

// Projection makes logits of chosen rows of hidden states, outside a graph: what a teacher in this process needs of a
// head.
type Projection struct {
	Output *Param // (V, C)

	linear *linear
	rows   []float32
}

// Logits fills dst, (len(rows), V), with hidden[rows]·Outputᵀ. hidden is (N, C).
func (p *Projection) Logits(e *Engine, dst, hidden kernel.Matrix, rows []int32) {
	if p.linear == nil {
		p.linear = newLinear(e, Params{p.Output}, nil, nil)
	}
	p.linear.pack(e)
	x := growMatrix(&p.rows, len(rows), hidden.Cols)
	p.rows = x.Data
	kernel.Gather(e.Pool, x, hidden, rows)
	p.linear.multiply(e, dst, x, false)
}
