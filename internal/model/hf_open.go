package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/safetensors"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

const configName = "config.json"

var fromDType = map[safetensors.DType]quant.Type{
	safetensors.F32: quant.F32, safetensors.F16: quant.F16, safetensors.BF16: quant.BF16,
}

func openHF(dir string) (*Model, error) {
	text, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	m := &Model{Name: filepath.Base(dir), tensors: make(map[string]Tensor)}
	if m.Config, m.Notes, err = ParseHFConfig(text); err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, filepath.Join(dir, configName))
	}
	m.Tokenizer, m.Template, err = tokenizer.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.note("there is no tokenizer.json: the model takes and gives ids alone")
	case err != nil:
		return nil, fmt.Errorf("model: %w", err)
	}
	set, err := safetensors.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if err := m.fromHF(set); err != nil {
		set.Close()
		return nil, fmt.Errorf("%w (in %s)", err, dir)
	}
	m.close, m.mapped = set.Close, true
	return m, nil
}

// fromHF takes the weights of the set, whose names may lack "model." in front, as those of bare decoders do.
func (m *Model) fromHF(set *safetensors.Set) error {
	prefix := "model."
	if _, ok := set.Tensor("embed_tokens.weight"); ok {
		prefix = ""
	}
	if _, ok := set.Tensor("lm_head.weight"); !ok && !m.TiedEmbeddings {
		m.TiedEmbeddings = true
		m.note("there is no lm_head.weight: the embedding serves as output, though config.json does not say so")
	}
	used := make(map[string]bool)
	for _, s := range m.Specs() {
		name := prefix + strings.TrimPrefix(HFName(s.Name), "model.")
		if s.Name == "output.weight" {
			name = HFName(s.Name)
		}
		t, ok := set.Tensor(name)
		if !ok {
			return fmt.Errorf("model: weight %q is missing", name)
		}
		kind, ok := fromDType[t.DType]
		if !ok {
			return fmt.Errorf("model: weight %q: dtype %s is not supported; F32, F16 and BF16 are", name, t.DType)
		}
		m.tensors[s.Name] = Tensor{Name: s.Name, Type: kind, Shape: t.Shape, Data: t.Data}
		used[name] = true
	}
	for _, t := range set.Tensors {
		switch {
		case used[t.Name], strings.HasSuffix(t.Name, ".rotary_emb.inv_freq"): // an old buffer, computed from the configuration
		case t.Name == "lm_head.weight" && m.TiedEmbeddings: // a copy of the embedding
		default:
			return fmt.Errorf("model: weight %q has no place in the %s architecture", t.Name, m.Arch)
		}
	}
	return m.check()
}

func (m *Model) note(format string, args ...any) {
	m.Notes = append(m.Notes, fmt.Sprintf(format, args...))
}
