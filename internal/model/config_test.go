package model

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// configTexts are configurations as they are published (model cards of the named models), cut to what is read.
var configTexts = map[string]string{
	"TinyLlama-1.1B":          `{"architectures":["LlamaForCausalLM"],"model_type":"llama","attention_bias":false,"hidden_act":"silu","hidden_size":2048,"intermediate_size":5632,"max_position_embeddings":2048,"num_attention_heads":32,"num_hidden_layers":22,"num_key_value_heads":4,"rms_norm_eps":1e-05,"rope_scaling":null,"rope_theta":10000.0,"tie_word_embeddings":false,"vocab_size":32000}`,
	"Llama-3.2-1B":            `{"model_type":"llama","head_dim":64,"hidden_act":"silu","hidden_size":2048,"intermediate_size":8192,"max_position_embeddings":131072,"mlp_bias":false,"num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},"rope_theta":500000.0,"tie_word_embeddings":true,"vocab_size":128256,"eos_token_id":[128001,128008,128009]}`,
	"Qwen2.5-0.5B":            `{"model_type":"qwen2","hidden_act":"silu","hidden_size":896,"intermediate_size":4864,"max_position_embeddings":32768,"max_window_layers":21,"num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,"tie_word_embeddings":true,"use_sliding_window":false,"vocab_size":151936,"eos_token_id":151645}`,
	"Qwen3-0.6B":              `{"model_type":"qwen3","attention_bias":false,"head_dim":128,"hidden_act":"silu","hidden_size":1024,"intermediate_size":3072,"max_position_embeddings":40960,"num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true,"use_sliding_window":false,"vocab_size":151936}`,
	"Mistral-7B-v0.1":         `{"model_type":"mistral","hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":32768,"num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":10000.0,"sliding_window":4096,"tie_word_embeddings":false,"vocab_size":32000}`,
	"Qwen2.5 with yarn":       `{"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"max_position_embeddings":131072,"num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"rope_scaling":{"factor":4.0,"original_max_position_embeddings":32768,"type":"yarn"},"vocab_size":152064}`,
	"transformers 5 spelling": `{"model_type":"qwen3","head_dim":128,"hidden_size":1024,"intermediate_size":3072,"max_position_embeddings":40960,"num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,"rope_parameters":{"rope_theta":1000000,"rope_type":"default"},"vocab_size":151936}`,
}

func TestPublishedConfigs(t *testing.T) {
	want := map[string]Config{
		"TinyLlama-1.1B":          {Arch: Llama, Vocab: 32000, Context: 2048, Width: 2048, FFN: 5632, Layers: 22, Heads: 32, KVHeads: 4, HeadDim: 64, RopeTheta: 10000, NormEps: 1e-5},
		"Llama-3.2-1B":            {Arch: Llama, Vocab: 128256, Context: 131072, Width: 2048, FFN: 8192, Layers: 16, Heads: 32, KVHeads: 8, HeadDim: 64, RopeTheta: 500000, NormEps: 1e-5, TiedEmbeddings: true, RopeScaling: &RopeScaling{Type: RopeLlama3, Factor: 32, OriginalContext: 8192, LowFreqFactor: 1, HighFreqFactor: 4}},
		"Qwen2.5-0.5B":            {Arch: Qwen2, Vocab: 151936, Context: 32768, Width: 896, FFN: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64, RopeTheta: 1e6, NormEps: 1e-6, TiedEmbeddings: true, AttentionBias: true},
		"Qwen3-0.6B":              {Arch: Qwen3, Vocab: 151936, Context: 40960, Width: 1024, FFN: 3072, Layers: 28, Heads: 16, KVHeads: 8, HeadDim: 128, RopeTheta: 1e6, NormEps: 1e-6, TiedEmbeddings: true, QKNorm: true},
		"Mistral-7B-v0.1":         {Arch: Mistral, Vocab: 32000, Context: 4096, Width: 4096, FFN: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, RopeTheta: 10000, NormEps: 1e-5},
		"Qwen2.5 with yarn":       {Arch: Qwen2, Vocab: 152064, Context: 131072, Width: 896, FFN: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64, RopeTheta: 1e6, NormEps: 1e-6, AttentionBias: true, RopeScaling: &RopeScaling{Type: RopeYarn, Factor: 4, OriginalContext: 32768}},
		"transformers 5 spelling": {Arch: Qwen3, Vocab: 151936, Context: 40960, Width: 1024, FFN: 3072, Layers: 28, Heads: 16, KVHeads: 8, HeadDim: 128, RopeTheta: 1e6, NormEps: 1e-6, QKNorm: true},
	}
	params := map[string]int{ // as the model cards say
		"TinyLlama-1.1B": 1_100_048_384, "Llama-3.2-1B": 1_235_814_400, "Qwen2.5-0.5B": 494_032_768, "Qwen3-0.6B": 596_049_920, "Mistral-7B-v0.1": 7_241_732_096,
	}
	for name, text := range configTexts {
		got, notes, err := ParseHFConfig([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if n, ok := params[name]; ok && got.Params() != n {
			t.Errorf("%s: %d parameters, want %d", name, got.Params(), n)
		}
		if (len(notes) > 0) != (name == "Mistral-7B-v0.1") {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
}

// What would change the function and is not supported is refused by the name of the field.
func TestConfigRefusals(t *testing.T) {
	base := configTexts["TinyLlama-1.1B"]
	for field, text := range map[string]string{
		"gemma2":              strings.Replace(base, `"llama"`, `"gemma2"`, 1),
		"hidden_act":          strings.Replace(base, `"silu"`, `"gelu"`, 1),
		"attention_bias":      strings.Replace(base, `"attention_bias":false`, `"attention_bias":true`, 1),
		"mlp_bias":            strings.Replace(base, `{`, `{"mlp_bias":true,`, 1),
		"quantization_config": strings.Replace(base, `{`, `{"quantization_config":{"quant_method":"gptq"},`, 1),
		"partial_rotary":      strings.Replace(base, `{`, `{"partial_rotary_factor":0.5,`, 1),
		"longrope":            strings.Replace(base, `"rope_scaling":null`, `"rope_scaling":{"type":"longrope","factor":4}`, 1),
		"factor":              strings.Replace(base, `"rope_scaling":null`, `"rope_scaling":{"type":"linear","factor":0}`, 1),
		"heads":               strings.Replace(base, `"num_attention_heads":32`, `"num_attention_heads":0`, 1),
		"KV heads":            strings.Replace(base, `"num_key_value_heads":4`, `"num_key_value_heads":5`, 1),
		"layers":              strings.Replace(base, `"num_hidden_layers":22`, `"num_hidden_layers":1000000000`, 1),
		"vocab":               strings.Replace(base, `"vocab_size":32000`, `"vocab_size":-1`, 1),
		"Go struct field":     strings.Replace(base, `"vocab_size":32000`, `"vocab_size":9223372036854775808`, 1),
		"unexpected end":      base[:100],
	} {
		if _, _, err := ParseHFConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, _, err := ParseHFConfig([]byte(`{"model_type":"gpt2"}`)); err == nil || !strings.Contains(err.Error(), "llama, mistral, qwen2, qwen3") {
		t.Errorf("an unsupported architecture must name the supported ones: %v", err)
	}
}

// Frequencies by the formulas, at the ends and where the scalings meet.
func TestRotaryFrequencies(t *testing.T) {
	c := Config{HeadDim: 64, RopeTheta: 500000}
	plain, scale := c.RotaryFrequencies()
	if len(plain) != 32 || plain[0] != 1 || scale != 1 {
		t.Fatalf("%v, %g", plain[:2], scale)
	}
	c.RopeScaling = &RopeScaling{Type: RopeLlama3, Factor: 32, OriginalContext: 8192, LowFreqFactor: 1, HighFreqFactor: 4}
	llama3, _ := c.RotaryFrequencies()
	for i, f := range plain {
		wavelength := 2 * math.Pi / float64(f)
		switch ratio := float64(llama3[i] / f); {
		case wavelength < 2048 && ratio != 1, wavelength > 8192 && math.Abs(ratio*32-1) > 1e-6, ratio > 1, ratio < 1.0/32-1e-9:
			t.Errorf("pair %d of wavelength %g is multiplied by %g", i, wavelength, ratio)
		}
		if i > 0 && llama3[i] >= llama3[i-1] {
			t.Errorf("frequencies do not fall at pair %d", i)
		}
	}
	c.RopeScaling = &RopeScaling{Type: RopeYarn, Factor: 4, OriginalContext: 4096}
	yarn, scale := c.RotaryFrequencies()
	if yarn[0] != plain[0] || math.Abs(float64(yarn[31]*4/plain[31])-1) > 1e-6 || math.Abs(float64(scale)-(0.1*math.Log(4)+1)) > 1e-6 {
		t.Errorf("yarn: %g of %g, %g of %g, scale %g", yarn[0], plain[0], yarn[31], plain[31], scale)
	}
	c.RopeScaling = &RopeScaling{Type: RopeLinear, Factor: 2}
	if linear, _ := c.RotaryFrequencies(); linear[5] != plain[5]/2 {
		t.Error("linear")
	}
}
