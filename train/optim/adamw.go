package optim

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// adamW is AdamW over kernel.AdamW, which reads gradient, moments and weight once and clears the gradient.
type adamW struct {
	spec            Spec
	pool            *kernel.Pool
	params          nn.Params
	first, second   [][]float32 // moments
	steps           int
	rate, gradScale float64
}

func newAdamW(s Spec, params nn.Params, pool *kernel.Pool) *adamW {
	a := &adamW{spec: s, pool: pool, params: params, gradScale: 1}
	for _, p := range params {
		a.first = append(a.first, make([]float32, len(p.Data())))
		a.second = append(a.second, make([]float32, len(p.Data())))
	}
	return a
}

// Prepare implements Solver.
func (a *adamW) Prepare(rate, gradScale float64) { a.rate, a.gradScale = rate, gradScale }

// Step implements gorgonia.Solver.
func (a *adamW) Step(model []G.ValueGrad) error {
	if err := sameModel(a.params, model); err != nil {
		return err
	}
	a.steps++
	for i := range a.params {
		a.update(i)
	}
	return nil
}

// update steps parameter i.
func (a *adamW) update(i int) {
	p := a.params[i]
	k := kernel.AdamW{
		LR: float32(a.rate), Beta1: float32(a.spec.Beta1), Beta2: float32(a.spec.Beta2), Eps: float32(a.spec.Epsilon),
		GradScale: float32(a.gradScale), Step: a.steps,
	}
	if decayed(p) {
		k.WeightDecay = float32(a.spec.WeightDecay)
	}
	k.Apply(a.pool, p.Data(), p.GradData(), a.first[i], a.second[i])
	p.Changed()
}

// State implements Solver.
func (a *adamW) State() []Slot {
	var slots []Slot
	for i, p := range a.params {
		slots = append(slots, Slot{"adamw.first/" + p.Name(), a.first[i]}, Slot{"adamw.second/" + p.Name(), a.second[i]})
	}
	return slots
}

// Steps implements Solver.
func (a *adamW) Steps() int { return a.steps }

// SetSteps implements Solver.
func (a *adamW) SetSteps(n int) { a.steps = n }

// sameModel returns an error unless model is params.
func sameModel(params nn.Params, model []G.ValueGrad) error {
	if len(model) != len(params) {
		return fmt.Errorf("optim: solver made for %d parameters, given %d", len(params), len(model))
	}
	for i, p := range model {
		if p != G.ValueGrad(params[i]) {
			return fmt.Errorf("optim: parameter %d is not %s, which the solver was made for", i, params[i].Name())
		}
	}
	return nil
}
