package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// hfRope is rope_scaling, or rope_parameters, in which transformers 5 puts the base too.
type hfRope struct {
	Type            string   `json:"rope_type,omitempty"`
	OldType         string   `json:"type,omitempty"`
	Theta           *float64 `json:"rope_theta,omitempty"`
	Factor          float64  `json:"factor,omitempty"`
	Original        int      `json:"original_max_position_embeddings,omitempty"`
	LowFreqFactor   float64  `json:"low_freq_factor,omitempty"`
	HighFreqFactor  float64  `json:"high_freq_factor,omitempty"`
	AttentionFactor float64  `json:"attention_factor,omitempty"`
	BetaFast        float64  `json:"beta_fast,omitempty"`
	BetaSlow        float64  `json:"beta_slow,omitempty"`
	MScale          float64  `json:"mscale,omitempty"`
	MScaleAll       float64  `json:"mscale_all_dim,omitempty"`
	Truncate        *bool    `json:"truncate,omitempty"`
	PartialRotary   *float64 `json:"partial_rotary_factor,omitempty"`
}

// UnmarshalJSON refuses, by name, what holds parameters of its own: those of some kinds of layers, or of images.
func (r *hfRope) UnmarshalJSON(text []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if value := bytes.TrimSpace(all[name]); value[0] == '{' || value[0] == '[' && name == "mrope_section" {
			return fmt.Errorf("rope parameters: %s: positions of several kinds are not supported", name)
		}
	}
	type plain hfRope
	return json.Unmarshal(text, (*plain)(r))
}

// setRope takes the rotary positions from where a version of transformers keeps them. A note says what is left out.
func (c *Config) setRope(h hfConfig) (note string, err error) {
	rope := h.RopeScaling
	if rope == nil {
		rope = h.RopeParams
	}
	c.RopeTheta = valueOr(h.RopeTheta, c.RopeTheta)
	if h.RopeParams != nil {
		c.RopeTheta = valueOr(h.RopeParams.Theta, c.RopeTheta)
	}
	if rope == nil {
		return "", nil
	}
	if !valueOr(rope.Truncate, true) || valueOr(rope.PartialRotary, 1) != 1 {
		return "", errors.New("model: rope_scaling: truncate and partial_rotary_factor are not supported")
	}
	kind := rope.Type
	if kind == "" {
		kind = rope.OldType
	}
	switch kind {
	case "", "default":
		return "", nil
	case "dynamic": // stretches only what is longer than the context
		return fmt.Sprintf("rope_scaling: dynamic scaling is not done: positions are as trained, up to the context of %d", c.Context), nil
	}
	c.RopeScaling = rope.scaling(kind, h.Context)
	return "", nil
}

// scaling returns the parameters that a kind of scaling has.
func (r *hfRope) scaling(kind string, context int) *RopeScaling {
	s := &RopeScaling{Type: kind, Factor: r.Factor}
	switch kind {
	case RopeLlama3:
		s.OriginalContext, s.LowFreqFactor, s.HighFreqFactor = r.Original, r.LowFreqFactor, r.HighFreqFactor
	case RopeYarn:
		s.OriginalContext, s.BetaFast, s.BetaSlow, s.AttentionFactor = r.Original, r.BetaFast, r.BetaSlow, r.AttentionFactor
		if s.OriginalContext == 0 {
			s.OriginalContext = context
		}
		if s.Factor == 0 && s.OriginalContext > 0 { // left out, or null
			s.Factor = float64(context) / float64(s.OriginalContext)
		}
		if r.MScale != 0 && r.MScaleAll != 0 && s.AttentionFactor == 0 {
			grow := func(m float64) float64 { return 0.1*m*math.Log(max(1, s.Factor)) + 1 }
			s.AttentionFactor = grow(r.MScale) / grow(r.MScaleAll)
		}
	}
	return s
}
