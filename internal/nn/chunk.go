package nn

import "github.com/seed-d24fde5f/distill/internal/kernel"

// A half of a block is a chain of products and loops over the same rows. Where its weights are small enough to stay in
// the cache of a core, it is done in chunks of rows, each by one thread from the first link to the last: what one link
// writes is in the cache when the next reads it, and threads meet once a chain. Elsewhere there is one chunk, and all
// threads work on each link.

const (
	chunkRows  = 64
	chunkBytes = 4 << 20 // of a chain's weights
)

// Chunked reports whether a chain of products with so many weights is done in chunks.
func Chunked(prec kernel.Precision, weights int) bool {
	return kernel.KeepsBF16(prec) && 2*weights <= chunkBytes
}

// chunkOf returns how many rows a chunk of a chain has whose products are with these layers.
func (e *Engine) chunkOf(layers ...*linear) int {
	weights := 0
	for _, l := range layers {
		if l.sourced() || l.adapters != nil {
			return e.rows // their scratch memory is for one thread
		}
		for _, w := range l.weights {
			weights += w.Elements()
		}
	}
	if !Chunked(e.Precision, weights) {
		return e.rows
	}
	return chunkRows
}

// inChunks calls t.Do for every chunk. What a chunk does on the engine's pool it does alone, unless it is the only one.
func (e *Engine) inChunks(size int, t kernel.Task) { e.Pool.Run(e.chunks(size), t) }

func (e *Engine) chunks(size int) int { return (e.rows + size - 1) / size }

// chunk returns the rows of a chunk.
func (e *Engine) chunk(i, size int) (lo, hi int) { return i * size, min(e.rows, (i+1)*size) }

// partials returns memory for the gradient of a norm's weight, a row for each chunk, set to zero.
func (e *Engine) partials(size, cols int) kernel.Matrix {
	m := growMatrix(&e.scratch.partials, e.chunks(size), cols)
	e.scratch.partials = m.Data
	clear(m.Data)
	return m
}

// addPartials adds the chunks' gradients to that of the weight, in their order.
func addPartials(p *Param, partials kernel.Matrix) {
	if p.Frozen() {
		return
	}
	for i := range partials.Rows {
		kernel.Add(p.GradData(), p.GradData(), partials.Row(i))
	}
}
