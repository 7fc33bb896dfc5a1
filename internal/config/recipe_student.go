package config

// Tokenizer says in which tokens the student reads and writes.
type Tokenizer struct {
	// From is teacher (the teacher's own: needed to learn from its distribution), train (a byte-level BPE fitted to the data), or a model's path. Left out, it is teacher where the teacher or the model that scores lies on this machine, else train.
	From string `yaml:"from" default:"by teacher.kind"`
	// Size of the vocabulary that is trained.
	Size int `yaml:"size" jsonschema:"minimum=258,maximum=262144"`
}

// Student is who learns: a shape, or a checkpoint to start from.
type Student struct {
	// From is scratch, teacher (the weights and shape of the teacher, or of the model that scores, where they lie on this machine), or the path of a model. Only a student from scratch has the shape that stands below; that of a model can be made smaller by cut.
	From string `yaml:"from"`
	// Layers of the network.
	Layers int `yaml:"layers" jsonschema:"minimum=1,maximum=512"`
	// Width of the hidden state. K-quants need multiples of 256, Q4_0 and Q8_0 of 32.
	Width int `yaml:"width" jsonschema:"minimum=8"`
	// FFN is the width of the feed-forward layer.
	FFN int `yaml:"ffn" jsonschema:"minimum=8"`
	// Heads of attention.
	Heads int `yaml:"heads" jsonschema:"minimum=1"`
	// KVHeads share keys and values among heads; 0 for as many as heads.
	KVHeads int `yaml:"kv_heads" jsonschema:"minimum=0"`
	// Context is the longest text in tokens.
	Context int `yaml:"context" jsonschema:"minimum=8"`
	// Tied embeddings: one matrix for input and output.
	Tied bool `yaml:"tied"`
	// RopeTheta is the base of the rotary embedding.
	RopeTheta float64 `yaml:"rope_theta" jsonschema:"minimum=1"`
	// Template is the chat template of a student with a tokenizer of its own; empty for the default.
	Template string `yaml:"template,omitempty"`
	// Cut makes the model named in from smaller before training, which then is its recovery.
	Cut *Cut `yaml:"cut,omitempty"`
	// LoRA trains small additions to the weights of a checkpoint instead of the weights, which stay as they lie in their file, quantized or not. The additions are merged on export.
	LoRA *LoRA `yaml:"lora,omitempty"`
}

// Cut says what is kept of the model that a student starts from: whole layers, and within them the channels, neurons and heads that carry most on the run's own rows. A number left at 0 keeps all.
type Cut struct {
	// Layers that are kept.
	Layers int `yaml:"layers" jsonschema:"minimum=0,maximum=4096"`
	// Choose which layers. importance: those that change their input most. spread: every n-th, the first and the last among them.
	Choose string `yaml:"choose" jsonschema:"enum=importance,enum=spread"`
	// Keep names the layers instead, from 0, ascending.
	Keep []int `yaml:"keep,omitempty"`
	// Width of the hidden state: the channels with the largest activations are kept.
	Width int `yaml:"width" jsonschema:"minimum=0"`
	// FFN is the width of the feed-forward layers: the neurons that add most to the hidden state are kept.
	FFN int `yaml:"ffn" jsonschema:"minimum=0"`
	// Heads of attention, likewise. Their size stays what it is.
	Heads int `yaml:"heads" jsonschema:"minimum=0"`
	// KVHeads that share keys and values among heads.
	KVHeads int `yaml:"kv_heads" jsonschema:"minimum=0"`
	// Tokens of the training rows that importance is measured on.
	Tokens int `yaml:"tokens" jsonschema:"minimum=1"`
}

// LoRA is low-rank adaptation (arXiv:2106.09685).
type LoRA struct {
	// Rank of the additions.
	Rank int `yaml:"rank" jsonschema:"minimum=1,maximum=4096"`
	// Alpha scales them, by alpha/rank; 0 for twice the rank.
	Alpha float64 `yaml:"alpha" jsonschema:"minimum=0"`
	// Targets among attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down; none given for all.
	Targets []string `yaml:"targets,omitempty"`
	// Dropout is the share of their inputs that the additions do not see in training.
	Dropout float64 `yaml:"dropout" jsonschema:"minimum=0,maximum=0.99"`
}
