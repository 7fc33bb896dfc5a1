// Package model is the Llama family on disk and in memory: configuration, names, weights, tokenizer and template of
// llama, mistral, qwen2 and qwen3 models in GGUF files and Hugging Face folders.
//
//	m, err := model.Open("Qwen2.5-0.5B-Instruct") // a GGUF file or a folder; weights are memory-mapped
//	defer m.Close()
//	w, err := m.Float32("blk.0.attn_q.weight")    // decoded, canonical
//
// Weights have GGUF's names whatever they came from: token_embd, output, output_norm, blk.N.attn_{norm,q,k,v,output},
// blk.N.attn_{q,k}_norm, blk.N.ffn_{norm,gate,up,down}, each with .weight, and .bias where the architecture has one. A
// matrix is (outputs, inputs), row-major.
//
// Two layouts exist for the rows of attn_q and attn_k. Hugging Face rotates pairs (i, i+D/2) of a head; llama.cpp's
// llama architecture rotates pairs (2i, 2i+1), so its files hold these rows permuted. The difference ends here:
// [Config.RopeInterleaved] says how [Model.Tensor]'s bytes lie, [Model.Float32] always gives the first layout, the
// writers permute.
//
// Files are not believed: each weight is held to the shape that the configuration gives it. The package computes
// nothing with the weights; internal/infer and internal/nn do.
package model

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// Model is a configuration with its weights. It may be read by many goroutines at once.
type Model struct {
	Config
	Name      string
	Tokenizer *tokenizer.Tokenizer // nil where a folder has none
	Template  string               // the chat template, Jinja; "" for none
	Notes     []string             // what was mended or left out when opening, for people to read

	tensors map[string]Tensor
	made    map[string]func() []float32 // instead of tensors' values: With
	mapped  bool                        // the tensors lie in a file's map
	close   func() error
}

// Open opens a GGUF file, or a Hugging Face folder. The weights stay on disk, mapped. The caller must Close it.
func Open(path string) (*Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if info.IsDir() {
		return openHF(path)
	}
	return openGGUF(path)
}

// New returns a model over weights in memory, which it aliases: one slice for each of cfg.Specs, by name. q and k rows
// lie in the canonical layout, so cfg.RopeInterleaved must be false.
func New(cfg Config, tok *tokenizer.Tokenizer, template string, weights map[string][]float32) (*Model, error) {
	if cfg.RopeInterleaved {
		return nil, errors.New("model: weights in memory are never interleaved")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Model{Config: cfg, Name: cfg.Arch, Tokenizer: tok, Template: template, tensors: make(map[string]Tensor)}
	for _, s := range cfg.Specs() {
		w, ok := weights[s.Name]
		if !ok || len(w) != s.Elements() {
			return nil, fmt.Errorf("model: weight %q: %d values given, %v wanted", s.Name, len(w), s.Shape)
		}
		m.tensors[s.Name] = fromFloats(s, w)
	}
	return m, m.check()
}

// Close releases the memory maps; no Tensor of the model may be used afterwards.
func (m *Model) Close() error {
	if m.close == nil {
		return nil
	}
	closer := m.close
	m.close, m.tensors = nil, nil
	return closer()
}

// Tensor returns a weight as it is stored.
func (m *Model) Tensor(name string) (Tensor, bool) {
	t, ok := m.tensors[name]
	if values := m.made[name]; ok && values != nil {
		return m.remade(t, values()), true
	}
	return t, ok
}

// Tensors returns all weights as they are stored, in the order of Specs.
func (m *Model) Tensors() []Tensor {
	specs := m.Specs()
	all := make([]Tensor, len(specs))
	for i, s := range specs {
		all[i], _ = m.Tensor(s.Name)
		if m.made[s.Name] != nil {
			all[i].Data = slices.Clone(all[i].Data)
		}
	}
	return all
}

// Float32 returns a weight's values in memory of their own, rows of attn_q and attn_k in the canonical layout.
func (m *Model) Float32(name string) ([]float32, error) {
	t, ok := m.Tensor(name)
	if !ok {
		return nil, fmt.Errorf("model: no weight %q", name)
	}
	if heads := m.rotatedHeads(name); heads > 0 && m.RopeInterleaved {
		t = permuteRows(t, heads, toHalves)
	}
	return t.Float32()
}

// Bytes returns the size of the weights as they are stored.
func (m *Model) Bytes() int64 {
	var n int64
	for name, t := range m.tensors {
		if m.made[name] != nil {
			n += 4 * int64(t.Elements())
			continue
		}
		n += int64(len(t.Data))
	}
	return n
}

// check holds the weights to the configuration.
func (m *Model) check() error {
	if err := m.Validate(); err != nil {
		return err
	}
	for _, s := range m.Specs() {
		t, ok := m.tensors[s.Name]
		if !ok {
			return fmt.Errorf("model: weight %q is missing", s.Name)
		}
		if !sameShape(t.Shape, s.Shape) {
			return fmt.Errorf("model: weight %q has shape %v; the configuration says %v", s.Name, t.Shape, s.Shape)
		}
	}
	if m.Tokenizer != nil && m.Tokenizer.Size() > m.Vocab {
		return fmt.Errorf("model: the tokenizer's %d tokens exceed the vocabulary of %d", m.Tokenizer.Size(), m.Vocab)
	}
	return nil
}

func sameShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// rotatedHeads returns the number of heads whose rows rotary positions turn: those of attn_q and attn_k; else 0.
func (m *Model) rotatedHeads(name string) int {
	switch {
	case strings.HasSuffix(name, ".attn_q.weight"), strings.HasSuffix(name, ".attn_q.bias"):
		return m.Heads
	case strings.HasSuffix(name, ".attn_k.weight"), strings.HasSuffix(name, ".attn_k.bias"):
		return m.KVHeads
	}
	return 0
}

// A layout change of a head's rows: from is the stored row that becomes row i of D.
type rowOrder func(i, d int) (from int)

// toPairs moves rows (i, i+D/2) next to each other; toHalves moves them back.
func toPairs(i, d int) int  { return i/2 + i%2*(d/2) }
func toHalves(i, d int) int { return i%(d/2)*2 + i/(d/2) }

// permuteRows returns a copy of t with the rows of each head reordered. Rows move whole, so quantized ones stay exact.
func permuteRows(t Tensor, heads int, order rowOrder) Tensor {
	rows, size := t.Shape[0], t.Type.RowBytes(t.Columns())
	if len(t.Shape) == 1 { // a bias: every element is a row
		size = len(t.Data) / rows
	}
	d := rows / heads
	out := make([]byte, len(t.Data))
	for r := range rows {
		from := r - r%d + order(r%d, d)
		copy(out[r*size:(r+1)*size], t.Data[from*size:(from+1)*size])
	}
	t.Data = out
	return t
}

// Type returns the number format most of the weights have.
func (m *Model) Type() quant.Type {
	bytes := make(map[quant.Type]int)
	best := quant.F32
	for _, t := range m.Tensors() {
		if bytes[t.Type] += t.Elements(); bytes[t.Type] > bytes[best] {
			best = t.Type
		}
	}
	return best
}
