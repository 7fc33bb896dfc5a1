package config

import "time"

// Teacher says who answers, and how.
type Teacher struct {
	// Kind of teacher. remote: a server. local: weights on disk. builtin: the model in the binary. reference: the prompts' own solutions.
	Kind string `yaml:"kind" jsonschema:"required,enum=remote,enum=local,enum=builtin,enum=reference"`
	// Model is the server's name for it (remote), a GGUF file or Hugging Face folder (local), or a built-in name.
	Model string `yaml:"model,omitempty"`
	// Endpoint is the server's base URL, with its version: https://api.deepseek.com/v1.
	Endpoint string `yaml:"endpoint,omitempty"`
	// Dialect is the server's kind when its address does not tell: openai, deepseek, vllm, llamacpp, ollama, …
	Dialect string `yaml:"dialect,omitempty"`
	// KeyEnv is the environment variable that holds the API key. The key itself never stands in a recipe.
	KeyEnv string `yaml:"key_env,omitempty"`
	// KeyEnvs are environment variables with further keys, among which the calls are shared.
	KeyEnvs []string `yaml:"key_envs,omitempty"`
	// OnTruncated is what to do with answers that hit max_tokens. keep them, marked. more_room: ask again with twice the limit. continue: let the server go on where it can.
	OnTruncated string `yaml:"on_truncated" jsonschema:"enum=keep,enum=more_room,enum=continue"`
	// MaxOutput is the most tokens that more_room and continue may reach; 0 for what the server is known to allow.
	MaxOutput int `yaml:"max_output" jsonschema:"minimum=0"`
	// PrefilledThinking says that the model's chat template opens the thinking itself, so that text without </think> is thinking that was cut.
	PrefilledThinking bool `yaml:"prefilled_thinking"`
	// Extra fields of the request, which win over ours: {reasoning_effort: low}.
	Extra map[string]any `yaml:"extra,omitempty"`
	// Headers that the request has in addition. Keys belong into key_env.
	Headers map[string]string `yaml:"headers,omitempty"`
	// Batch asks through the server's batch endpoint: for half the price, and within a day.
	Batch bool `yaml:"batch"`
	// BatchSize is the largest number of requests in a batch.
	BatchSize int `yaml:"batch_size" jsonschema:"minimum=1,maximum=50000"`
	// BatchPoll is how often a batch under way is looked at.
	BatchPoll time.Duration `yaml:"batch_poll"`
	// Samples asked of each training prompt.
	Samples int `yaml:"samples" jsonschema:"minimum=1"`
	// HeldoutSamples asked of each held-out prompt; what perplexity and KL are measured on.
	HeldoutSamples int `yaml:"heldout_samples" jsonschema:"minimum=1"`
	// Concurrency is the number of calls in flight; a local teacher answers them in one batch, of 32 at least.
	Concurrency int `yaml:"concurrency" jsonschema:"minimum=1"`
	// Sampling is how the teacher draws its answers.
	Sampling Sampling `yaml:"sampling"`
	// Signal is what is kept of the teacher's distribution at each token.
	Signal Signal `yaml:"signal"`
	// Limits of pace and patience.
	Limits Limits `yaml:"limits"`
	// Budget ends generation, keeping everything, with exit code 3. A zero means no limit.
	Budget Budget `yaml:"budget"`
	// Price of the model, for the bill; without it a built-in table is used where it knows the model.
	Price *Price `yaml:"price,omitempty"`
}

// Sampling is how tokens are drawn.
type Sampling struct {
	// Temperature of the draw; 0 is greedy.
	Temperature float64 `yaml:"temperature" jsonschema:"minimum=0,maximum=5"`
	// TopP keeps the most likely tokens up to this mass; 1 keeps all.
	TopP float64 `yaml:"top_p" jsonschema:"minimum=0,maximum=1"`
	// TopK keeps this many tokens; 0 keeps all.
	TopK int `yaml:"top_k" jsonschema:"minimum=0"`
	// MinP drops tokens less likely than this share of the likeliest.
	MinP float64 `yaml:"min_p" jsonschema:"minimum=0,maximum=1"`
	// RepetitionPenalty above 1 makes tokens that occurred less likely.
	RepetitionPenalty float64 `yaml:"repetition_penalty" jsonschema:"minimum=0"`
	// MaxTokens of an answer, thinking included.
	MaxTokens int `yaml:"max_tokens" jsonschema:"minimum=1"`
	// Stop texts end an answer and are not part of it.
	Stop []string `yaml:"stop,omitempty"`
}

// Signal is what is kept of the teacher's distribution.
type Signal struct {
	// Kind of signal. none: only the text. topk: the k likeliest tokens. sampled: k draws, unbiased.
	Kind string `yaml:"kind" jsonschema:"enum=none,enum=topk,enum=sampled"`
	// K entries at each token.
	K int `yaml:"k" jsonschema:"minimum=1,maximum=256"`
}

// Limits of pace and patience, for remote teachers.
type Limits struct {
	// RequestsPerMinute, 0 for no limit of our own; what the server says in its headers is heeded in any case.
	RequestsPerMinute int `yaml:"requests_per_minute" jsonschema:"minimum=0"`
	// TokensPerMinute, prompt and completion together, 0 for no limit of our own.
	TokensPerMinute int `yaml:"tokens_per_minute" jsonschema:"minimum=0"`
	// Timeout of one call from start to end.
	Timeout time.Duration `yaml:"timeout"`
	// IdleTimeout is the longest silence within a streamed answer.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// Retries of a call that failed for a passing reason.
	Retries int `yaml:"retries" jsonschema:"minimum=0,maximum=100"`
	// WhenDown says what to do when the server goes down in the midst. wait: until it is back. stop: end the run, keeping everything.
	WhenDown string `yaml:"when_down" jsonschema:"enum=wait,enum=stop"`
	// Patience is how long rate limits and a server that is down are waited out.
	Patience time.Duration `yaml:"patience"`
}

// Budget of generation.
type Budget struct {
	// USD is the most that may be spent.
	USD float64 `yaml:"usd" jsonschema:"minimum=0"`
	// Tokens is the most that may be used, prompt and completion together.
	Tokens int64 `yaml:"tokens" jsonschema:"minimum=0"`
	// Calls is the most requests that may be made.
	Calls int64 `yaml:"calls" jsonschema:"minimum=0"`
	// Time is the longest that generation may take.
	Time time.Duration `yaml:"time"`
}

// Price in US dollars per million tokens.
type Price struct {
	// Input tokens.
	Input float64 `yaml:"input" jsonschema:"minimum=0"`
	// CachedInput tokens, which some servers sell cheaper.
	CachedInput float64 `yaml:"cached_input" jsonschema:"minimum=0"`
	// Output tokens, thinking included.
	Output float64 `yaml:"output" jsonschema:"minimum=0"`
}

// Score adds the distribution of another model to answers that the teacher wrote.
type Score struct {
	// Model that judges: a GGUF file or Hugging Face folder. With by it only lends its tokenizer and chat template and needs no weights.
	Model string `yaml:"model" path:"true" jsonschema:"required"`
	// By is a server that has the weights and scores texts it did not write: vLLM, SGLang or distill serve. It gives topk signals.
	By *Asked `yaml:"by,omitempty"`
	// Signal that is added.
	Signal Signal `yaml:"signal"`
}
