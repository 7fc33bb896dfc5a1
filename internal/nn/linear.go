package nn

import (
	"slices"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// linear is one or several stacked linear layers with the same input: y = x·[W₁; W₂; …]ᵀ, each with an optional bias and
// an optional low-rank adapter. The stack is packed once per change of its weights.
type linear struct {
	weights  Params
	biases   Params     // as long as weights, nil where there is none; or nil
	adapters []*Adapter // likewise

	stack  *stack // where the weights lie one after another; nil where they do not
	packed *pack
	parts  []kernel.Matrix
}

// newLinear stacks weights; biases and adapters are nil or as long as weights.
func newLinear(e *Engine, weights, biases Params, adapters []*Adapter) *linear {
	if !slices.ContainsFunc(biases, func(p *Param) bool { return p != nil }) {
		biases = nil
	}
	if !slices.ContainsFunc(adapters, func(a *Adapter) bool { return a != nil }) {
		adapters = nil
	}
	return &linear{weights: weights, biases: biases, adapters: adapters, stack: stackOf(weights), packed: e.packs.of(weights)}
}

// sourced reports whether the weights lie in sources: all of a stack do, or none.
func (l *linear) sourced() bool { return l.weights[0].source != nil }

// pack renews the packed weights if a weight has changed since.
func (l *linear) pack(e *Engine) {
	if l.sourced() {
		return
	}
	var version uint64
	for _, w := range l.weights {
		version += w.version // versions only grow
	}
	if version == l.packed.version {
		return
	}
	l.parts = l.parts[:0]
	if s := l.stack; s != nil {
		l.parts = append(l.parts, kernel.NewMatrix(s.data, s.rows, s.cols))
	} else {
		for _, w := range l.weights {
			l.parts = append(l.parts, w.matrix(w.forward()))
		}
	}
	l.packed.weights.Pack(e.Pool, e.Precision, l.parts...)
	l.packed.version = version
}

// multiply computes y = x·Wᵀ, or adds to y, with weights that are packed.
func (l *linear) multiply(e *Engine, y, x kernel.Matrix, accumulate bool) {
	if !l.sourced() {
		l.packed.weights.Forward(e.Pool, y, x, accumulate)
		return
	}
	l.eachPart(func(i, lo, hi int) { e.forwardBase(l.weights[i].source, y.Columns(lo, hi), x, accumulate) })
}

// multiplyBack computes dx = dy·W, or adds to dx.
func (l *linear) multiplyBack(e *Engine, dx, dy kernel.Matrix, accumulate bool) {
	if !l.sourced() {
		l.packed.weights.Backward(e.Pool, dx, dy, accumulate)
		return
	}
	l.eachPart(func(i, lo, hi int) {
		e.backwardBase(l.weights[i].source, dx, dy.Columns(lo, hi), accumulate || i > 0)
	})
}

// forward computes y = x·Wᵀ + bias + adapters, or adds to y.
func (l *linear) forward(e *Engine, y, x kernel.Matrix, accumulate bool) {
	l.pack(e)
	l.multiply(e, y, x, accumulate)
	if l.biases == nil && l.adapters == nil {
		return
	}
	l.eachPart(func(i, lo, hi int) {
		if l.biases != nil && l.biases[i] != nil {
			e.addBias(y.Columns(lo, hi), l.biases[i].Data())
		}
		if l.adapters != nil && l.adapters[i] != nil {
			l.adapters[i].forward(e, y.Columns(lo, hi), x)
		}
	})
}

// backwardInput computes dx = dy·W, or adds to dx, and the gradients of adapters.
func (l *linear) backwardInput(e *Engine, dx, dy, x kernel.Matrix, accumulate bool) {
	l.multiplyBack(e, dx, dy, accumulate)
	if l.adapters == nil {
		return
	}
	l.eachPart(func(i, lo, hi int) {
		if l.adapters[i] != nil {
			l.adapters[i].backward(e, dx, dy.Columns(lo, hi), x)
		}
	})
}

// backwardWeights adds to the gradients of weights and biases.
func (l *linear) backwardWeights(e *Engine, dy, x kernel.Matrix) {
	s := l.stack
	if s != nil && s.grad != nil {
		kernel.GemmTN(e.Pool, e.Precision, kernel.NewMatrix(s.grad, s.rows, s.cols), dy, x, true)
		if l.biases == nil {
			return
		}
	}
	l.eachPart(func(i, lo, hi int) {
		part := dy.Columns(lo, hi)
		if w := l.weights[i]; s == nil && !w.Frozen() {
			kernel.GemmTN(e.Pool, e.Precision, w.matrix(w.GradData()), part, x, true)
		}
		if l.biases != nil && l.biases[i] != nil && !l.biases[i].Frozen() {
			e.addColumnSums(l.biases[i].GradData(), part)
		}
	})
}

// masks reports whether an adapter hides elements of x from itself, and so reads them outside of products.
func (l *linear) masks() bool {
	return slices.ContainsFunc(l.adapters, func(a *Adapter) bool { return a != nil && a.Dropout > 0 })
}

// eachPart calls f with the columns of y that belong to each layer of the stack.
func (l *linear) eachPart(f func(i, lo, hi int)) {
	lo := 0
	for i, w := range l.weights {
		hi := lo + w.Shape()[0]
		f(i, lo, hi)
		lo = hi
	}
}

// params returns what is an input of the graph of weights, biases and adapters, in one fixed order.
func (l *linear) params() Params {
	var ps Params
	if !l.sourced() {
		ps = append(ps, l.weights...)
	}
	for _, b := range l.biases {
		if b != nil {
			ps = append(ps, b)
		}
	}
	for _, a := range l.adapters {
		if a != nil {
			ps = append(ps, a.A, a.B)
		}
	}
	return ps
}
