package model

import (
	"fmt"
	"math"
	"slices"
)

// The architectures, as Hugging Face's model_type and (but for mistral, which GGUF stores as llama) GGUF's
// general.architecture name them. All are the same decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU.
const (
	Llama   = "llama"
	Mistral = "mistral" // Llama's graph
	Qwen2   = "qwen2"   // with biases on q, k and v
	Qwen3   = "qwen3"   // with an RMSNorm on each head of q and k
)

// Architectures lists what is supported.
var Architectures = []string{Llama, Mistral, Qwen2, Qwen3}

// Config is a model's shape: what, with the weights, defines the function it computes. Letters in the comments are
// those used for shapes everywhere.
type Config struct {
	Arch    string
	Vocab   int // V: rows of the embedding, padding beyond the tokenizer's size included
	Context int // T: longest sequence the model was made for
	Width   int // C
	FFN     int // F
	Layers  int
	Heads   int // H
	KVHeads int // K; divides H
	HeadDim int // D; even; H·D need not be C

	RopeTheta       float64
	RopeScaling     *RopeScaling // nil for none
	RopeInterleaved bool         // rows of attn_q and attn_k are stored for rotation of pairs (2i, 2i+1) instead of (i, i+D/2)

	NormEps        float64 // added to the mean square in every RMSNorm
	TiedEmbeddings bool    // the output matrix is the embedding
	AttentionBias  bool    // biases on q, k and v
	QKNorm         bool    // RMSNorm over each head of q and k, before rotation
}

// Rope scaling types, as Hugging Face names them.
const (
	RopeLinear = "linear"
	RopeLlama3 = "llama3"
	RopeYarn   = "yarn"
)

// RopeScaling stretches the rotary positions beyond the context a model was first trained on; see
// [Config.RotaryFrequencies].
type RopeScaling struct {
	Type            string
	Factor          float64 // > 0
	OriginalContext int     // before stretching; llama3 and yarn

	LowFreqFactor, HighFreqFactor float64 // llama3; both 0 where only Divisors are known

	AttentionFactor    float64 // yarn: factor on queries' and keys' rotation; 0 means 0.1·ln(Factor)+1
	BetaFast, BetaSlow float64 // yarn; 0 means 32 and 1

	Divisors []float32 // llama3 in GGUF (rope_freqs.weight): (D/2), each frequency is divided by its own; else nil
}

// Spec names a weight and its shape: (rows, columns) with a row per output for matrices, (n) for vectors.
type Spec struct {
	Name  string
	Shape []int
}

// Elements returns the number of values.
func (s Spec) Elements() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// Specs returns every weight of the model under its canonical name, which is GGUF's, in the order in which they are
// written.
func (c Config) Specs() []Spec {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	all := []Spec{{"token_embd.weight", []int{c.Vocab, c.Width}}}
	for i := range c.Layers {
		add := func(name string, shape ...int) {
			all = append(all, Spec{fmt.Sprintf("blk.%d.%s", i, name), shape})
		}
		add("attn_norm.weight", c.Width)
		add("attn_q.weight", q, c.Width)
		add("attn_k.weight", kv, c.Width)
		add("attn_v.weight", kv, c.Width)
		add("attn_output.weight", c.Width, q)
		if c.AttentionBias {
			add("attn_q.bias", q)
			add("attn_k.bias", kv)
			add("attn_v.bias", kv)
		}
		if c.QKNorm {
			add("attn_q_norm.weight", c.HeadDim)
			add("attn_k_norm.weight", c.HeadDim)
		}
		add("ffn_norm.weight", c.Width)
		add("ffn_gate.weight", c.FFN, c.Width)
		add("ffn_up.weight", c.FFN, c.Width)
		add("ffn_down.weight", c.Width, c.FFN)
	}
	all = append(all, Spec{"output_norm.weight", []int{c.Width}})
	if !c.TiedEmbeddings {
		all = append(all, Spec{"output.weight", []int{c.Vocab, c.Width}})
	}
	return all
}

// Params returns the number of weights.
func (c Config) Params() int {
	n := 0
	for _, s := range c.Specs() {
		n += s.Elements()
	}
	return n
}

// limits keep products of dimensions far from overflow; no model known comes near them.
const (
	maxVocab  = 1 << 24
	maxWidth  = 1 << 20
	maxLayers = 1 << 12
)

// Validate returns an error that names the first field which is out of range or contradicts another.
func (c Config) Validate() error {
	if !slices.Contains(Architectures, c.Arch) {
		return unsupportedArch(c.Arch)
	}
	for _, f := range []struct {
		name     string
		n, limit int
	}{{fieldVocab, c.Vocab, maxVocab}, {fieldContext, c.Context, math.MaxInt32}, {fieldWidth, c.Width, maxWidth},
		{fieldFFN, c.FFN, maxWidth}, {fieldLayers, c.Layers, maxLayers}, {fieldHeads, c.Heads, maxWidth},
		{fieldKVHeads, c.KVHeads, maxWidth}, {fieldHeadDim, c.HeadDim, maxWidth}} {
		if f.n < 1 || f.n > f.limit {
			return bad(f.name, "%d is not between 1 and %d", f.n, f.limit)
		}
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return bad(fieldKVHeads, "%d cannot be shared evenly by %d heads", c.KVHeads, c.Heads)
	case c.HeadDim%2 != 0:
		return bad(fieldHeadDim, "%d is odd, and rotary positions turn pairs", c.HeadDim)
	case c.Heads*c.HeadDim > maxWidth:
		return bad(fieldHeads, "%d heads of %d are wider than %d", c.Heads, c.HeadDim, maxWidth)
	case !(c.RopeTheta > 0) || math.IsInf(c.RopeTheta, 0):
		return bad(fieldTheta, "%g is not positive", c.RopeTheta)
	case !(c.NormEps >= 0) || c.NormEps > 1:
		return bad(fieldEps, "%g is not between 0 and 1", c.NormEps)
	case c.QKNorm != (c.Arch == Qwen3):
		return fmt.Errorf("model: %s with QK-norm %v", c.Arch, c.QKNorm)
	}
	return c.RopeScaling.validate(c.HeadDim, c.RopeTheta)
}

func (s *RopeScaling) validate(headDim int, theta float64) error {
	if s == nil {
		return nil
	}
	switch {
	case !slices.Contains([]string{RopeLinear, RopeLlama3, RopeYarn}, s.Type):
		return bad(fieldScaling, "type %q is not supported; %s, %s and %s are", s.Type, RopeLinear, RopeLlama3, RopeYarn)
	case s.Divisors != nil && len(s.Divisors) != headDim/2:
		return bad(fieldDivisors, "%d rope divisors for a head size of %d", len(s.Divisors), headDim)
	case s.Divisors != nil && s.Type != RopeLlama3:
		return bad(fieldDivisors, "rope divisors together with scaling %q", s.Type)
	case !(s.Factor > 0) || math.IsInf(s.Factor, 0):
		return bad(fieldScaling, "factor %g is not positive", s.Factor)
	case s.Type != RopeLinear && s.Divisors == nil && s.OriginalContext < 1:
		return bad(fieldScaling, "%s without its original context", s.Type)
	case s.Type == RopeLlama3 && s.Divisors == nil && !(s.LowFreqFactor > 0 && s.HighFreqFactor > s.LowFreqFactor):
		return bad(fieldScaling, "llama3 with the frequency factors %g and %g", s.LowFreqFactor, s.HighFreqFactor)
	case s.Type == RopeYarn && theta <= 1:
		return bad(fieldTheta, "%g is too small for rope scaling yarn", theta)
	}
	for i, d := range s.Divisors {
		if !(d > 0) || math.IsInf(float64(d), 0) {
			return bad(fieldDivisors, "rope divisor %d is %g", i, d)
		}
	}
	return nil
}
