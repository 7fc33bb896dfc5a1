package model

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// configTexts are configurations as they are published (the named models' pages), and as newer versions of transformers
// save the same, cut to what bears on the function.
var configTexts = map[string]string{
	"TinyLlama-1.1B":                    `{"architectures":["LlamaForCausalLM"],"model_type":"llama","attention_bias":false,"hidden_act":"silu","hidden_size":2048,"intermediate_size":5632,"max_position_embeddings":2048,"num_attention_heads":32,"num_hidden_layers":22,"num_key_value_heads":4,"rms_norm_eps":1e-05,"rope_scaling":null,"rope_theta":10000.0,"tie_word_embeddings":false,"vocab_size":32000}`,
	"Llama-3.2-1B":                      `{"model_type":"llama","head_dim":64,"hidden_act":"silu","hidden_size":2048,"intermediate_size":8192,"max_position_embeddings":131072,"mlp_bias":false,"num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},"rope_theta":500000.0,"tie_word_embeddings":true,"vocab_size":128256,"eos_token_id":[128001,128008,128009]}`,
	"Llama-3.2-1B, transformers 5":      `{"dtype":"bfloat16","model_type":"llama","head_dim":64,"hidden_act":"silu","hidden_size":2048,"intermediate_size":8192,"max_position_embeddings":131072,"mlp_bias":false,"num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_parameters":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_theta":500000.0,"rope_type":"llama3"},"tie_word_embeddings":true,"vocab_size":128256}`,
	"SmolLM2-135M":                      `{"model_type":"llama","hidden_act":"silu","hidden_size":576,"intermediate_size":1536,"is_llama_config":true,"max_position_embeddings":8192,"num_attention_heads":9,"num_hidden_layers":30,"num_key_value_heads":3,"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_interleaved":false,"rope_scaling":null,"rope_theta":100000,"tie_word_embeddings":true,"torch_dtype":"bfloat16","vocab_size":49152}`,
	"Qwen2.5-0.5B":                      `{"model_type":"qwen2","hidden_act":"silu","hidden_size":896,"intermediate_size":4864,"max_position_embeddings":32768,"max_window_layers":21,"num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,"tie_word_embeddings":true,"use_mrope":false,"use_sliding_window":false,"vocab_size":151936,"eos_token_id":151645}`,
	"Qwen2.5-0.5B, transformers 5":      `{"dtype":"bfloat16","model_type":"qwen2","hidden_act":"silu","hidden_size":896,"intermediate_size":4864,"layer_types":["full_attention","full_attention"],"max_position_embeddings":32768,"max_window_layers":21,"num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_parameters":{"rope_theta":1000000.0,"rope_type":"default"},"sliding_window":null,"tie_word_embeddings":true,"use_sliding_window":false,"vocab_size":151936}`,
	"Qwen2.5 with yarn":                 `{"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"max_position_embeddings":131072,"num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"rope_scaling":{"factor":4.0,"original_max_position_embeddings":32768,"type":"yarn"},"vocab_size":152064}`,
	"Qwen2.5 with yarn, transformers 5": `{"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"max_position_embeddings":131072,"num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_parameters":{"factor":null,"original_max_position_embeddings":32768,"rope_theta":1000000.0,"rope_type":"yarn"},"vocab_size":152064}`,
	"DeepSeek-R1-Distill-Qwen-1.5B":     `{"architectures":["Qwen2ForCausalLM"],"bos_token_id":151643,"eos_token_id":151643,"hidden_act":"silu","hidden_size":1536,"intermediate_size":8960,"max_position_embeddings":131072,"max_window_layers":21,"model_type":"qwen2","num_attention_heads":12,"num_hidden_layers":28,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":10000,"sliding_window":4096,"tie_word_embeddings":false,"use_mrope":false,"use_sliding_window":false,"vocab_size":151936}`,
	"Qwen3-0.6B":                        `{"model_type":"qwen3","attention_bias":false,"head_dim":128,"hidden_act":"silu","hidden_size":1024,"intermediate_size":3072,"max_position_embeddings":40960,"max_window_layers":28,"num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true,"use_sliding_window":false,"vocab_size":151936}`,
	"Qwen3-0.6B, transformers 5":        `{"dtype":"bfloat16","model_type":"qwen3","head_dim":128,"hidden_size":1024,"intermediate_size":3072,"layer_types":["full_attention"],"max_position_embeddings":40960,"num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,"rope_parameters":{"rope_theta":1000000,"rope_type":"default"},"tie_word_embeddings":true,"vocab_size":151936}`,
	"Mistral-7B-v0.1":                   `{"model_type":"mistral","hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":32768,"num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":10000.0,"sliding_window":4096,"tie_word_embeddings":false,"vocab_size":32000}`,
	"Mistral-7B-v0.3":                   `{"model_type":"mistral","hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":32768,"num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":1000000.0,"sliding_window":null,"tie_word_embeddings":false,"vocab_size":32768}`,
}

var published = map[string]Config{
	"TinyLlama-1.1B":                {Arch: Llama, Vocab: 32000, Context: 2048, Width: 2048, FFN: 5632, Layers: 22, Heads: 32, KVHeads: 4, HeadDim: 64, RopeTheta: 10000, NormEps: 1e-5},
	"Llama-3.2-1B":                  {Arch: Llama, Vocab: 128256, Context: 131072, Width: 2048, FFN: 8192, Layers: 16, Heads: 32, KVHeads: 8, HeadDim: 64, RopeTheta: 500000, NormEps: 1e-5, TiedEmbeddings: true, RopeScaling: &RopeScaling{Type: RopeLlama3, Factor: 32, OriginalContext: 8192, LowFreqFactor: 1, HighFreqFactor: 4}},
	"SmolLM2-135M":                  {Arch: Llama, Vocab: 49152, Context: 8192, Width: 576, FFN: 1536, Layers: 30, Heads: 9, KVHeads: 3, HeadDim: 64, RopeTheta: 1e5, NormEps: 1e-5, TiedEmbeddings: true},
	"Qwen2.5-0.5B":                  {Arch: Qwen2, Vocab: 151936, Context: 32768, Width: 896, FFN: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64, RopeTheta: 1e6, NormEps: 1e-6, TiedEmbeddings: true, AttentionBias: true},
	"Qwen2.5 with yarn":             {Arch: Qwen2, Vocab: 152064, Context: 131072, Width: 896, FFN: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64, RopeTheta: 1e6, NormEps: 1e-6, AttentionBias: true, RopeScaling: &RopeScaling{Type: RopeYarn, Factor: 4, OriginalContext: 32768}},
	"DeepSeek-R1-Distill-Qwen-1.5B": {Arch: Qwen2, Vocab: 151936, Context: 131072, Width: 1536, FFN: 8960, Layers: 28, Heads: 12, KVHeads: 2, HeadDim: 128, RopeTheta: 10000, NormEps: 1e-6, AttentionBias: true},
	"Qwen3-0.6B":                    {Arch: Qwen3, Vocab: 151936, Context: 40960, Width: 1024, FFN: 3072, Layers: 28, Heads: 16, KVHeads: 8, HeadDim: 128, RopeTheta: 1e6, NormEps: 1e-6, TiedEmbeddings: true, QKNorm: true},
	"Mistral-7B-v0.1":               {Arch: Mistral, Vocab: 32000, Context: 4096, Width: 4096, FFN: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, RopeTheta: 10000, NormEps: 1e-5},
	"Mistral-7B-v0.3":               {Arch: Mistral, Vocab: 32768, Context: 32768, Width: 4096, FFN: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, RopeTheta: 1e6, NormEps: 1e-5},
}

func TestPublishedConfigs(t *testing.T) {
	params := map[string]int{ // as the model cards say
		"TinyLlama-1.1B": 1_100_048_384, "Llama-3.2-1B": 1_235_814_400, "Qwen2.5-0.5B": 494_032_768, "Qwen3-0.6B": 596_049_920, "Mistral-7B-v0.1": 7_241_732_096,
		"SmolLM2-135M": 134_515_008, "DeepSeek-R1-Distill-Qwen-1.5B": 1_777_088_000, "Mistral-7B-v0.3": 7_248_023_552,
	}
	for name, text := range configTexts {
		got, notes, err := ParseHFConfig([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		model, _, _ := strings.Cut(name, ", transformers")
		if diff := cmp.Diff(published[model], got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if n, ok := params[model]; ok && got.Params() != n {
			t.Errorf("%s: %d parameters, want %d", name, got.Params(), n)
		}
		if (len(notes) > 0) != (name == "Mistral-7B-v0.1") {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
}

// What a configuration asks for that is not done as it says is said, and the context cut to where it makes no difference.
func TestConfigNotes(t *testing.T) {
	qwen := func(fields string) string {
		return strings.Replace(strings.Replace(configTexts["Qwen2.5-0.5B"], `"use_sliding_window":false`, `"use_sliding_window":true`, 1), `"sliding_window":32768,`, `"sliding_window":1024,`+fields, 1)
	}
	llama := func(fields string) string {
		return strings.Replace(configTexts["SmolLM2-135M"], `"rope_scaling":null`, fields, 1)
	}
	for _, c := range []struct {
		text    string
		context int
		note    string
	}{
		{qwen(""), 1024, "cut from 32768 to 1024"},
		{strings.Replace(qwen(""), `"max_window_layers":21`, `"max_window_layers":24`, 1), 32768, ""},
		{qwen(`"layer_types":["full_attention","full_attention"],`), 32768, ""},
		{qwen(`"layer_types":["full_attention","sliding_attention"],`), 1024, "sliding_window"},
		{strings.Replace(configTexts["Mistral-7B-v0.1"], `"sliding_window":4096`, `"sliding_window":40960`, 1), 32768, ""},
		{llama(`"sliding_window":128`), 8192, ""}, // llama has none
		{llama(`"rope_scaling":{"type":"dynamic","factor":2}`), 8192, "rope_scaling: dynamic"},
		{llama(`"auto_map":{"AutoModelForCausalLM":"modeling_x.X"}`), 8192, "auto_map"},
		{strings.Replace(llama(`"x":0`), `"rms_norm_eps":1e-05`, `"rms_norm_eps":0`, 1), 8192, "rms_norm_eps: 0"},
	} {
		got, notes, err := ParseHFConfig([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if all := strings.Join(notes, "; "); got.Context != c.context || (c.note == "") != (all == "") || !strings.Contains(all, c.note) {
			t.Errorf("%s: context %d, notes %q; want %d, %q", c.text, got.Context, all, c.context, c.note)
		}
	}
}

// SmolLM3 leaves positions out in every fourth layer: its name says that it is another graph.
func TestSmolLM3IsRefused(t *testing.T) {
	text := `{"architectures":["SmolLM3ForCausalLM"],"model_type":"smollm3","hidden_size":2048,"no_rope_layers":[1,1,1,0],"no_rope_layer_interval":4}`
	if _, _, err := ParseHFConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), `"smollm3" is not supported; llama, mistral, qwen2, qwen3 are`) {
		t.Error(err)
	}
}
