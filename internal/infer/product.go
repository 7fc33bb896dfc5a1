package infer

import (
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/panel"
)

// factor is one matrix of a product with a common input, and where its outputs go: rows of stride padded(w.Rows).
type factor struct {
	w *panel.Matrix
	y []float32
}

// product is a task of a pool: the panels of all factors, cut into items.
type product struct {
	in      *panel.Input
	factors [3]factor
	n       int
	chunk   int // panels of an item
}

// Below serialWork multiplications a product is done before a second thread has woken up.
const serialWork = 1 << 18

// multiply sets every factor's y to the product of the workspace's input with its w.
func (ws *workspace) multiply(pool *kernel.Pool, factors []factor) {
	p := &ws.product
	p.in, p.n = &ws.in, copy(p.factors[:], factors)
	work, panels := 0, 0
	for _, f := range factors {
		work += f.w.Rows * f.w.Cols * ws.in.Rows
		panels += f.w.Panels()
	}
	threads := pool.Threads()
	if threads == 1 || work < serialWork {
		for _, f := range factors {
			f.w.Mul(f.y, padded(f.w.Rows), p.in, 0, f.w.Panels())
		}
		return
	}
	// Some more items than threads even out what else the processors do; every item walks all rows of the input.
	p.chunk = max(1, (panels+4*threads-1)/(4*threads))
	items := 0
	for _, f := range factors {
		items += (f.w.Panels() + p.chunk - 1) / p.chunk
	}
	pool.Run(items, p)
}

// Do computes one item.
func (p *product) Do(item int) {
	for _, f := range p.factors[:p.n] {
		items := (f.w.Panels() + p.chunk - 1) / p.chunk
		if item < items {
			lo := item * p.chunk
			f.w.Mul(f.y, padded(f.w.Rows), p.in, lo, min(lo+p.chunk, f.w.Panels()))
			return
		}
		item -= items
	}
}
