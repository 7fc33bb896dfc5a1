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

// before returns the sum of what is more likely than a token, or as likely and of a lower id.
func (d *distribution) before(id Token) (sum float64) {
	limit := int32(math.Float32bits(d.p[id]))
	own := int(id)
	for lo := 0; lo < len(d.p); lo += sumBlock {
		block := d.p[lo:min(lo+sumBlock, len(d.p))]
		if kernel.Max(block) < d.p[id] {
			continue
		}
		lower := min(max(own-lo, 0), len(block))
		sum += sumAbove(block[:lower], limit-1) + sumAbove(block[lower:], limit)
	}
	return sum
}

// sumAbove returns the sum of the values, none of which is negative, whose bits are above the limit. It does not branch:
// no processor could foretell where.
func sumAbove(v []float32, limit int32) float64 {
	above := func(x float32) float32 {
		bits := int32(math.Float32bits(x))
		return math.Float32frombits(uint32(bits & ((limit - bits) >> 31)))
	}
	var s0, s1, s2, s3 float32
	for ; len(v) >= 4; v = v[4:] {
		s0 += above(v[0])
		s1 += above(v[1])
		s2 += above(v[2])
		s3 += above(v[3])
	}
	for _, x := range v {
		s0 += above(x)
	}
	return float64(s0+s1) + float64(s2+s3)
}
