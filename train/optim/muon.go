package optim

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// muon updates each matrix of the blocks by its orthogonalised momentum,
//
//	M = momentum·M + G;  U = orthogonal(G + momentum·M);  W −= rate · (0.2·√max(rows, cols) · U + decay·W)
//
// and everything else by AdamW. orthogonal replaces the singular values by about 1 with five Newton–Schulz iterations.
// The factor gives updates the root mean square that AdamW's have, so one rate and one decay serve both.
// Sources: Jordan et al. 2024, Muon; Liu et al. 2025, arXiv:2502.16982, section 2.2.
type muon struct {
	spec            Spec
	pool            *kernel.Pool
	prec            kernel.Precision
	params          nn.Params
	adam            *adamW
	adamIndex       []int       // of each parameter in adam, −1 for those of Muon
	momentum        [][]float32 // nil for those of AdamW
	rate, gradScale float64

	x, next, gram, poly []float32 // scratch
}

func newMuon(s Spec, params nn.Params, pool *kernel.Pool, prec kernel.Precision) *muon {
	m := &muon{spec: s, pool: pool, prec: prec, params: params, gradScale: 1}
	var rest nn.Params
	for _, p := range params {
		if orthogonalised(p) {
			m.adamIndex = append(m.adamIndex, -1)
			m.momentum = append(m.momentum, make([]float32, len(p.Data())))
			continue
		}
		m.adamIndex = append(m.adamIndex, len(rest))
		m.momentum = append(m.momentum, nil)
		rest = append(rest, p)
	}
	m.adam = newAdamW(s, rest, pool)
	return m
}

// Prepare implements Solver.
func (m *muon) Prepare(rate, gradScale float64) {
	m.rate, m.gradScale = rate, gradScale
	m.adam.Prepare(rate, gradScale)
}

// Step implements gorgonia.Solver.
func (m *muon) Step(model []G.ValueGrad) error {
	if err := sameModel(m.params, model); err != nil {
		return err
	}
	m.adam.steps++
	for i, p := range m.params {
		if j := m.adamIndex[i]; j >= 0 {
			m.adam.update(j)
			continue
		}
		m.update(p, m.momentum[i])
	}
	return nil
}

// block is how many elements one task of an elementwise pass has.
const block = 16384

// update steps one matrix.
func (m *muon) update(p *nn.Param, momentum []float32) {
	w, g := p.Data(), p.GradData()
	rows, cols := p.Shape()[0], p.Shape()[1]
	mu, gradScale := float32(m.spec.Momentum), float32(m.gradScale)
	x := resize(&m.x, len(w))
	eachBlock(m.pool, len(w), func(lo, hi int) { // x = g + mu·momentum, with the new momentum
		kernel.Scale(momentum[lo:hi], mu)
		kernel.Axpy(momentum[lo:hi], gradScale, g[lo:hi])
		copy(x[lo:hi], momentum[lo:hi])
		kernel.Scale(x[lo:hi], mu)
		kernel.Axpy(x[lo:hi], gradScale, g[lo:hi])
		clear(g[lo:hi])
	})
	u := m.orthogonal(x, rows, cols)
	rate := m.rate * m.spec.MatrixRate
	step := float32(-rate * 0.2 * math.Sqrt(float64(max(rows, cols))))
	keep := float32(1 - rate*m.spec.WeightDecay)
	eachBlock(m.pool, len(w), func(lo, hi int) {
		kernel.Scale(w[lo:hi], keep)
		kernel.Axpy(w[lo:hi], step, u[lo:hi])
	})
	p.Changed()
}

// Newton–Schulz coefficients of Jordan et al.: the quintic a·x + b·x³ + c·x⁵ with the steepest slope at 0 that keeps
// singular values within about [0.7, 1.2].
const (
	nsA, nsB, nsC = 3.4445, -4.7750, 2.0315
	nsIterations  = 5
)

// orthogonal returns U·Vᵀ, nearly, of x = U·S·Vᵀ with shape (rows, cols). x is overwritten; the result lives until the
// next call.
func (m *muon) orthogonal(x []float32, rows, cols int) []float32 {
	norm := math.Sqrt(kernel.SumSquares(m.pool, x)) + 1e-7
	kernel.Scale(x, float32(1/norm))
	small := min(rows, cols)
	gram := kernel.NewMatrix(resize(&m.gram, small*small), small, small)
	poly := kernel.NewMatrix(resize(&m.poly, small*small), small, small)
	now := kernel.NewMatrix(x, rows, cols)
	next := kernel.NewMatrix(resize(&m.next, rows*cols), rows, cols)
	for range nsIterations {
		if rows <= cols {
			kernel.GemmNT(m.pool, m.prec, gram, now, now, false) // X·Xᵀ
		} else {
			kernel.GemmTN(m.pool, m.prec, gram, now, now, false) // Xᵀ·X
		}
		kernel.GemmNN(m.pool, m.prec, poly, gram, gram, false)
		eachBlock(m.pool, small*small, func(lo, hi int) {
			kernel.Scale(poly.Data[lo:hi], nsC)
			kernel.Axpy(poly.Data[lo:hi], nsB, gram.Data[lo:hi])
		})
		if rows <= cols {
			kernel.GemmNN(m.pool, m.prec, next, poly, now, false)
		} else {
			kernel.GemmNN(m.pool, m.prec, next, now, poly, false)
		}
		eachBlock(m.pool, rows*cols, func(lo, hi int) { kernel.Axpy(next.Data[lo:hi], nsA, now.Data[lo:hi]) })
		now, next = next, now
	}
	return now.Data
}

// State implements Solver.
func (m *muon) State() []Slot {
	slots := m.adam.State()
	for i, p := range m.params {
		if m.momentum[i] != nil {
			slots = append(slots, Slot{"muon.momentum/" + p.Name(), m.momentum[i]})
		}
	}
	return slots
}

// Steps implements Solver.
func (m *muon) Steps() int { return m.adam.steps }

// SetSteps implements Solver.
func (m *muon) SetSteps(n int) { m.adam.steps = n }

// eachBlock calls f for blocks that cover [0, n).
func eachBlock(pool *kernel.Pool, n int, f func(lo, hi int)) {
	pool.For((n+block-1)/block, func(i int) { f(i*block, min(n, (i+1)*block)) })
}

func resize(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}
