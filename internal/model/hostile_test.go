package model

import (
	"bytes"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Metadata that contradicts the weights, or asks for what no model is, is refused by name, at once and cheaply.
func TestHostileMetadata(t *testing.T) {
	m, err := Random(tiny, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	good := encode(t, m)
	for want, change := range map[string]func(md *gguf.Metadata){
		`"gpt2" is not supported; llama`:                   func(md *gguf.Metadata) { md.Set(keyArch, "gpt2") },
		`"mistral" is not supported`:                       func(md *gguf.Metadata) { md.Set(keyArch, "mistral") },
		`"general.architecture" is missing`:                func(md *gguf.Metadata) { md.Delete(keyArch) },
		`"qwen2.block_count": 2147483647`:                  func(md *gguf.Metadata) { md.Set("qwen2.block_count", uint32(1<<31-1)) },
		`"qwen2.block_count": 0 is`:                        func(md *gguf.Metadata) { md.Set("qwen2.block_count", uint32(0)) },
		`"blk.1.attn_norm.weight" is missing`:              func(md *gguf.Metadata) { md.Set("qwen2.block_count", uint32(2)) },
		`"qwen2.block_count": missing`:                     func(md *gguf.Metadata) { md.Set("qwen2.block_count", "one") },
		`"qwen2.feed_forward_length": 4611686018427387904`: func(md *gguf.Metadata) { md.Set("qwen2.feed_forward_length", uint64(1)<<62) },
		"has shape":                                           func(md *gguf.Metadata) { md.Set("qwen2.feed_forward_length", uint32(5)) },
		`"qwen2.attention.head_count": 0`:                     func(md *gguf.Metadata) { md.Set("qwen2.attention.head_count", uint32(0)) },
		"not one integer for all layers":                      func(md *gguf.Metadata) { md.Set("qwen2.attention.head_count_kv", []int32{1, 2}) },
		`"qwen2.attention.head_count_kv": 3 cannot be shared`: func(md *gguf.Metadata) { md.Set("qwen2.attention.head_count_kv", uint32(3)) },
		`"qwen2.attention.key_length": 3 is odd`: func(md *gguf.Metadata) {
			for _, key := range []string{"attention.key_length", "attention.value_length", "rope.dimension_count"} {
				md.Set("qwen2."+key, uint32(3))
			}
		},
		"rotating 1 of 2": func(md *gguf.Metadata) { md.Set("qwen2.rope.dimension_count", uint32(1)) },
		"values of 4":     func(md *gguf.Metadata) { md.Set("qwen2.attention.value_length", uint32(4)) },
		`"qwen2.attention.layer_norm_rms_epsilon": -1`: func(md *gguf.Metadata) { md.Set("qwen2.attention.layer_norm_rms_epsilon", float32(-1)) },
		"rms_epsilon\" is missing":                     func(md *gguf.Metadata) { md.Delete("qwen2.attention.layer_norm_rms_epsilon") },
		`"qwen2.rope.freq_base": 0`:                    func(md *gguf.Metadata) { md.Set("qwen2.rope.freq_base", float32(0)) },
		`"qwen2.rope.scaling": type "longrope"`:        func(md *gguf.Metadata) { md.Set("qwen2.rope.scaling.type", "longrope") },
		`"qwen2.embedding_length": 5 is no multiple`: func(md *gguf.Metadata) {
			md.Delete("qwen2.attention.key_length")
			md.Set("qwen2.embedding_length", uint32(5))
		},
		`"qwen2.attention.causal"`:    func(md *gguf.Metadata) { md.Set("qwen2.attention.causal", false) },
		`"qwen2.logit_scale": 0.5`:    func(md *gguf.Metadata) { md.Set("qwen2.logit_scale", float32(0.5)) },
		`"qwen2.rope.freq_base": NaN`: func(md *gguf.Metadata) { md.Set("qwen2.rope.freq_base", float32(math.NaN())) },
		`"qwen2.rope.freq_base": 1 is too small for rope scaling yarn`: func(md *gguf.Metadata) {
			md.Set("qwen2.rope.freq_base", float32(1))
			md.Set("qwen2.rope.scaling.type", "yarn")
			md.Set("qwen2.rope.scaling.factor", float32(2))
		},
		"mixtures of experts": func(md *gguf.Metadata) { md.Set("qwen2.expert_count", uint32(8)) },
		`model "bert"`: func(md *gguf.Metadata) {
			md.Set("tokenizer.ggml.model", "bert")
			md.Set("tokenizer.ggml.tokens", []string{"a"})
		},
	} {
		f, err := gguf.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		f.Metadata = f.Metadata.Clone()
		change(f.Metadata)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err = FromGGUF(f)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "model: ") {
			t.Errorf("%v, want %q", err, want)
		}
		if took > time.Second || after.TotalAlloc-before.TotalAlloc > 64<<20 {
			t.Errorf("%s: took %v and %d bytes", want, took, after.TotalAlloc-before.TotalAlloc)
		}
	}
}

// What gives the same function in part, or is odd, is said.
func TestNotesOnMetadata(t *testing.T) {
	m, err := Random(tiny, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(encode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	f.Metadata = f.Metadata.Clone()
	f.Metadata.Set("qwen2.attention.sliding_window", uint32(5))
	f.Metadata.Set("qwen2.attention.layer_norm_rms_epsilon", float32(0))
	got, err := FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(got.Notes, "; ")
	if got.Context != 5 || !strings.Contains(notes, "cut from 8 to 5") || !strings.Contains(notes, "rms_epsilon: 0") {
		t.Errorf("context %d, %q", got.Context, notes)
	}
}

// A weight the graph has no place for would change the function if it were passed over.
func TestUnknownWeights(t *testing.T) {
	var file bytes.Buffer
	m, err := Random(tiny, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(encode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	infos := append(append([]gguf.TensorInfo{}, f.Tensors...), gguf.TensorInfo{Name: "blk.0.ffn_gate_inp.weight", Type: quant.F32, Shape: []int{2}})
	w, err := gguf.NewWriter(&file, f.Metadata, infos)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range f.Tensors {
		w.Write(f.Data(tensor))
	}
	w.Write(make([]byte, 8))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	g, err := gguf.Parse(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromGGUF(g); err == nil || !strings.Contains(err.Error(), "ffn_gate_inp") {
		t.Errorf("%v", err)
	}
}
