package infer

import (
	"math"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// distribution holds exp((logit − largest)/temperature) for a whole vocabulary, with sums of blocks of it: one pass over
// the logits serves log-probabilities, draws and sampled signals, and a draw need not walk over every token.
type distribution struct {
	p     []float32
	sums  []float64 // of blocks of p
	total float64
	top   float32 // the largest logit
}

const sumBlock = 256

// set computes the distribution of logits at a temperature.
func (d *distribution) set(logits []float32, temperature float64) {
	p := resize(&d.p, len(logits))
	a := float32(1 / temperature)
	d.top = kernel.Max(logits)
	d.sums, d.total = d.sums[:0], 0
	for lo := 0; lo < len(p); lo += sumBlock {
		hi := min(lo+sumBlock, len(p))
		s := kernel.ExpShifted(p[lo:hi], logits[lo:hi], a, d.top)
		d.sums = append(d.sums, s)
		d.total += s
	}
}

// logSumExp returns log Σ exp(logit) of a distribution set at temperature 1.
func (d *distribution) logSumExp() float32 { return float32(float64(d.top) + math.Log(d.total)) }

// at returns the token at u, 0 ≤ u < 1, of the cumulated distribution in the order of ids.
func (d *distribution) at(u float64) Token {
	u *= d.total
	block := 0
	for block < len(d.sums)-1 && u >= d.sums[block] {
		u -= d.sums[block]
		block++
	}
	// A block's sum and that of a walk through it differ by rounding: what is left over goes to its last possible token.
	lo := block * sumBlock
	last := lo
	for i, v := range d.p[lo:min(lo+sumBlock, len(d.p))] {
		if v > 0 {
			last = lo + i
			if u -= float64(v); u < 0 {
				break
			}
		}
	}
	return Token(last)
}
