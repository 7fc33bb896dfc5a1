package student

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/nn"
)

// LoRA trains low-rank additions to frozen weights instead of the weights: y += alpha/rank · B·A·x with A (rank, in)
// random and B (out, rank) zero at first. Source: Hu et al. 2021, arXiv:2106.09685.
type LoRA struct {
	Rank    int
	Alpha   float64  // 0 means 2·Rank
	Targets []string // of attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down; nil means all
	Dropout float64  // share of the inputs that adapters do not see in training, in [0, 1)
	Seed    uint64
}

// loraTargets are the layers that can have an adapter.
var loraTargets = []string{"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}

// WithLoRA freezes the student's weights and adds low-rank adapters to them. Model merges them.
func WithLoRA(l LoRA) Option { return func(s *settings) { s.lora = &l } }

// adapt adds the adapters and projections that were asked for.
func (s *Student) adapt(seed uint64) error {
	l := s.settings.lora
	if l == nil {
		return s.matchings()
	}
	if !(l.Dropout >= 0 && l.Dropout < 1) {
		return fmt.Errorf("student: dropout %v of LoRA outside [0, 1)", l.Dropout)
	}
	if l.Rank <= 0 {
		return errors.New("student: the rank of LoRA must be positive")
	}
	alpha := l.Alpha
	if alpha == 0 {
		alpha = 2 * float64(l.Rank)
	}
	targets := l.Targets
	if targets == nil {
		targets = loraTargets
	}
	for _, t := range targets {
		if !slices.Contains(loraTargets, t) {
			return fmt.Errorf("student: LoRA target %q is none of %s", t, strings.Join(loraTargets, ", "))
		}
	}
	s.adapters = map[string]*nn.Adapter{}
	for layer := range s.cfg.Layers {
		for _, t := range targets {
			base := fmt.Sprintf("blk.%d.%s", layer, t)
			w := s.byName[base+".weight"]
			a := nn.NewParam(base+".lora_a", false, l.Rank, w.Shape()[1])
			b := nn.NewParam(base+".lora_b", false, w.Shape()[0], l.Rank)
			normal(a.Data(), a.Name(), seed^l.Seed, deviation)
			a.Changed()
			s.add(a)
			s.add(b)
			s.adapters[base+".weight"] = &nn.Adapter{A: a, B: b, Scale: float32(alpha / float64(l.Rank)), Dropout: float32(l.Dropout)}
		}
	}
	return s.matchings()
}
