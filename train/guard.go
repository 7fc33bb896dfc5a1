package train

import (
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/seed-d24fde5f/distill/train/checkpoint"
)

// guard notices steps that would harm the weights. It is part of the checkpoint.
type guard struct {
	Usual    float64 `json:"usual"`    // moving average of the gradient's norm
	Seen     int     `json:"seen"`     // steps it averages
	InARow   int     `json:"in_a_row"` // skipped steps since the last good one
	Skipped  int     `json:"skipped"`  // in all
	Reverted int     `json:"reverted"`
	Rate     float64 `json:"rate"` // share of the rate that is left after reverting
}

const (
	guardWarmup  = 20 // steps before a norm can be unusual
	maxInARow    = 4  // skipped steps before the run goes back
	maxReverted  = 5
	usualForgets = 0.05
)

// judge returns why a step is to be skipped, empty if it is not.
func (g *guard) judge(loss, norm, spike float64) string {
	switch {
	case !finite(loss):
		return fmt.Sprintf("loss is %v", loss)
	case !finite(norm):
		return fmt.Sprintf("gradient norm is %v", norm)
	case spike > 0 && g.Seen >= guardWarmup && norm > spike*g.Usual:
		return fmt.Sprintf("gradient norm %.3g is more than %g times the usual %.3g", norm, spike, g.Usual)
	}
	if g.Seen == 0 {
		g.Usual = norm
	}
	g.Usual += usualForgets * (norm - g.Usual)
	g.Seen++
	g.InARow = 0
	return ""
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// ErrDiverged says that going back has not helped.
var ErrDiverged = errors.New("the run diverges again and again")

// skip leaves an update out. After several in a row it goes back to the last checkpoint with half the rate, and so it does
// rather than end on weights whose loss is no number.
func (r *run) skip(p Progress) error {
	for _, q := range r.params {
		clear(q.GradData())
	}
	r.Guard.Skipped++
	r.Guard.InARow++
	r.advance()
	r.Log.Warn("step skipped", "step", r.Step, "why", p.Skipped)
	endsHarmed := r.Step == r.Steps && r.saved >= 0 && !finite(p.Loss)
	if r.Guard.InARow < maxInARow && !endsHarmed {
		return nil
	}
	if r.Guard.Reverted >= maxReverted {
		return fmt.Errorf("train: step %d: %s; after going back %d times to a lower rate: %w", r.Step, p.Skipped, maxReverted, ErrDiverged)
	}
	if r.saved < 0 {
		return fmt.Errorf("train: %d steps in a row are unusable (%s) and there is no checkpoint to go back to", maxInARow, p.Skipped)
	}
	reached, after := r.position, r.Guard
	if err := r.passOver(); err != nil {
		return err
	}
	if err := r.load(); err != nil {
		return err
	}
	// The data that led here is not read again; the guard remembers how often it was needed.
	r.Batch = reached.Batch
	r.Guard.Skipped, r.Guard.Reverted, r.Guard.Rate = after.Skipped, after.Reverted+1, after.Rate/2
	r.Guard.InARow = 0
	r.Log.Warn("back to the last checkpoint with half the rate", "step", r.Step, "rate share", r.Guard.Rate)
	return errors.Join(r.save(), r.openMetrics())
}

// passOver removes the newest checkpoint, if there is an older one and no step since was usable: its weights were harmed by the
// update just before it.
func (r *run) passOver() error {
	if r.saved+r.Guard.InARow < r.Step {
		return nil
	}
	steps, err := checkpoint.Steps(r.Dir)
	if err != nil || len(steps) < 2 {
		return err
	}
	return os.RemoveAll(checkpoint.Path(r.Dir, r.saved))
}
