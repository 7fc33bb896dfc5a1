package config

// Asked is a model that is asked for something beside the answers that are learnt: to judge them, or to make prompts.
type Asked struct {
	// Kind of model. remote: a server. local: weights on disk. builtin: the model in the binary.
	Kind string `yaml:"kind" jsonschema:"required,enum=remote,enum=local,enum=builtin"`
	// Model is the server's name for it (remote), a GGUF file or Hugging Face folder (local), or a built-in name.
	Model string `yaml:"model" jsonschema:"required"`
	// Endpoint is the server's base URL, with its version.
	Endpoint string `yaml:"endpoint,omitempty"`
	// Dialect is the server's kind when its address does not tell.
	Dialect string `yaml:"dialect,omitempty"`
	// KeyEnv is the environment variable that holds the API key.
	KeyEnv string `yaml:"key_env,omitempty"`
	// KeyEnvs are environment variables with further keys.
	KeyEnvs []string `yaml:"key_envs,omitempty"`
	// Extra fields of the request, which win over ours.
	Extra map[string]any `yaml:"extra,omitempty"`
	// Headers that the request has in addition.
	Headers map[string]string `yaml:"headers,omitempty"`
	// Batch asks through the server's batch endpoint: for half the price, and within a day.
	Batch bool `yaml:"batch"`
	// Concurrency is the number of calls in flight.
	Concurrency int `yaml:"concurrency" jsonschema:"minimum=1"`
	// RequestsPerMinute, 0 for no limit of our own. All other limits of pace and patience are those of teacher.limits.
	RequestsPerMinute int `yaml:"requests_per_minute" jsonschema:"minimum=0"`
	// Price of the model, for the bill; without it a built-in table is used where it knows the model.
	Price *Price `yaml:"price,omitempty"`
}

// Judge is a model that grades answers. What it said is kept and paid once: another threshold asks nothing again.
type Judge struct {
	// Name its verdict is filed under.
	Name string `yaml:"name" jsonschema:"pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$"`
	// By says who judges; left out, the run's own teacher.
	By *Asked `yaml:"by,omitempty"`
	// Criteria say in words what a good answer is.
	Criteria string `yaml:"criteria"`
	// Template of the question, in Go's text/template notation over .Prompt, .Reference, .Response, .Criteria, .Min and .Max; empty for the default. The reply must hold a JSON object with "score" and "reason".
	Template string `yaml:"template,omitempty"`
	// Min of the scale.
	Min float64 `yaml:"min"`
	// Max of the scale.
	Max float64 `yaml:"max"`
	// Pass is the least score that passes; 0 for two thirds up the scale: 7 of 1 to 10.
	Pass float64 `yaml:"pass"`
	// Temperature at which it judges; 0 is greedy.
	Temperature float64 `yaml:"temperature" jsonschema:"minimum=0,maximum=5"`
	// MaxTokens of a judgement, thinking included.
	MaxTokens int `yaml:"max_tokens" jsonschema:"minimum=1"`
	// Budget of the judging, apart from the teacher's.
	Budget Budget `yaml:"budget"`
}

// Grow makes more prompts out of the training prompts, by asking a model for them. Held-out prompts are never shown to it, and what comes too near to one is dropped; what is grown is trained on and never held out.
type Grow struct {
	// Count of prompts to be made.
	Count int `yaml:"count" jsonschema:"minimum=1"`
	// Style of growing. invent: new tasks of the kind of some that are shown (self-instruct, arXiv:2212.10560). evolve: one task made harder or rarer (Evol-Instruct, arXiv:2304.12244).
	Style string `yaml:"style" jsonschema:"enum=invent,enum=evolve"`
	// By says who makes them; left out, the run's own teacher.
	By *Asked `yaml:"by,omitempty"`
	// Seeds is the largest number of training prompts that are shown; 0 for all.
	Seeds int `yaml:"seeds" jsonschema:"minimum=0"`
	// Shown is the number of examples in a question under invent.
	Shown int `yaml:"shown" jsonschema:"minimum=1,maximum=32"`
	// Near is the similarity of three-word runs from which on a proposal counts as a copy of a prompt that is there.
	Near float64 `yaml:"near" jsonschema:"minimum=0.1,maximum=1"`
	// MaxCalls is the number of questions after which it is enough, whatever was found; 0 for four a prompt.
	MaxCalls int `yaml:"max_calls" jsonschema:"minimum=0"`
	// Temperature at which it invents.
	Temperature float64 `yaml:"temperature" jsonschema:"minimum=0,maximum=5"`
	// MaxTokens of a reply, thinking included.
	MaxTokens int `yaml:"max_tokens" jsonschema:"minimum=1"`
	// Budget of the growing, apart from the teacher's.
	Budget Budget `yaml:"budget"`
}
