package kernel

// Weights are one or several matrices of a linear layer, stacked and laid out for the kernels, so
// that the cost of packing is paid once per optimizer step and not in every product.
//
// Stacking makes one wide product of several: queries, keys and values, or gate and up. The packed
// copies take the size of the matrices twice in FP32, three times where tiles multiply that, and once in BF16.
type Weights struct {
	prec     Precision
	out, in  int
	forward  packedFactor // wᵀ: (in, out)
	backward packedFactor // w: (out, in)
}

// packedFactor is a right factor, packed whole.
type packedFactor struct {
	words []float32
}

// Pack lays out the stack of matrices, all of shape (·, in), for prec, in both orientations. It
// reuses the memory of the previous call. Pack again after the matrices have changed.
func (w *Weights) Pack(p *Pool, prec Precision, matrices ...Matrix) {
	w.prec, w.out, w.in = prec, 0, matrices[0].Cols
	for _, m := range matrices {
		m.checkShape(m.Rows, w.in)
		w.out += m.Rows
	}
	whole := matrices[0]
	if len(matrices) > 1 {
		s := stacks.get()
		defer stacks.put(s)
		whole = s.of(matrices, w.out, w.in)
	}
	w.forward.pack(p, prec, operand{Matrix: whole, transposed: true})
	w.backward.pack(p, prec, operand{Matrix: whole})
}

// stack is memory for several matrices in one.
type stack struct{ words []float32 }

var stacks = newRecycler[stack]()

func (s *stack) of(matrices []Matrix, out, in int) Matrix {
	s.words = grow(s.words, out*in)
	whole := NewMatrix(s.words, out, in)
	at := 0
	for _, m := range matrices {
		for i := range m.Rows {
			copy(whole.Row(at), m.Row(i))
			at++
		}
	}
	return whole
}

// PackedBytes returns the memory of Weights of shape (out, in) for prec, with the implementation in
// use: what a trainer's memory plan counts per linear layer.
func PackedBytes(prec Precision, out, in int) int {
	words := 0
	for _, shape := range [][2]int{{in, out}, {out, in}} {
		if shape[0] > 0 {
			var t gemmTask
			t.plan(engineFor(prec, shape[0], shape[1]), 0, shape[1], shape[0])
			words += t.packedWords()
		}
	}
	return 4 * words
}

// Shape returns the rows (outputs) and columns (inputs) of the stack.
func (w *Weights) Shape() (out, in int) { return w.out, w.in }

// Forward computes y = x·wᵀ, or y += x·wᵀ; y has shape (M, out), x (M, in).
func (w *Weights) Forward(p *Pool, y, x Matrix, accumulate bool) {
	x.checkFactorShape(x.Rows, w.in)
	y.checkShape(x.Rows, w.out)
	w.forward.multiply(p, w.prec, y, x, accumulate)
}

// Backward computes dx = dy·w, or dx += dy·w; dx has shape (M, in), dy (M, out).
func (w *Weights) Backward(p *Pool, dx, dy Matrix, accumulate bool) {
	dy.checkFactorShape(dy.Rows, w.out)
	dx.checkShape(dy.Rows, w.in)
	w.backward.multiply(p, w.prec, dx, dy, accumulate)
}

func (f *packedFactor) pack(p *Pool, prec Precision, b operand) {
	t := gemmTasks.get()
	defer gemmTasks.put(t)
	k, n := b.shape()
	if k == 0 {
		return
	}
	t.plan(engineFor(prec, n, k), 0, n, k)
	t.b = b
	f.words = grow(f.words, t.packedWords())
	t.words = f.words
	p.Run(t.packItems(), (*packTask)(t))
	t.forget()
}

func (f *packedFactor) multiply(p *Pool, prec Precision, c, a Matrix, accumulate bool) {
	if a.Cols == 0 {
		if !accumulate {
			clearMatrix(c)
		}
		return
	}
	t := gemmTasks.get()
	defer gemmTasks.put(t)
	t.plan(engineFor(prec, c.Cols, a.Cols), c.Rows, c.Cols, a.Cols)
	t.a, t.c, t.accumulate = operand{Matrix: a}, c, accumulate
	t.widen()
	t.shared, t.words = true, f.words
	t.run(p)
	t.forget()
}
