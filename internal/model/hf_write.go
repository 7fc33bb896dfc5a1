package model

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/safetensors"
)

var toDType = map[quant.Type]safetensors.DType{
	quant.F32: safetensors.F32, quant.F16: safetensors.F16, quant.BF16: safetensors.BF16,
}

var hfClass = map[string]string{
	Llama: "LlamaForCausalLM", Mistral: "MistralForCausalLM", Qwen2: "Qwen2ForCausalLM", Qwen3: "Qwen3ForCausalLM",
}

// WriteHF writes the model as a Hugging Face folder, which is created, and its parents, if need be: config.json,
// generation_config.json, model.safetensors with the weights as F32, F16 or BF16, and, if the model has a tokenizer,
// tokenizer.json and tokenizer_config.json with the chat template. Quantized weights are decoded. It streams as [WriteGGUF]
// does, and a new folder appears whole or not at all.
func WriteHF(ctx context.Context, dir string, m *Model, as quant.Type) error {
	dtype, ok := toDType[as]
	if !ok {
		return fmt.Errorf("model: Hugging Face folders hold F32, F16 or BF16, not %v", as)
	}
	config, err := m.hfConfig(dtype)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "model.safetensors")
	return replaceFolder(dir, func(dir string) error {
		path := filepath.Join(dir, "model.safetensors")
		if err := replaceFile(ctx, path, name, func(w io.Writer) error { return m.encodeSafetensors(w, as, dtype) }); err != nil {
			return err
		}
		if m.Tokenizer != nil {
			if err := m.Tokenizer.WriteDir(dir, m.Template); err != nil {
				return fmt.Errorf("model: %w", err)
			}
		}
		if err := writeJSON(filepath.Join(dir, configName), config); err != nil {
			return err
		}
		return writeJSON(filepath.Join(dir, generationName), hfGeneration{BOS: config.BOS, EOS: config.EOS, PAD: config.PAD})
	})
}

type hfGeneration struct {
	BOS *int32    `json:"bos_token_id,omitempty"`
	EOS *tokenIDs `json:"eos_token_id,omitempty"`
	PAD *int32    `json:"pad_token_id,omitempty"`
}

func (m *Model) encodeSafetensors(w io.Writer, as quant.Type, dtype safetensors.DType) error {
	specs := m.Specs()
	infos := make([]safetensors.Info, len(specs))
	for i, s := range specs {
		infos[i] = safetensors.Info{Name: HFName(s.Name), DType: dtype, Shape: s.Shape}
	}
	out, err := safetensors.NewWriter(w, map[string]string{"format": "pt"}, infos)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	for _, s := range specs {
		if err := m.writeWeight(out, s.Name, as, m.orderFor(s.Name, false), nil); err != nil {
			return fmt.Errorf("model: weight %q: %w", s.Name, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	return nil
}

// hfConfig returns the model's config.json.
func (m *Model) hfConfig(dtype safetensors.DType) (*hfConfig, error) {
	no := false
	h := &hfConfig{
		Architectures: []string{hfClass[m.Arch]}, ModelType: m.Arch, Vocab: m.Vocab, Context: m.Context, Width: m.Width,
		FFN: m.FFN, Layers: m.Layers, Heads: m.Heads, KVHeads: &m.KVHeads, HeadDim: &m.HeadDim, HiddenAct: "silu",
		NormEps: &m.NormEps, RopeTheta: &m.RopeTheta, Tied: &m.TiedEmbeddings,
		DType: map[safetensors.DType]string{safetensors.F32: "float32", safetensors.F16: "float16", safetensors.BF16: "bfloat16"}[dtype],
	}
	if m.AttentionBias != (m.Arch == Qwen2) {
		return nil, fmt.Errorf("model: Hugging Face has no %s with attention bias %v on q, k and v alone", m.Arch, m.AttentionBias)
	}
	if m.Arch == Llama || m.Arch == Qwen3 {
		h.AttentionBias = &no
	}
	if m.Arch == Llama {
		h.MLPBias = &no
	}
	if s := m.RopeScaling; s != nil {
		if s.Type == RopeLlama3 && s.OriginalContext == 0 {
			return nil, fmt.Errorf("model: %s fits no parameters of rope scaling llama3, which Hugging Face needs", ropeFreqsName)
		}
		h.RopeScaling = &hfRope{
			Type: s.Type, Factor: s.Factor, Original: s.OriginalContext, LowFreqFactor: s.LowFreqFactor,
			HighFreqFactor: s.HighFreqFactor, AttentionFactor: s.AttentionFactor, BetaFast: s.BetaFast, BetaSlow: s.BetaSlow,
		}
	}
	if t := m.Tokenizer; t != nil {
		h.BOS, h.PAD = idOrNil(t.BOS), idOrNil(t.PAD)
		if ends := tokenIDs(t.EndTokens()); len(ends) > 0 {
			h.EOS = &ends
		}
	}
	return h, nil
}

// MarshalJSON writes one id plainly, several as a list.
func (t tokenIDs) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]int32(t))
}

func idOrNil(id int32) *int32 {
	if id < 0 {
		return nil
	}
	return &id
}

func writeJSON(path string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("model: %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	return nil
}
