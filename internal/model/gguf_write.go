package model

import (
	"context"
	"fmt"
	"io"

	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// WriteGGUF writes the model to a file in the formats of the plan, which was made for its configuration. It streams:
// memory is bounded by a few megabytes of rows at a time, whatever the model's size. The file appears whole or not at
// all, and not at all where ctx ends before.
func WriteGGUF(ctx context.Context, path string, m *Model, p Plan) error {
	return replaceFile(ctx, path, path, func(w io.Writer) error { return EncodeGGUF(w, m, p) })
}

// EncodeGGUF writes the model to w as [WriteGGUF] does.
func EncodeGGUF(w io.Writer, m *Model, p Plan) error {
	specs := m.Specs()
	if len(p.Choices) != len(specs) {
		return fmt.Errorf("model: a plan for %d weights, the model has %d", len(p.Choices), len(specs))
	}
	infos := make([]gguf.TensorInfo, 0, len(specs)+1)
	divisors := m.ropeDivisors()
	if divisors != nil && ggufArch(m.Arch) != Llama {
		return fmt.Errorf("model: GGUF has no place for rope scaling llama3 in the %s architecture: llama.cpp would not load it", m.Arch)
	}
	if divisors != nil {
		infos = append(infos, gguf.TensorInfo{Name: ropeFreqsName, Type: quant.F32, Shape: []int{len(divisors)}})
	}
	for i, s := range specs {
		c := p.Choices[i]
		if c.Name != s.Name || !sameShape(c.Shape, s.Shape) {
			return fmt.Errorf("model: the plan has weight %q %v where the model has %q %v", c.Name, c.Shape, s.Name, s.Shape)
		}
		infos = append(infos, gguf.TensorInfo{Name: s.Name, Type: c.Type, Shape: s.Shape})
	}
	out, err := gguf.NewWriter(w, m.metadata(p), infos)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if divisors != nil {
		t := fromFloats(Spec{Name: ropeFreqsName, Shape: []int{len(divisors)}}, divisors)
		if err := out.WriteTensor(t.Name, t.Data); err != nil {
			return fmt.Errorf("model: %w", err)
		}
	}
	for i, s := range specs {
		order := m.orderFor(s.Name, ggufArch(m.Arch) == Llama)
		if err := m.writeWeight(out, s.Name, p.Choices[i].Type, order, p.Importance[s.Name]); err != nil {
			return fmt.Errorf("model: weight %q: %w", s.Name, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	return nil
}

// ggufArch returns the architecture under which GGUF stores arch.
func ggufArch(arch string) string {
	if arch == Mistral {
		return Llama
	}
	return arch
}

// ropeDivisors returns what GGUF stores as rope_freqs.weight, or nil.
func (m *Model) ropeDivisors() []float32 {
	if m.RopeScaling == nil || m.RopeScaling.Type != RopeLlama3 {
		return nil
	}
	return m.llama3Divisors()
}

func (m *Model) metadata(p Plan) *gguf.Metadata {
	arch := ggufArch(m.Arch)
	md := new(gguf.Metadata)
	md.Set(keyArch, arch)
	if m.Name != "" {
		md.Set(keyName, m.Name)
	}
	md.Set("general.file_type", p.number)
	md.Set("general.quantization_version", uint32(2))
	set := func(key string, n int) { md.Set(arch+"."+key, uint32(n)) }
	set("vocab_size", m.Vocab)
	set("context_length", m.Context)
	set("embedding_length", m.Width)
	set("feed_forward_length", m.FFN)
	set("block_count", m.Layers)
	set("attention.head_count", m.Heads)
	set("attention.head_count_kv", m.KVHeads)
	set("attention.key_length", m.HeadDim)
	set("attention.value_length", m.HeadDim)
	set("rope.dimension_count", m.HeadDim)
	md.Set(arch+".attention.layer_norm_rms_epsilon", float32(m.NormEps))
	md.Set(arch+".rope.freq_base", float32(m.RopeTheta))
	m.ropeMetadata(md, arch)
	if m.Tokenizer != nil {
		m.Tokenizer.AddToGGUF(md, m.Vocab)
	} else {
		md.Set(tokenizer.KeyModel, noTokenizer)
	}
	if m.Template != "" {
		md.Set(keyTemplate, m.Template)
	}
	return md
}

func (m *Model) ropeMetadata(md *gguf.Metadata, arch string) {
	s := m.RopeScaling
	if s == nil || s.Type == RopeLlama3 { // llama3 is in rope_freqs.weight
		return
	}
	md.Set(arch+".rope.scaling.type", s.Type)
	md.Set(arch+".rope.scaling.factor", float32(s.Factor))
	if s.Type != RopeYarn {
		return
	}
	md.Set(arch+".rope.scaling.original_context_length", uint32(s.OriginalContext))
	if s.BetaFast != 0 {
		md.Set(arch+".rope.scaling.yarn_beta_fast", float32(s.BetaFast))
	}
	if s.BetaSlow != 0 {
		md.Set(arch+".rope.scaling.yarn_beta_slow", float32(s.BetaSlow))
	}
	if s.AttentionFactor != 0 { // llama.cpp multiplies yarn's own factor by it
		own := RopeScaling{Factor: s.Factor}
		md.Set(arch+".rope.scaling.attn_factor", float32(s.AttentionFactor/own.attention()))
	}
}
