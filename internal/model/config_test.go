package model

import (
	"math"
	"strings"
	"testing"
)

// What would change the function and is not supported is refused by the name of the field.
func TestConfigRefusals(t *testing.T) {
	base := configTexts["TinyLlama-1.1B"]
	for field, text := range map[string]string{
		"gemma2":                           strings.Replace(base, `"llama"`, `"gemma2"`, 1),
		"hidden_act":                       strings.Replace(base, `"silu"`, `"gelu"`, 1),
		"attention_bias":                   strings.Replace(base, `"attention_bias":false`, `"attention_bias":true`, 1),
		"mlp_bias":                         strings.Replace(base, `{`, `{"mlp_bias":true,`, 1),
		"quantization_config":              strings.Replace(base, `{`, `{"quantization_config":{"quant_method":"gptq"},`, 1),
		"partial_rotary":                   strings.Replace(base, `{`, `{"partial_rotary_factor":0.5,`, 1),
		"longrope":                         strings.Replace(base, `"rope_scaling":null`, `"rope_scaling":{"type":"longrope","factor":4}`, 1),
		"factor":                           strings.Replace(base, `"rope_scaling":null`, `"rope_scaling":{"type":"linear","factor":0}`, 1),
		"num_attention_heads":              strings.Replace(base, `"num_attention_heads":32`, `"num_attention_heads":0`, 1),
		"num_key_value_heads":              strings.Replace(base, `"num_key_value_heads":4`, `"num_key_value_heads":5`, 1),
		"num_hidden_layers":                strings.Replace(base, `"num_hidden_layers":22`, `"num_hidden_layers":1000000000`, 1),
		"vocab_size: -1":                   strings.Replace(base, `"vocab_size":32000`, `"vocab_size":-1`, 1),
		"vocab_size: a number":             strings.Replace(base, `"vocab_size":32000`, `"vocab_size":9223372036854775808`, 1),
		"unexpected end":                   base[:100],
		"num_hidden_layers: a string":      strings.Replace(base, `"num_hidden_layers":22`, `"num_hidden_layers":"22"`, 1),
		"hidden_size: 2047 is no multiple": strings.Replace(base, `"hidden_size":2048`, `"hidden_size":2047`, 1),
		"head_dim: 63 is odd":              strings.Replace(base, `{`, `{"head_dim":63,`, 1),
		"rope_theta: 0 is not positive":    strings.Replace(base, `"rope_theta":10000.0`, `"rope_theta":0`, 1),
		"rope_theta: -1 is not positive":   strings.Replace(base, `"rope_theta":10000.0`, `"rope_theta":-1`, 1),
		"invalid character 'N'":            strings.Replace(base, `"rope_theta":10000.0`, `"rope_theta":NaN`, 1),
		"rms_norm_eps: -1e-05":             strings.Replace(base, `"rms_norm_eps":1e-05`, `"rms_norm_eps":-1e-05`, 1),
		"rms_norm_eps: 2":                  strings.Replace(base, `"rms_norm_eps":1e-05`, `"rms_norm_eps":2`, 1),
		"max_position_embeddings: 0":       strings.Replace(base, `"max_position_embeddings":2048`, `"max_position_embeddings":0`, 1),
		"no_rope_layers":                   strings.Replace(base, `{`, `{"no_rope_layers":[1,1,1,0],`, 1),
		"layer_types":                      strings.Replace(base, `{`, `{"layer_types":["full_attention","linear_attention"],`, 1),
		"rope_interleaved":                 strings.Replace(base, `{`, `{"rope_interleaved":true,`, 1),
		"is_causal":                        strings.Replace(base, `{`, `{"is_causal":false,`, 1),
		"full_attention: positions":        strings.Replace(base, `{`, `{"rope_parameters":{"full_attention":{"rope_theta":1e6},"sliding_attention":{"rope_theta":1e4}},`, 1),
		"mrope_section":                    strings.Replace(base, `"rope_scaling":null`, `"rope_scaling":{"type":"default","mrope_section":[16,24,24]}`, 1),
		"partial_rotary_factor are not":    strings.Replace(base, `{`, `{"rope_parameters":{"rope_type":"default","rope_theta":1e4,"partial_rotary_factor":0.25},`, 1),
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
