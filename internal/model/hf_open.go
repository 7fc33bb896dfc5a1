package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/safetensors"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// Files of a Hugging Face folder, besides its weights' and its tokenizer's.
const (
	configName     = "config.json"
	generationName = "generation_config.json"
)

var fromDType = map[safetensors.DType]quant.Type{
	safetensors.F32: quant.F32, safetensors.F16: quant.F16, safetensors.BF16: quant.BF16,
}

func openHF(dir string) (*Model, error) {
	m, err := readHF(dir)
	return m, hinted(err, "files of the folder are damaged, or of different models: fetch it again")
}

func readHF(dir string) (*Model, error) {
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
	if err := m.readEnds(dir, text); err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, dir)
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
	if err := m.checkTied(set, prefix); err != nil {
		return err
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
			return m.noPlace(t.Name, prefix+"layers.", "num_hidden_layers")
		}
	}
	return m.check()
}

// readEnds takes the tokens that end a completion from generation_config.json or, where that has none, config.json.
func (m *Model) readEnds(dir string, config []byte) error {
	var ends struct {
		IDs tokenIDs `json:"eos_token_id"`
	}
	text, err := os.ReadFile(filepath.Join(dir, generationName))
	if err == nil {
		if err := json.Unmarshal(text, &ends); err != nil {
			return fmt.Errorf("model: %s: %w", generationName, err)
		}
	}
	if len(ends.IDs) == 0 {
		if err := json.Unmarshal(config, &ends); err != nil {
			return fmt.Errorf("model: %s: %w", configName, err)
		}
	}
	if m.Tokenizer != nil {
		m.Tokenizer.AddEnds(ends.IDs)
	}
	return nil
}

// checkTied holds an output matrix that a file with tied embeddings has too to be the same, at some rows from first to last.
func (m *Model) checkTied(set *safetensors.Set, prefix string) error {
	output, ok := set.Tensor("lm_head.weight")
	embedding, also := set.Tensor(prefix + "embed_tokens.weight")
	if !m.TiedEmbeddings || !ok || !also || embedding.DType != output.DType || !sameShape(embedding.Shape, output.Shape) || m.Vocab > len(output.Data) {
		return nil
	}
	const some = 64
	row := len(output.Data) / m.Vocab
	for i := range some {
		at := i * (m.Vocab - 1) / (some - 1) * row
		if !bytes.Equal(embedding.Data[at:at+row], output.Data[at:at+row]) {
			return hint.Errorf("if the output is a matrix of its own, set tie_word_embeddings to false in config.json; else take the tensor out",
				"model: weight %q is not the embedding, though tie_word_embeddings says so", "lm_head.weight")
		}
	}
	return nil
}

func (m *Model) note(format string, args ...any) {
	m.Notes = append(m.Notes, fmt.Sprintf(format, args...))
}
