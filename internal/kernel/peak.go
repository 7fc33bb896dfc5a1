package kernel

import "time"

// Peak is what this machine's arithmetic units reach on one core, in floating-point operations per
// second, measured on registers alone. Zero means the implementation in use has no such unit.
type Peak struct {
	FMA  float64 // float32 fused multiply-adds
	Tile float64 // bf16 tile products
}

// MeasurePeak times loops of independent operations for about a third of a second each, on the
// caller's core, and keeps the best round.
func MeasurePeak() Peak {
	return Peak{
		FMA:  bestRate(active.fmaPeak, active.fmaFlops),
		Tile: bestRate(active.tilePeak, active.tileFlops),
	}
}

// bestRate runs loop in rounds of about a millisecond and returns the best flops per second; flops counts
// those of one round of the loop.
func bestRate(loop func(n int), flops float64) float64 {
	if loop == nil {
		return 0
	}
	rounds := 1000
	best := 0.0
	for start := time.Now(); time.Since(start) < 300*time.Millisecond; {
		t := time.Now()
		loop(rounds)
		took := time.Since(t).Seconds()
		if took < 0.0005 {
			rounds *= 2
			continue
		}
		best = max(best, float64(rounds)*flops/took)
	}
	return best
}
