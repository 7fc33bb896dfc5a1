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

// product is a task of a pool: the panels of all factors, one after another, cut into items.
//
// Every thread has one run of panels, and so, token by token, the same part of the weights. It takes them in several
// items, of which other threads do what it does not come to.
type product struct {
	in      *panel.Input
	factors [3]factor
	n       int
	panels  int
	threads int
	each    int // items of a thread
}

// A product shared by threads begins about a microsecond late on the others, and moves its input and output between their
// caches: below so many bytes of weights a row, one thread is done before. A model that fits the near cache of a single
// core is read from there several times as fast as by two that have to talk.
const (
	sharedBytes     = 32 << 10
	sharedNearBytes = 256 << 10
	nearModel       = 3 << 19
)

// An item of a product takes at least itemBytes of weights a row, some microseconds, and a thread at most mostItems.
const (
	itemBytes = 64 << 10
	mostItems = 4
)

// multiply sets every factor's y to the product of the workspace's input with its w.
func (m *Model) multiply(ws *workspace, pool *kernel.Pool, factors []factor) {
	p := &ws.product
	p.in, p.n, p.panels, p.threads = &ws.in, copy(p.factors[:], factors), 0, pool.Threads()
	bytes := 0
	for _, f := range factors {
		bytes += f.w.Bytes() * ws.in.Rows
		p.panels += f.w.Panels()
	}
	least := sharedBytes
	if m.bytes <= nearModel {
		least = sharedNearBytes
	}
	if p.threads == 1 || bytes < least {
		p.mul(0, p.panels)
		return
	}
	p.each = max(1, min(bytes/(p.threads*itemBytes), mostItems))
	pool.Run(p.threads*p.each, p)
}

// Do computes one item: the pool gives items i, i+threads, i+2·threads, … to the same thread, which gets panels in a row.
func (p *product) Do(item int) {
	part, items := item%p.threads*p.each+item/p.threads, p.threads*p.each
	p.mul(part*p.panels/items, (part+1)*p.panels/items)
}

// mul computes the outputs of the panels lo to hi.
func (p *product) mul(lo, hi int) {
	for _, f := range p.factors[:p.n] {
		n := f.w.Panels()
		f.w.Mul(f.y, padded(f.w.Rows), p.in, max(0, lo), min(hi, n))
		lo, hi = lo-n, hi-n
	}
}
