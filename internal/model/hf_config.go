package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// hfConfig is config.json, as far as it bears on the function the model computes. Pointers tell absence from zero.
type hfConfig struct {
	Architectures []string      `json:"architectures,omitempty"`
	ModelType     string        `json:"model_type"`
	Vocab         int           `json:"vocab_size"`
	Context       int           `json:"max_position_embeddings"`
	Width         int           `json:"hidden_size"`
	FFN           int           `json:"intermediate_size"`
	Layers        int           `json:"num_hidden_layers"`
	Heads         int           `json:"num_attention_heads"`
	KVHeads       *int          `json:"num_key_value_heads,omitempty"`
	HeadDim       *int          `json:"head_dim,omitempty"`
	HiddenAct     string        `json:"hidden_act,omitempty"`
	NormEps       *float64      `json:"rms_norm_eps,omitempty"`
	RopeTheta     *float64      `json:"rope_theta,omitempty"`
	RopeScaling   *hfRope       `json:"rope_scaling,omitempty"`
	RopeParams    *hfRope       `json:"rope_parameters,omitempty"` // transformers 5 puts both of the above here
	PartialRotary *float64      `json:"partial_rotary_factor,omitempty"`
	Tied          *bool         `json:"tie_word_embeddings,omitempty"`
	AttentionBias *bool         `json:"attention_bias,omitempty"`
	MLPBias       *bool         `json:"mlp_bias,omitempty"`
	Window        *int          `json:"sliding_window,omitempty"`
	UseWindow     *bool         `json:"use_sliding_window,omitempty"`
	DType         string        `json:"torch_dtype,omitempty"`
	BOS           *int32        `json:"bos_token_id,omitempty"`
	EOS           *tokenIDs     `json:"eos_token_id,omitempty"`
	PAD           *int32        `json:"pad_token_id,omitempty"`
	Quantization  *hfQuantTypes `json:"quantization_config,omitempty"`
}

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

type hfQuantTypes struct {
	Method string `json:"quant_method"`
}

// tokenIDs is one id or a list of them.
type tokenIDs []int32

func (t *tokenIDs) UnmarshalJSON(text []byte) error {
	var one int32
	if err := json.Unmarshal(text, &one); err == nil {
		*t = tokenIDs{one}
		return nil
	}
	return json.Unmarshal(text, (*[]int32)(t))
}

// ParseHFConfig reads the text of a config.json. Notes say what it asks for that is not done as it says, for people to
// read. What would change the model's function and is not supported is an error that names the field.
func ParseHFConfig(text []byte) (c Config, notes []string, err error) {
	var h hfConfig
	if err := json.Unmarshal(text, &h); err != nil {
		return Config{}, nil, fmt.Errorf("model: config: %w", err)
	}
	if err := h.refuse(); err != nil {
		return Config{}, nil, err
	}
	c = Config{
		Arch: h.ModelType, Vocab: h.Vocab, Context: h.Context, Width: h.Width, FFN: h.FFN, Layers: h.Layers, Heads: h.Heads,
		KVHeads: valueOr(h.KVHeads, h.Heads), NormEps: valueOr(h.NormEps, 1e-6), RopeTheta: 10000,
		TiedEmbeddings: valueOr(h.Tied, false), AttentionBias: h.ModelType == Qwen2, QKNorm: h.ModelType == Qwen3,
	}
	c.HeadDim = valueOr(h.HeadDim, defaultHeadDim(h))
	if err := c.setRope(h); err != nil {
		return Config{}, nil, err
	}
	// A window of keys gives the same function up to its length, so that is how far the model can be trusted.
	windowed := h.ModelType == Mistral || valueOr(h.UseWindow, false)
	if h.Window != nil && windowed && *h.Window > 0 && *h.Window < c.Context {
		notes = append(notes, fmt.Sprintf("sliding_window: attention is not windowed here; the context is cut from %d to %d", c.Context, *h.Window))
		c.Context = *h.Window
	}
	return c, notes, c.Validate()
}

func defaultHeadDim(h hfConfig) int {
	switch {
	case h.ModelType == Qwen3: // Qwen3Config's default does not follow the width
		return 128
	case h.Heads > 0:
		return h.Width / h.Heads
	}
	return 0
}

// refuse names the first field that asks for something else than this family's graph.
func (h *hfConfig) refuse() error {
	c := Config{Arch: h.ModelType}
	if err := c.Validate(); err != nil && h.ModelType != Llama && h.ModelType != Mistral && h.ModelType != Qwen2 && h.ModelType != Qwen3 {
		return err
	}
	switch {
	case h.Quantization != nil:
		return fmt.Errorf("model: quantization_config: weights quantized by %q are not supported; take the unquantized model", h.Quantization.Method)
	case h.HiddenAct != "" && h.HiddenAct != "silu":
		return fmt.Errorf("model: hidden_act %q is not supported; silu is", h.HiddenAct)
	case valueOr(h.MLPBias, false):
		return errors.New("model: mlp_bias is not supported")
	case valueOr(h.AttentionBias, false) && h.ModelType != Qwen2:
		return errors.New("model: attention_bias is not supported outside qwen2: it puts a bias on the output projection too")
	case valueOr(h.PartialRotary, 1) != 1:
		return errors.New("model: partial_rotary_factor is not supported")
	}
	return nil
}

func (c *Config) setRope(h hfConfig) error {
	rope := h.RopeScaling
	if rope == nil {
		rope = h.RopeParams
	}
	c.RopeTheta = valueOr(h.RopeTheta, c.RopeTheta)
	if h.RopeParams != nil {
		c.RopeTheta = valueOr(h.RopeParams.Theta, c.RopeTheta)
	}
	if rope == nil {
		return nil
	}
	kind := rope.Type
	if kind == "" {
		kind = rope.OldType
	}
	if kind == "" || kind == "default" {
		return nil
	}
	if !valueOr(rope.Truncate, true) || valueOr(rope.PartialRotary, 1) != 1 {
		return errors.New("model: rope_scaling: truncate and partial_rotary_factor are not supported")
	}
	s := &RopeScaling{Type: kind, Factor: rope.Factor}
	switch kind {
	case RopeLlama3:
		s.OriginalContext, s.LowFreqFactor, s.HighFreqFactor = rope.Original, rope.LowFreqFactor, rope.HighFreqFactor
	case RopeYarn:
		s.OriginalContext, s.BetaFast, s.BetaSlow, s.AttentionFactor = rope.Original, rope.BetaFast, rope.BetaSlow, rope.AttentionFactor
		if s.OriginalContext == 0 {
			s.OriginalContext = h.Context
		}
		if rope.MScale != 0 && rope.MScaleAll != 0 && s.AttentionFactor == 0 {
			grow := func(m float64) float64 { return 0.1*m*math.Log(max(1, s.Factor)) + 1 }
			s.AttentionFactor = grow(rope.MScale) / grow(rope.MScaleAll)
		}
	}
	c.RopeScaling = s
	return nil
}

func valueOr[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}
