package optim

import (
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// EMA is an exponential moving average of the weights: average = decay·average + (1−decay)·weights after each step.
type EMA struct {
	decay   float32
	pool    *kernel.Pool
	params  nn.Params
	average [][]float32
}

// NewEMA returns an average that starts at the present weights; decay is in (0, 1).
func NewEMA(decay float64, params nn.Params, pool *kernel.Pool) *EMA {
	e := &EMA{decay: float32(decay), pool: pool, params: params}
	for _, p := range params {
		e.average = append(e.average, append([]float32(nil), p.Data()...))
	}
	return e
}

// Update takes the present weights in.
func (e *EMA) Update() {
	for i, p := range e.params {
		average, w := e.average[i], p.Data()
		eachBlock(e.pool, len(w), func(lo, hi int) {
			kernel.Scale(average[lo:hi], e.decay)
			kernel.Axpy(average[lo:hi], 1-e.decay, w[lo:hi])
		})
	}
}

// Swap exchanges weights and average: once to evaluate or keep the average, again to go on training.
func (e *EMA) Swap() {
	for i, p := range e.params {
		average, w := e.average[i], p.Data()
		for j, v := range average {
			average[j], w[j] = w[j], v
		}
		p.Changed()
	}
}

// State returns the averages to be saved, and to be written to when they are restored.
func (e *EMA) State() []Slot {
	var slots []Slot
	for i, p := range e.params {
		slots = append(slots, Slot{"ema/" + p.Name(), e.average[i]})
	}
	return slots
}
