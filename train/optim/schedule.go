package optim

import (
	"fmt"
	"math"
)

// Shape names how the learning rate falls after its warm-up.
type Shape string

// The shapes.
const (
	Constant Shape = "constant"
	Linear   Shape = "linear" // straight down to the final rate
	Cosine   Shape = "cosine" // half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983)
	WSD      Shape = "wsd"    // warm-up, stable, decay: flat, then straight down in the last part (arXiv:2404.06395)
)

// Schedule says what share of the peak rate each step has. The zero value is constant.
type Schedule struct {
	Shape  Shape
	Warmup int     // steps of linear rise from 0
	Final  float64 // share of the peak at the last step, in [0, 1]
	Decay  float64 // WSD: share of all steps in which the rate falls, in (0, 1]; 0 means 0.2
}

// Check returns an error that names the field which is out of range.
func (s Schedule) Check() error {
	switch {
	case s.Shape != "" && s.Shape != Constant && s.Shape != Linear && s.Shape != Cosine && s.Shape != WSD:
		return fmt.Errorf("optim: schedule %q is none of constant, linear, cosine, wsd", s.Shape)
	case s.Warmup < 0:
		return fmt.Errorf("optim: warm-up of %d steps", s.Warmup)
	case !(s.Final >= 0 && s.Final <= 1):
		return fmt.Errorf("optim: final share %v of the rate outside [0, 1]", s.Final)
	case !(s.Decay >= 0 && s.Decay <= 1):
		return fmt.Errorf("optim: decay %v of the steps outside [0, 1]", s.Decay)
	}
	return nil
}

// At returns the share of the peak rate at a step in [0, steps). Step w−1 is the first at full rate when there are w steps
// of warm-up; the last step has a rate a little above Final, since a rate of 0 would waste it.
func (s Schedule) At(step, steps int) float64 {
	if step < s.Warmup {
		return float64(step+1) / float64(s.Warmup)
	}
	done := float64(step-s.Warmup) / float64(max(1, steps-s.Warmup)) // [0, 1)
	switch s.Shape {
	case Linear:
		return s.Final + (1-s.Final)*(1-done)
	case Cosine:
		return s.Final + (1-s.Final)*(1+math.Cos(math.Pi*done))/2
	case WSD:
		decay := s.Decay
		if decay == 0 {
			decay = 0.2
		}
		left := float64(steps-step) / (decay * float64(steps))
		return s.Final + (1-s.Final)*min(1, left)
	}
	return 1
}
