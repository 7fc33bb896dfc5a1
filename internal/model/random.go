package model

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// Random returns a model of the given shape with random weights in memory: what a test of conversion or inference
// needs, and the size of what a quantizer will meet. Matrices are normal with deviation 1/√columns, norms are near 1,
// biases near 0, so activations keep their scale through all layers. A seed always gives the same weights.
func Random(cfg Config, tok *tokenizer.Tokenizer, seed uint64) (*Model, error) {
	weights := make(map[string][]float32)
	for i, s := range cfg.Specs() {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		w := make([]float32, s.Elements())
		deviation, mean := 1/math.Sqrt(float64(s.Shape[len(s.Shape)-1])), 0.0
		if len(s.Shape) == 1 {
			deviation = 0.1
			if strings.HasSuffix(s.Name, ".weight") {
				mean = 1
			}
		}
		for j := range w {
			w[j] = float32(mean + deviation*rng.NormFloat64())
		}
		weights[s.Name] = w
	}
	return New(cfg, tok, "", weights)
}
