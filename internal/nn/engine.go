package nn

import (
	"sync"

	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Packs are the weights of a model as the kernels lay them out. The graphs of a model share them.
type Packs map[packKey]*pack

// packKey names a stack of weights by its first and its length.
type packKey struct {
	first *Param
	n     int
}

type pack struct {
	weights kernel.Weights
	version uint64
}

// of returns the packed form of a stack.
func (p Packs) of(weights Params) *pack {
	key := packKey{weights[0], len(weights)}
	if p[key] == nil {
		p[key] = new(pack)
	}
	return p[key]
}

// Engine is what the operations of one graph share: workers, precision, the batch of this run, and scratch memory.
type Engine struct {
	Pool      *kernel.Pool
	Precision kernel.Precision

	// Recompute keeps only the input of every block half and computes the rest again in the backward pass: gradient
	// checkpointing (Chen et al. 2016, arXiv:1604.06174).
	Recompute bool

	// Inference builds a graph that is never differentiated: halves share their buffers.
	Inference bool

	packs  Packs
	rows   int // N
	batch  *Batch
	layout layout
	loss   RowLoss

	batchHash uint64 // of its tokens: the seed of dropout

	scale float32

	attention attentionState // shared where nothing need be kept
	ffn       feedForwardState
	scratch   scratch
	spare     spareScratch

	dout, dy, dGateUp, dqkv kernel.Matrix // factors of the products that are under way

	columns  columnTask
	decoding decodeTask
}

// NewEngine returns an engine for batches of the given shape. Engines that share packs have one precision.
func NewEngine(pool *kernel.Pool, prec kernel.Precision, packs Packs, batchRows, length int) *Engine {
	e := &Engine{Pool: pool, Precision: prec, packs: packs, rows: batchRows * length}
	e.spare.free = append(e.spare.free, &e.scratch)
	return e
}

// Feed sets what the next run reads. The gradient is that of scale · Σ weight · loss; scale is usually one over the
// weight of all batches of an optimizer step.
func (e *Engine) Feed(b *Batch, loss RowLoss, scale float32) {
	e.batch, e.loss, e.scale = b, loss, scale
	e.layout.set(b)
	e.batchHash = b.hash()
}

// scratch holds buffers that live within one operation; all operations of an engine use the same ones, since a
// TapeMachine runs them one after another.
type scratch struct {
	wide, narrow, branch, low, dropped, tile, partials, delta []float32

	gateUp kernel.Matrix
}

// spareScratch is scratch for threads that work on chunks: the engine's own, and as much as there were threads at once.
type spareScratch struct {
	lock sync.Mutex
	free []*scratch
}

func (e *Engine) borrow() *scratch {
	e.spare.lock.Lock()
	defer e.spare.lock.Unlock()
	n := len(e.spare.free)
	if n == 0 {
		return new(scratch)
	}
	s := e.spare.free[n-1]
	e.spare.free = e.spare.free[:n-1]
	return s
}

func (e *Engine) giveBack(s *scratch) {
	e.spare.lock.Lock()
	e.spare.free = append(e.spare.free, s)
	e.spare.lock.Unlock()
}

// grow returns buf with n elements, reallocated when it is too short. Its contents are not defined.
func grow[E any](buf *[]E, n int) []E {
	if cap(*buf) < n {
		*buf = make([]E, n)
	}
	return (*buf)[:n]
}

// growMatrix is grow as a dense (rows, cols) view.
func growMatrix(buf *[]float32, rows, cols int) kernel.Matrix {
	return kernel.NewMatrix(grow(buf, rows*cols), rows, cols)
}

// growPadded makes *m a (rows, cols) view whose rows do not lie a multiple of 2 KiB apart: whole columns, which gradients
// of weights read, would fall on a few sets of the caches.
func growPadded(m *kernel.Matrix, rows, cols int) {
	*m = growMatrix(&m.Data, rows, paddedStride(cols)).Columns(0, cols)
}

func paddedStride(cols int) int {
	if cols%512 == 0 {
		return cols + 16
	}
	return cols
}

// growFactor makes *m a (rows, cols) view of what only matrix products read, or, if wide is set, others too: in float32,
// or in bf16 where products round it to that in any case.
func (e *Engine) growFactor(m *kernel.Matrix, rows, cols int, wide bool) {
	if wide || !kernel.KeepsBF16(e.Precision) {
		*m = growMatrix(&m.Data, rows, cols)
		return
	}
	*m = kernel.NewBF16(grow(&m.BF16, kernel.BF16Words(rows, cols)), rows, cols)
}

// gradientFactor returns the memory of m, a gradient that only matrix products read, as it is to be filled: itself, or
// in bf16 where products round it to that in any case.
func (e *Engine) gradientFactor(m kernel.Matrix) kernel.Matrix {
	if kernel.KeepsBF16(e.Precision) {
		return m.AsBF16()
	}
	return m
}

// residualFactor returns memory for dy as products read it, to be filled by factor: dy itself, or a rounded copy.
func (e *Engine) residualFactor(dy kernel.Matrix) kernel.Matrix {
	if !kernel.KeepsBF16(e.Precision) {
		return dy
	}
	e.growFactor(&e.dy, dy.Rows, dy.Cols, false)
	return e.dy
}

// factor returns rows [lo, hi) of what residualFactor returned, filled from dy.
func (e *Engine) factor(f, dy kernel.Matrix, lo, hi int) kernel.Matrix {
	f = f.Slice(lo, hi)
	if f.BF16 != nil {
		kernel.Narrow(e.Pool, f, dy.Slice(lo, hi))
	}
	return f
}

// growTensor returns *t, made at first use.
func growTensor(t **tensor.Dense, shape ...int) *tensor.Dense {
	if *t == nil {
		*t = newTensor(shape...)
	}
	return *t
}

// dense views the elements of a tensor value as (rows, the rest).
func dense(elements []float32, rows int) kernel.Matrix {
	return kernel.NewMatrix(elements, rows, len(elements)/rows)
}
