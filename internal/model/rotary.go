package model

import "math"

// RotaryFrequencies returns the angle per position of each rotated pair, (D/2) radians, and the factor on cosine and
// sine (1 but for yarn). Position p turns pair i by p·freqs[i]:
//
//	freqs[i] = theta^(−2i/D), then by scaling
//	linear   divided by Factor
//	llama3   long wavelengths divided by Factor, short ones kept, smoothly between (Llama 3.1's reference code)
//	yarn     interpolated below, kept above, a ramp between (arXiv:2309.00071, section 3.2; mscale in 3.4)
func (c Config) RotaryFrequencies() (freqs []float32, scale float32) {
	half := c.HeadDim / 2
	freqs = make([]float32, half)
	for i := range freqs {
		freqs[i] = float32(math.Pow(c.RopeTheta, -float64(2*i)/float64(c.HeadDim)))
	}
	s := c.RopeScaling
	if s == nil {
		return freqs, 1
	}
	switch s.Type {
	case RopeLinear:
		for i := range freqs {
			freqs[i] /= float32(s.Factor)
		}
	case RopeYarn:
		return freqs, c.yarn(freqs)
	default:
		for i, d := range c.llama3Divisors() {
			freqs[i] /= d
		}
	}
	return freqs, 1
}

// llama3Divisors returns what each frequency is divided by, (D/2).
func (c Config) llama3Divisors() []float32 {
	s := c.RopeScaling
	if s.Divisors != nil {
		return s.Divisors
	}
	divisors := make([]float32, c.HeadDim/2)
	longest := float64(s.OriginalContext) / s.LowFreqFactor
	shortest := float64(s.OriginalContext) / s.HighFreqFactor
	for i := range divisors {
		wavelength := 2 * math.Pi * math.Pow(c.RopeTheta, float64(2*i)/float64(c.HeadDim))
		switch {
		case wavelength < shortest:
			divisors[i] = 1
		case wavelength > longest:
			divisors[i] = float32(s.Factor)
		default:
			smooth := (float64(s.OriginalContext)/wavelength - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
			divisors[i] = float32(1 / ((1-smooth)/s.Factor + smooth))
		}
	}
	return divisors
}

// yarn rescales freqs in place and returns the factor on cosine and sine.
func (c Config) yarn(freqs []float32) float32 {
	s := c.RopeScaling
	// dim is the pair, not rounded, that turns the given number of times over the original context.
	dim := func(turns float64) float64 {
		return float64(c.HeadDim) * math.Log(float64(s.OriginalContext)/(turns*2*math.Pi)) / (2 * math.Log(c.RopeTheta))
	}
	low := max(0, math.Floor(dim(orElse(s.BetaFast, 32))))
	high := min(float64(c.HeadDim-1), math.Ceil(dim(orElse(s.BetaSlow, 1))))
	for i := range freqs {
		ramp := min(1, max(0, (float64(i)-low)/max(0.001, high-low)))
		freqs[i] = float32(float64(freqs[i]) * (ramp/s.Factor + 1 - ramp))
	}
	return float32(s.attention())
}

// attention returns yarn's factor on cosine and sine.
func (s *RopeScaling) attention() float64 {
	return orElse(s.AttentionFactor, 0.1*math.Log(s.Factor)+1)
}

func orElse(x, other float64) float64 {
	if x == 0 {
		return other
	}
	return x
}
