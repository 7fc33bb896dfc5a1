package infer

import (
	"slices"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// candidate is a token with its logit; after sorting and cutting, with its probability.
type candidate struct {
	id    Token
	logit float32
	p     float64
}

// likely finds the most likely tokens. It is scratch memory, reused from token to token.
type likely struct {
	found   []candidate
	maxima  []float32 // of blocks
	ordered []float32 // the same, to be shuffled
}

// top returns the k largest logits, falling; on a tie the lower id comes first. The result lives in l.
//
// Among the maxima of blocks the k-th largest is a floor that k logits reach, and few blocks reach it: the rest of the
// vocabulary is looked at once, by vectors. The floor rises with the number of blocks, four for each logit wanted.
func (l *likely) top(logits []float32, k int) []candidate {
	l.found = l.found[:0]
	block := 256
	for block > 8 && len(logits) < 4*k*block {
		block /= 2
	}
	if len(logits) >= 2*k*block {
		l.above(l.floor(logits, k, block), logits, block)
	}
	if len(l.found) < k { // nearly all are wanted, or there is no order among them
		l.found = l.found[:0]
		for i, v := range logits {
			l.found = append(l.found, candidate{id: Token(i), logit: v})
		}
	}
	slices.SortFunc(l.found, func(a, b candidate) int { // b before a
		switch {
		case a.logit > b.logit:
			return -1
		case a.logit < b.logit:
			return 1
		}
		return int(a.id - b.id)
	})
	return l.found[:min(k, len(l.found))]
}

// floor returns the k-th largest of the maxima of blocks.
func (l *likely) floor(logits []float32, k, block int) float32 {
	l.maxima = l.maxima[:0]
	for lo := 0; lo < len(logits); lo += block {
		l.maxima = append(l.maxima, kernel.Max(logits[lo:min(lo+block, len(logits))]))
	}
	l.ordered = append(l.ordered[:0], l.maxima...)
	return largest(l.ordered, k)
}

// above collects the logits that reach the floor from the blocks whose maxima do.
func (l *likely) above(floor float32, logits []float32, block int) {
	for i, highest := range l.maxima {
		if highest < floor {
			continue
		}
		lo := i * block
		for j, v := range logits[lo:min(lo+block, len(logits))] {
			if v >= floor {
				l.found = append(l.found, candidate{id: Token(lo + j), logit: v})
			}
		}
	}
}

// largest returns the k-th largest of the values, 1 ≤ k ≤ len(v), which it reorders. Source: Hoare 1961, "Find",
// Communications of the ACM 4(7).
func largest(v []float32, k int) float32 {
	for lo, hi := 0, len(v)-1; lo < hi; {
		pivot := v[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for v[i] > pivot {
				i++
			}
			for v[j] < pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k-1 <= j:
			hi = j
		case k-1 >= i:
			lo = i
		default:
			return v[k-1]
		}
	}
	return v[k-1]
}
