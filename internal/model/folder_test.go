package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/safetensors"
)

// folder writes a small model as a Hugging Face folder.
func folder(t *testing.T, name string) string {
	t.Helper()
	m, err := Random(shapes[name], nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := WriteHF(t.Context(), dir, m, quant.F32); err != nil {
		t.Fatal(err)
	}
	return dir
}

// set changes a field of a JSON file.
func set(t *testing.T, path, field string, value any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]any)
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	all[field] = value
	if err := writeJSON(path, all); err != nil {
		t.Fatal(err)
	}
}

// retensor writes the weights of a folder anew, as change makes them.
func retensor(t *testing.T, dir string, change func(all []safetensors.Tensor) []safetensors.Tensor) {
	t.Helper()
	path := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	all := change(f.Tensors)
	infos := make([]safetensors.Info, len(all))
	for i, tensor := range all {
		infos[i] = tensor.Info
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := safetensors.NewWriter(out, nil, infos)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range all {
		if _, err := w.Write(tensor.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func without(name string) func([]safetensors.Tensor) []safetensors.Tensor {
	return func(all []safetensors.Tensor) (kept []safetensors.Tensor) {
		for _, tensor := range all {
			if tensor.Name != name {
				kept = append(kept, tensor)
			}
		}
		return kept
	}
}

func with(name string, shape []int, values ...byte) func([]safetensors.Tensor) []safetensors.Tensor {
	n := 4
	for _, d := range shape {
		n *= d
	}
	data := make([]byte, n)
	copy(data, values)
	return func(all []safetensors.Tensor) []safetensors.Tensor {
		return append(without(name)(all), safetensors.Tensor{Info: safetensors.Info{Name: name, DType: safetensors.F32, Shape: shape}, Data: data})
	}
}

// What does not belong together is refused: the error names the file, or the folder, and the field or weight, and has a
// way out.
func TestFoldersThatAreRefused(t *testing.T) {
	config := func(field string, value any) func(string) {
		return func(dir string) { set(t, filepath.Join(dir, configName), field, value) }
	}
	weights := func(change func([]safetensors.Tensor) []safetensors.Tensor) func(string) {
		return func(dir string) { retensor(t, dir, change) }
	}
	index := func(field, value string) func(string) {
		return func(dir string) {
			shard(t, dir)
			path := filepath.Join(dir, "model.safetensors.index.json")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(text), field, value, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for want, c := range map[string]struct {
		shape  string
		change func(dir string)
	}{
		"config.json: no such file":                             {"llama", func(dir string) { os.Remove(filepath.Join(dir, configName)) }},
		"rope_theta: -1 is not positive":                        {"llama", config("rope_theta", -1)},
		"num_key_value_heads: 3 cannot be shared":               {"llama", config("num_key_value_heads", 3)},
		"head_dim: 7 is odd":                                    {"llama", config("head_dim", 7)},
		"vocab_size: 0 is not between":                          {"llama", config("vocab_size", 0)},
		`"model.layers.1.input_layernorm.weight" is of layer 1`: {"llama", config("num_hidden_layers", 1)},
		`"model.layers.2.input_layernorm.weight" is missing`:    {"llama", config("num_hidden_layers", 3)},
		`"token_embd.weight" has shape [512 64]`:                {"llama", config("vocab_size", 500)},
		`"blk.0.ffn_gate.weight" has shape [96 64]`:             {"llama", config("intermediate_size", 90)},
		`"model.norm.weight" is missing`:                        {"llama", weights(without("model.norm.weight"))},
		`"model.layers.0.mlp.gate.weight" has no place`:         {"llama", weights(with("model.layers.0.mlp.gate.weight", []int{2, 2}))},
		`"model.layers.0.self_attn.q_proj.bias" has no place`:   {"llama", weights(with("model.layers.0.self_attn.q_proj.bias", []int{64}))},
		`"model.layers.0.self_attn.q_proj.bias" is missing`:     {"qwen2", weights(without("model.layers.0.self_attn.q_proj.bias"))},
		`"blk.0.attn_k.bias" has shape [16]`:                    {"qwen2", weights(with("model.layers.0.self_attn.k_proj.bias", []int{16}))},
		`"lm_head.weight" is not the embedding`:                 {"llama", weights(with("lm_head.weight", []int{512, 64}, 1, 2, 3))},
		`shard "../x" is not a file of the folder`:              {"llama untied", index("model-00001-of-00002.safetensors", "../x")},
		"model-00003-of-00002.safetensors: no such file":        {"llama untied", index("model-00002-of-00002.safetensors", "model-00003-of-00002.safetensors")},
		"model.safetensors.index.json: unexpected end": {"llama untied", func(dir string) {
			index("x", "x")(dir)
			truncate(t, filepath.Join(dir, "model.safetensors.index.json"))
		}},
		"holds neither model.safetensors nor":                           {"llama", func(dir string) { os.Remove(filepath.Join(dir, "model.safetensors")) }},
		"reach beyond":                                                  {"llama", func(dir string) { truncate(t, filepath.Join(dir, "model.safetensors")) }},
		`tensor "model.embed_tokens.weight": in two shards`:             {"llama untied", func(dir string) { index("x", "x")(dir); double(t, dir) }},
		`"model.norm.weight": dtype I64 is not supported`:               {"llama", weights(as64)},
		"tokenizer.json: unexpected end":                                {"llama", func(dir string) { write(t, dir, "tokenizer.json", `{"model":{`) }},
		"generation_config.json: eos_token_id: \"</s>\" is no token id": {"llama", func(dir string) { write(t, dir, "generation_config.json", `{"eos_token_id":"</s>"}`) }},
		"rope_theta: a string":                                          {"llama", config("rope_theta", "big")},
		`architecture "gemma3" is not supported; llama, mistral,`:       {"llama", config("model_type", "gemma3")},
	} {
		t.Run(want, func(t *testing.T) {
			dir := folder(t, c.shape)
			c.change(dir)
			m, err := Open(dir)
			if err == nil {
				m.Close()
				t.Fatalf("opened; want %q", want)
			}
			if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%v, want %q and the folder", err, want)
			}
			if e := (*hint.Error)(nil); !errors.As(err, &e) || e.Hint == "" {
				t.Errorf("%v: no way out", err)
			}
		})
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()-7)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// double makes the second shard of two a copy of the first.
func double(t *testing.T, dir string) {
	t.Helper()
	first, err := os.ReadFile(filepath.Join(dir, "model-00001-of-00002.safetensors"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "model-00002-of-00002.safetensors"), first, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func as64(all []safetensors.Tensor) []safetensors.Tensor {
	for i := range all {
		if all[i].Name == "model.norm.weight" {
			all[i].DType, all[i].Shape = "I64", []int{all[i].Shape[0] / 2}
		}
	}
	return all
}

// What a folder has twice or leaves out, and is the same function, opens.
func TestFoldersThatOpen(t *testing.T) {
	copied := func(all []safetensors.Tensor) []safetensors.Tensor {
		for _, tensor := range all {
			if tensor.Name == "model.embed_tokens.weight" {
				tensor.Name = "lm_head.weight"
				return append(all, tensor)
			}
		}
		return all
	}
	bare := func(all []safetensors.Tensor) []safetensors.Tensor {
		for i := range all {
			all[i].Name = strings.TrimPrefix(all[i].Name, "model.")
		}
		return all
	}
	buffers := with("model.layers.0.self_attn.rotary_emb.inv_freq", []int{8})
	for name, c := range map[string]struct {
		shape  string
		change func([]safetensors.Tensor) []safetensors.Tensor
		note   string
	}{
		"a copy of the embedding as output": {"llama", copied, ""},
		"no output matrix":                  {"llama untied", without("lm_head.weight"), "there is no lm_head.weight"},
		"a bare decoder":                    {"qwen2", bare, ""},
		"old buffers":                       {"mistral", buffers, ""},
	} {
		dir := folder(t, c.shape)
		retensor(t, dir, c.change)
		m, err := Open(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer m.Close()
		if notes := fmt.Sprint(m.Notes); !strings.Contains(notes, c.note) {
			t.Errorf("%s: notes %s, want %q", name, notes, c.note)
		}
	}
}

// Tokens that only generation_config.json, or config.json, says end an answer do so, and survive both containers.
func TestEndsOfFolders(t *testing.T) {
	cfg := shapes["llama"]
	m, err := Random(cfg, stories(t).Tokenizer, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"both": generationName, "config": configName} {
		dir := t.TempDir()
		if err := WriteHF(t.Context(), dir, m, quant.F32); err != nil {
			t.Fatal(err)
		}
		set(t, filepath.Join(dir, file), "eos_token_id", []int{2, 400, 100000})
		if file == configName {
			os.Remove(filepath.Join(dir, generationName))
		}
		opened := reopen(t, dir)
		path := filepath.Join(dir, "m.gguf")
		if err := WriteGGUF(t.Context(), path, opened, mustPlan(t, cfg, "F32")); err != nil {
			t.Fatal(err)
		}
		for _, one := range []*Model{opened, reopen(t, path)} {
			if !one.Tokenizer.IsEnd(2) || !one.Tokenizer.IsEnd(400) || one.Tokenizer.IsEnd(401) {
				t.Errorf("%s: ends %v", name, one.Tokenizer.EndTokens())
			}
		}
	}
}
