package config

// Export says which files leave the run.
type Export struct {
	// Formats of the GGUF files, by quantization type: f32, f16, bf16, q8_0, q4_0, q4_k_m, …
	Formats []string `yaml:"formats"`
	// HF writes a folder in Hugging Face layout as well.
	HF bool `yaml:"hf"`
	// Modelfile writes what `ollama create` needs.
	Modelfile bool `yaml:"modelfile"`
	// Importance weighs the quantization error by how strongly the run's own data use each column.
	Importance bool `yaml:"importance"`
	// Strict refuses a format some tensor's shape does not fit, instead of using the next larger type and saying so.
	Strict bool `yaml:"strict"`
}

// Eval says what is measured on the held-out prompts, for the teacher, the untouched student, the student and every file.
type Eval struct {
	// Prompts is the number of held-out prompts used; 0 for all.
	Prompts int `yaml:"prompts" jsonschema:"minimum=0"`
	// Match decides whether an answer is right: number, exact or fuzzy against the reference; none measures no exact match.
	Match string `yaml:"match" jsonschema:"enum=number,enum=exact,enum=fuzzy,enum=none"`
	// OwnAnswers that every model draws itself, at temperature 1; on them its KL from a teacher on this machine is measured. 0 for none.
	OwnAnswers int `yaml:"own_answers" jsonschema:"minimum=0"`
	// MaxTokens of an answer; 0 for the teacher's limit, and for the untouched student twice the longest held-out answer, as it may never stop.
	MaxTokens int `yaml:"max_tokens" jsonschema:"minimum=0"`
	// Speed measures prefill and decode tokens a second and memory.
	Speed bool `yaml:"speed"`
	// Gates that must hold, or the run ends with exit code 5.
	Gates Gates `yaml:"gates"`
}

// Gates are conditions on the result; a field left out is no condition.
type Gates struct {
	// NotWorse: the student is not worse than it was before training.
	NotWorse bool `yaml:"not_worse"`
	// ExactMatch is the least share of held-out prompts the student answers rightly.
	ExactMatch *float64 `yaml:"exact_match,omitempty" jsonschema:"minimum=0,maximum=1"`
	// OfTeacher is the least share of the teacher's exact match that the student keeps.
	OfTeacher *float64 `yaml:"of_teacher,omitempty" jsonschema:"minimum=0"`
	// QuantizedWithin is the largest loss of exact match of any exported file against the float student.
	QuantizedWithin *float64 `yaml:"quantized_within,omitempty" jsonschema:"minimum=0,maximum=1"`
	// MaxKL is the largest mean KL to the teacher, in nats a token.
	MaxKL *float64 `yaml:"max_kl,omitempty" jsonschema:"minimum=0"`
}
