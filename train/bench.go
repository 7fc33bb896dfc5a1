package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/train/optim"
)

// Load is the shape of a benchmark.
type Load struct {
	Vocab, Rows, Length int // of the random batch
	Steps               int // timed, after one that is not; 0 means 6
	Optimizer           optim.Spec
}

// Speed is what a benchmark measured, in positions a second.
type Speed struct {
	Best, Mean float64
}

// Bench times whole training steps, update included, on random tokens. It changes the model's weights.
func Bench(ctx context.Context, m Model, l Load) (Speed, error) {
	if l.Steps <= 0 {
		l.Steps = 6
	}
	b := randomBatch(l)
	var times []time.Duration
	last := time.Now()
	_, err := Run(ctx, Options{Model: m, Data: repeat{b}, Steps: l.Steps + 1, Rate: 3e-4, Optimizer: l.Optimizer, Observe: func(Progress) {
		now := time.Now()
		times = append(times, now.Sub(last))
		last = now
	}})
	if err != nil {
		return Speed{}, fmt.Errorf("train: bench: %w", err)
	}
	best, sum := times[1], time.Duration(0)
	for _, t := range times[1:] {
		best = min(best, t)
		sum += t
	}
	positions := float64(l.Rows * l.Length)
	return Speed{Best: positions / best.Seconds(), Mean: positions * float64(l.Steps) / sum.Seconds()}, nil
}

// repeat is a source of one batch, again and again.
type repeat struct{ batch *Batch }

func (r repeat) Batch(int) (*Batch, error) { return r.batch, nil }

func randomBatch(l Load) *Batch {
	r := rand.New(rand.NewPCG(1, 1))
	b := &Batch{Rows: l.Rows, Length: l.Length}
	for range l.Rows * l.Length {
		b.Tokens = append(b.Tokens, distill.Token(r.IntN(l.Vocab)))
		b.Targets = append(b.Targets, distill.Token(r.IntN(l.Vocab)))
		b.Weights = append(b.Weights, 1)
	}
	return b
}
