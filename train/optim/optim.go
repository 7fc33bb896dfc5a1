// Package optim turns gradients into updates: AdamW and Muon as gorgonia solvers, schedules of the learning rate,
// clipping, and an exponential moving average of the weights.
//
//	solver, err := optim.New(optim.Spec{Algorithm: optim.AdamW, WeightDecay: 0.1}, params, pool, kernel.FP32)
//	solver.Prepare(rate, optim.ClipScale(norm, 1))
//	err = solver.Step(optim.Model(params))
//
// Gorgonia's own solvers hide their state, so a run could not be resumed exactly, and couple weight decay to the moments.
// Here the state is plain slices under names ([Solver.State]), and every update is a few passes of the vector kernels
// that clear the gradient as they go. Results do not depend on the number of threads.
package optim

import (
	"fmt"
	"math"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// Algorithm names an optimizer.
type Algorithm string

// The algorithms.
const (
	AdamW Algorithm = "adamw" // decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101)
	Muon  Algorithm = "muon"  // orthogonalised momentum for the matrices of the blocks, AdamW for the rest
)

// Spec says how weights are updated. A zero field means the default that its comment names.
type Spec struct {
	Algorithm   Algorithm // AdamW
	Beta1       float64   // 0.9: decay of the first moment
	Beta2       float64   // 0.95: of the second
	Epsilon     float64   // 1e-8
	WeightDecay float64   // of matrices; norms and biases have none
	Momentum    float64   // 0.95: of Muon
	MatrixRate  float64   // 1: Muon's rate for matrices, as a multiple of the rate
}

func (s Spec) withDefaults() Spec {
	for _, d := range []struct {
		field *float64
		value float64
	}{{&s.Beta1, 0.9}, {&s.Beta2, 0.95}, {&s.Epsilon, 1e-8}, {&s.Momentum, 0.95}, {&s.MatrixRate, 1}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if s.Algorithm == "" {
		s.Algorithm = AdamW
	}
	return s
}

func (s Spec) check() error {
	for _, f := range []struct {
		name  string
		value float64
		below float64
	}{{"beta1", s.Beta1, 1}, {"beta2", s.Beta2, 1}, {"momentum", s.Momentum, 1}, {"epsilon", s.Epsilon, 1}, {"weight decay", s.WeightDecay, 100}, {"matrix rate", s.MatrixRate, 1000}} {
		if !(f.value >= 0 && f.value < f.below) {
			return fmt.Errorf("optim: %s %v outside [0, %v)", f.name, f.value, f.below)
		}
	}
	return nil
}

// Slot is a named piece of a solver's state. The slice is the state itself.
type Slot struct {
	Name string
	Data []float32
}

// Solver is a gorgonia.Solver whose rate changes from step to step and whose state can be saved. Step must be given the
// parameters it was made for, in that order; it clears their gradients.
type Solver interface {
	G.Solver
	// Prepare sets the rate of the next step and what its gradients are multiplied with.
	Prepare(rate, gradScale float64)
	// State returns the state to be saved, and to be written to when it is restored.
	State() []Slot
	// Steps returns the number of steps taken; SetSteps restores it.
	Steps() int
	SetSteps(n int)
}

// New returns a solver for the learnt parameters. The precision is that of Muon's matrix products.
func New(s Spec, params nn.Params, pool *kernel.Pool, prec kernel.Precision) (Solver, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	switch s.Algorithm {
	case AdamW:
		return newAdamW(s, params, pool), nil
	case Muon:
		return newMuon(s, params, pool, prec), nil
	}
	return nil, fmt.Errorf("optim: algorithm %q is neither %s nor %s", s.Algorithm, AdamW, Muon)
}

// Model returns parameters as gorgonia solvers take them.
func Model(params nn.Params) []G.ValueGrad {
	model := make([]G.ValueGrad, len(params))
	for i, p := range params {
		model[i] = p
	}
	return model
}

// decayed reports whether weight decay applies: to matrices, not to norms and biases.
func decayed(p *nn.Param) bool { return len(p.Shape()) > 1 }

// orthogonalised reports whether Muon takes the parameter: the matrices within the blocks, and not their low-rank
// adapters, embeddings or the output, whose rows are not parts of one linear map (Jordan et al. 2024, Muon).
func orthogonalised(p *nn.Param) bool {
	return decayed(p) && strings.HasPrefix(p.Name(), "blk.") && strings.HasSuffix(p.Name(), ".weight")
}

// GradNorm returns the Euclidean norm of all gradients together.
func GradNorm(pool *kernel.Pool, params nn.Params) float64 {
	var sum float64
	for _, p := range params {
		sum += kernel.SumSquares(pool, p.GradData())
	}
	return math.Sqrt(sum)
}

// ClipScale returns what gradients of the given norm are multiplied with so that their norm is at most limit; a limit of
// 0 or less means none.
func ClipScale(norm, limit float64) float64 {
	if limit <= 0 || norm <= limit {
		return 1
	}
	return limit / norm
}

// ClearGrads sets all gradients to zero.
func ClearGrads(params nn.Params) {
	for _, p := range params {
		clear(p.GradData())
	}
}
