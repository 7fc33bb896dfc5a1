package recipe

import (
	"math/rand/v2"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/loss"
)

// mixture is a training source that puts batches of the student's own answers among the stored ones: generalised knowledge
// distillation (Agarwal et al. 2023, arXiv:2306.13649, algorithm 1). Which batch is which follows from its number and the
// seed, so a run that was stopped goes on with the same.
//
// The student does not write before every batch but once a round of some steps: what a round's batches need is sampled
// together, from the weights at its first own batch. What it wrote is kept beside the checkpoints, since the weights that
// wrote it are gone when a run is taken up in the middle of a round.
type mixture struct {
	stored     *packed
	author     *author
	spec       config.OnPolicy
	objective  *loss.Objective // of the student's own answers
	steps      int
	accumulate int
	seed       uint64
	round      round
}

var _ train.Judged = (*mixture)(nil)

// ownStream is the second half of the seed that tells own batches from stored ones.
const ownStream = 0x6f776e

// share returns the share of batches that are the student's own at a step.
func (m *mixture) share(step int) float64 {
	done := float64(step) / float64(m.steps)
	switch ramp := m.spec.Ramp; {
	case done < m.spec.Start:
		return 0
	case done < m.spec.Start+ramp:
		return m.spec.Share * (done - m.spec.Start) / ramp
	}
	return m.spec.Share
}

// own reports whether batch i is the student's own.
func (m *mixture) own(i int) bool {
	u := rand.New(rand.NewPCG(m.seed, ownStream+uint64(i)<<32)).Float64()
	return u < m.share(i/m.accumulate)
}

// Batch implements train.Source.
func (m *mixture) Batch(i int) (*train.Batch, error) {
	if !m.own(i) {
		return m.stored.Batch(i)
	}
	length := m.spec.Every * m.accumulate // of a round, in batches
	number := i / length
	before, all := 0, 0
	for j := number * length; j < (number+1)*length; j++ {
		if m.own(j) {
			all++
			if j < i {
				before++
			}
		}
	}
	if m.round.batches == nil || m.round.number != number {
		r, err := m.author.round(number, all)
		if err != nil {
			return nil, err
		}
		m.round = r
	}
	return m.round.batches[before], nil
}

// Objective implements train.Judged.
func (m *mixture) Objective(i int) *loss.Objective {
	if m.own(i) {
		return m.objective
	}
	return nil
}

// onPolicyLoss translates the recipe's divergence on the student's own answers. Their text itself is nothing to learn.
func onPolicyLoss(o *config.OnPolicy) loss.Spec {
	return lossSpec(&config.Loss{Kind: o.Loss, Weight: 1, Temperature: 1, Beta: o.Beta})
}
