package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-d24fde5f/distill/internal/hint"
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
	FirstWindow   *int          `json:"max_window_layers,omitempty"` // qwen: the first layer with a window
	LayerTypes    []string      `json:"layer_types,omitempty"`       // since transformers 4.54, instead of the above
	NoRope        []int         `json:"no_rope_layers,omitempty"`    // 0 for a layer without positions
	Interleaved   *bool         `json:"rope_interleaved,omitempty"`
	Causal        *bool         `json:"is_causal,omitempty"`
	OwnCode       any           `json:"auto_map,omitempty"`
	DType         string        `json:"torch_dtype,omitempty"`
	BOS           *int32        `json:"bos_token_id,omitempty"`
	EOS           *tokenIDs     `json:"eos_token_id,omitempty"`
	PAD           *int32        `json:"pad_token_id,omitempty"`
	Quantization  *hfQuantTypes `json:"quantization_config,omitempty"`
}

type hfQuantTypes struct {
	Method string `json:"quant_method"`
}

// tokenIDs is one id or a list of them.
type tokenIDs []int32

func (t *tokenIDs) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]int32)(t))
	}
	var one *int32
	if err := json.Unmarshal(text, &one); err != nil {
		return fmt.Errorf("eos_token_id: %s is no token id, nor a list of them", text)
	}
	if one != nil {
		*t = tokenIDs{*one}
	}
	return nil
}

// hfFields are the fields of a Config as config.json calls them.
var hfFields = map[string]string{
	fieldVocab: "vocab_size", fieldContext: "max_position_embeddings", fieldWidth: "hidden_size", fieldFFN: "intermediate_size",
	fieldLayers: "num_hidden_layers", fieldHeads: "num_attention_heads", fieldKVHeads: "num_key_value_heads",
	fieldHeadDim: "head_dim", fieldTheta: "rope_theta", fieldEps: "rms_norm_eps", fieldScaling: "rope_scaling",
}

// ParseHFConfig reads the text of a config.json. Notes say what it asks for that is not done as it says, for people to
// read. What would change the model's function and is not supported is an error that names the field.
func ParseHFConfig(text []byte) (c Config, notes []string, err error) {
	var h hfConfig
	if err := json.Unmarshal(text, &h); err != nil {
		if e := (*json.UnmarshalTypeError)(nil); errors.As(err, &e) && e.Field != "" {
			return Config{}, nil, fmt.Errorf("model: %s: a %s does not fit %s", e.Field, e.Value, e.Type)
		}
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
	note, err := c.setRope(h)
	if err != nil {
		return Config{}, nil, err
	}
	if note != "" {
		notes = append(notes, note)
	}
	notes = append(notes, h.notes(&c)...)
	return c, notes, named(c.Validate(), hfFields)
}

// notes says what is not done as the file says, and shortens the context where that makes up for it.
func (h *hfConfig) notes(c *Config) (notes []string) {
	// A window of keys gives the same function up to its length, so that is how far the model can be trusted.
	if h.Window != nil && h.windowed() && *h.Window > 0 && *h.Window < c.Context {
		notes = append(notes, fmt.Sprintf("sliding_window: attention is not windowed here; the context is cut from %d to %d", c.Context, *h.Window))
		c.Context = *h.Window
	}
	if h.OwnCode != nil {
		notes = append(notes, fmt.Sprintf("auto_map: code that comes with a model is not run: its graph is taken for %s's", h.ModelType))
	}
	if c.NormEps == 0 {
		notes = append(notes, "rms_norm_eps: 0, where models have 1e-6 or 1e-5: a row of zeros has no norm then")
	}
	return notes
}

// windowed reports whether attention of some layer is windowed. Qwen's switch turns all windows off; without layer_types
// its lower layers have none.
func (h *hfConfig) windowed() bool {
	switch {
	case h.ModelType == Mistral:
		return h.LayerTypes == nil || slices.Contains(h.LayerTypes, "sliding_attention")
	case !valueOr(h.UseWindow, false):
		return false
	case h.LayerTypes != nil:
		return slices.Contains(h.LayerTypes, "sliding_attention")
	}
	return valueOr(h.FirstWindow, 0) < h.Layers
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
	if !slices.Contains(Architectures, h.ModelType) {
		return unsupportedArch(h.ModelType)
	}
	for _, kind := range h.LayerTypes {
		if kind != "full_attention" && kind != "sliding_attention" {
			return fmt.Errorf("model: layer_types: %q is not supported; full_attention is", kind)
		}
	}
	switch {
	case h.Quantization != nil:
		return hint.Errorf("take the model as it was before, and distill model quantize",
			"model: quantization_config: weights quantized by %q are not supported", h.Quantization.Method)
	case h.HiddenAct != "" && h.HiddenAct != "silu":
		return fmt.Errorf("model: hidden_act: %q is not supported; silu is", h.HiddenAct)
	case valueOr(h.MLPBias, false):
		return errors.New("model: mlp_bias is not supported")
	case valueOr(h.AttentionBias, false) && h.ModelType != Qwen2:
		return errors.New("model: attention_bias is not supported outside qwen2: it puts a bias on the output projection too")
	case valueOr(h.PartialRotary, 1) != 1:
		return errors.New("model: partial_rotary_factor is not supported")
	case slices.Contains(h.NoRope, 0):
		return errors.New("model: no_rope_layers: layers without positions are not supported")
	case valueOr(h.Interleaved, false):
		return errors.New("model: rope_interleaved is not supported")
	case !valueOr(h.Causal, true):
		return errors.New("model: is_causal: attention to what comes after is not supported")
	case h.HeadDim == nil && h.ModelType != Qwen3 && h.Heads > 0 && h.Width%h.Heads != 0:
		return fmt.Errorf("model: hidden_size: %d is no multiple of num_attention_heads, %d, and there is no head_dim", h.Width, h.Heads)
	}
	return nil
}

func valueOr[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}
