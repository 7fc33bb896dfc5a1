package student

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

const deviation = 0.02 // of random weights

// initialise gives a parameter its first values.
func initialise(p *nn.Param, cfg model.Config, seed uint64) {
	defer p.Changed()
	w := p.Data()
	name := p.Name()
	switch {
	case strings.HasSuffix(name, ".bias"):
		clear(w)
		return
	case len(p.Shape()) == 1:
		for i := range w {
			w[i] = 1
		}
		return
	}
	std := deviation
	if strings.HasSuffix(name, "attn_output.weight") || strings.HasSuffix(name, "ffn_down.weight") {
		std /= math.Sqrt(2 * float64(cfg.Layers))
	}
	normal(w, name, seed, std)
}

// normal fills w with normal numbers that depend on the name and the seed alone.
func normal(w []float32, name string, seed uint64, std float64) {
	r := rand.New(rand.NewPCG(seed, xxhash.Sum64String(name)))
	for i := range w {
		w[i] = float32(r.NormFloat64() * std)
	}
}
