package config

import "time"

// Recipe is a whole run.
type Recipe struct {
	// Name of the run; its folder is runs/NAME unless --dir says otherwise.
	Name string `yaml:"name" jsonschema:"required,pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$"`
	// Description says in a line what the run is for; `recipes ls` shows it.
	Description string `yaml:"description,omitempty"`
	// Seed of everything that is drawn: problems, sampling, initial weights, batch order.
	Seed uint64 `yaml:"seed"`

	Prompts   Prompts   `yaml:"prompts" jsonschema:"required"`
	Teacher   Teacher   `yaml:"teacher" jsonschema:"required"`
	Score     *Score    `yaml:"score,omitempty"`
	Select    Select    `yaml:"select"`
	Tokenizer Tokenizer `yaml:"tokenizer"`
	Student   Student   `yaml:"student"`
	Train     Train     `yaml:"train"`
	Export    Export    `yaml:"export"`
	Eval      Eval      `yaml:"eval"`
	Report    Report    `yaml:"report"`
}

// Prompts says what is asked. Exactly one of file, list and problems is given.
type Prompts struct {
	// File is a JSONL file, one object a line, with `messages`, or `prompt`, or the fields that template uses.
	File string `yaml:"file,omitempty" path:"true"`
	// List holds the prompts themselves.
	List []string `yaml:"list,omitempty"`
	// Problems makes arithmetic word problems with a known answer.
	Problems *Problems `yaml:"problems,omitempty"`
	// Template makes the user's message from a line's fields, in Go's text/template notation: "{{.question}}".
	Template string `yaml:"template,omitempty"`
	// System is the system message put before every prompt; empty for none.
	System string `yaml:"system,omitempty"`
	// Reference says where a line keeps the expected answer.
	Reference *Reference `yaml:"reference,omitempty"`
	// ID is the field that identifies a line; without it the identity is a hash of the messages.
	ID string `yaml:"id,omitempty"`
	// Format is how messages become text. chat: the model's chat template. raw: the bare text, to be continued, for base models.
	Format string `yaml:"format" jsonschema:"enum=chat,enum=raw"`
	// Limit is the largest number of prompts taken from the source; 0 takes all.
	Limit int `yaml:"limit" jsonschema:"minimum=0"`
	// Heldout is the share of prompts that is never trained on; decided by a hash of each, so it is stable.
	Heldout float64 `yaml:"heldout" jsonschema:"minimum=0,maximum=0.9"`
}

// Problems makes prompts by code: word problems of one to four calculations. prompts.heldout is their held-out share.
type Problems struct {
	// Count of problems in all.
	Count int `yaml:"count" jsonschema:"minimum=1"`
	// MinSteps is the least number of calculations in a problem.
	MinSteps int `yaml:"min_steps" jsonschema:"minimum=1,maximum=4"`
	// MaxSteps is the greatest number of calculations in a problem.
	MaxSteps int `yaml:"max_steps" jsonschema:"minimum=1,maximum=4"`
}

// Reference is the rule that takes an expected answer from a line's field.
type Reference struct {
	// Field of the line.
	Field string `yaml:"field" jsonschema:"required"`
	// After keeps what follows the last occurrence of this text ("####" for GSM8K).
	After string `yaml:"after,omitempty"`
	// Pattern keeps the first group (or the whole) of the last match of this regular expression.
	Pattern string `yaml:"pattern,omitempty"`
}

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

// Score adds the distribution of a local model to answers that another teacher wrote.
type Score struct {
	// Model that judges: a GGUF file or Hugging Face folder.
	Model string `yaml:"model" path:"true" jsonschema:"required"`
	// Signal that is added.
	Signal Signal `yaml:"signal"`
}

// Select says which answers are learnt.
type Select struct {
	// Verify lists the judgements made of every answer.
	Verify []Verifier `yaml:"verify,omitempty"`
	// Policy of choosing among a prompt's answers. all keeps every one; first, shortest, longest, best (by score) keep one, or per_prompt of them; mix keeps the longest of some prompts and the shortest of the others.
	Policy string `yaml:"policy" jsonschema:"enum=all,enum=first,enum=shortest,enum=longest,enum=best,enum=mix"`
	// MixLong is the share of prompts that keep their longest answer under mix.
	MixLong float64 `yaml:"mix_long" jsonschema:"minimum=0,maximum=1"`
	// Failing answers: drop them, or keep them when the verifiers are only to be reported.
	Failing string `yaml:"failing" jsonschema:"enum=drop,enum=keep"`
	// PerPrompt is the largest number of answers kept of one prompt; 0 for one, or all under the policy all.
	PerPrompt int `yaml:"per_prompt" jsonschema:"minimum=0"`
	// MinPassRate leaves out prompts of which a smaller share of answers passes: too hard. 0 bounds nothing.
	MinPassRate float64 `yaml:"min_pass_rate" jsonschema:"minimum=0,maximum=1"`
	// MaxPassRate leaves out prompts of which a greater share passes: too easy. 0 bounds nothing.
	MaxPassRate float64 `yaml:"max_pass_rate" jsonschema:"minimum=0,maximum=1"`
	// Unfinished answers, cut at the token limit: a student that learns from them learns never to stop.
	Unfinished string `yaml:"unfinished" jsonschema:"enum=drop,enum=keep"`
	// MaxTokens drops answers longer than this, thinking included; 0 keeps all. Small students learn better from short answers.
	MaxTokens int `yaml:"max_tokens" jsonschema:"minimum=0"`
	// Where keeps rows for which this expression is true: "completion_tokens < 200 && !(response contains 'sorry')".
	Where string `yaml:"where,omitempty"`
	// Dedup removes rows that repeat another word for word (exact), or nearly (near).
	Dedup string `yaml:"dedup" jsonschema:"enum=none,enum=exact,enum=near"`
	// Near is the similarity of three-word runs from which on two rows count as the same under near.
	Near float64 `yaml:"near" jsonschema:"minimum=0.1,maximum=1"`
	// Refusals removes answers that begin with a refusal, in English.
	Refusals bool `yaml:"refusals"`
	// Repetition removes answers of which more than this share repeats itself; 0 keeps all.
	Repetition float64 `yaml:"repetition" jsonschema:"minimum=0,maximum=1"`
	// Scripts keeps answers whose letters are mostly of these Unicode scripts: [Latin].
	Scripts []string `yaml:"scripts,omitempty"`
	// Decontaminate removes rows that share a run of 13 words with a line of this text file: an evaluation set.
	Decontaminate string `yaml:"decontaminate,omitempty" path:"true"`
}

// Verifier is one judgement of an answer against its prompt's reference.
type Verifier struct {
	// Kind of check. number: the last number is the reference. exact: equal but for blanks. fuzzy: nearly equal. regex, json, expr: see pattern, schema, expr.
	Kind string `yaml:"kind" jsonschema:"required,enum=number,enum=exact,enum=fuzzy,enum=regex,enum=json,enum=expr"`
	// Pattern that the answer must match (regex).
	Pattern string `yaml:"pattern,omitempty"`
	// Schema that the answer must satisfy, as JSON (json).
	Schema string `yaml:"schema,omitempty"`
	// Expr that must be true (expr).
	Expr string `yaml:"expr,omitempty"`
	// Threshold of likeness between 0 and 1 (fuzzy).
	Threshold float64 `yaml:"threshold,omitempty" jsonschema:"minimum=0,maximum=1"`
}

// Tokenizer says in which tokens the student reads and writes.
type Tokenizer struct {
	// From is teacher (the teacher's own: needed to learn from its distribution), train (a byte-level BPE fitted to the data), or a model's path. Left out, it is teacher where the teacher or the model that scores lies on this machine, else train.
	From string `yaml:"from" default:"by teacher.kind"`
	// Size of the vocabulary that is trained.
	Size int `yaml:"size" jsonschema:"minimum=258,maximum=262144"`
}

// Student is who learns: a shape, or a checkpoint to start from.
type Student struct {
	// From is scratch, or the path of a model whose weights and shape the student starts with.
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
	// LoRA trains small additions to the weights of a checkpoint instead of the weights; they are merged on export.
	LoRA *LoRA `yaml:"lora,omitempty"`
}

// LoRA is low-rank adaptation (arXiv:2106.09685).
type LoRA struct {
	// Rank of the additions.
	Rank int `yaml:"rank" jsonschema:"minimum=1,maximum=4096"`
	// Alpha scales them, by alpha/rank; 0 for twice the rank.
	Alpha float64 `yaml:"alpha" jsonschema:"minimum=0"`
	// Targets among attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down; none given for all.
	Targets []string `yaml:"targets,omitempty"`
}

// Train says how the student learns.
type Train struct {
	// Epochs over the data, when neither steps nor tokens is given.
	Epochs float64 `yaml:"epochs" jsonschema:"minimum=0"`
	// Steps of the optimizer; 0 to go by tokens or epochs.
	Steps int `yaml:"steps" jsonschema:"minimum=0"`
	// Tokens to be seen, prompts included; 0 to go by epochs.
	Tokens int64 `yaml:"tokens" jsonschema:"minimum=0"`
	// Time after which training stops where it is and the run goes on; 0 for no limit.
	Time time.Duration `yaml:"time"`
	// Batch is the number of sequences in one forward pass.
	Batch int `yaml:"batch" jsonschema:"minimum=1"`
	// Accumulate this many batches before each step of the optimizer.
	Accumulate int `yaml:"accumulate" jsonschema:"minimum=1"`
	// Seq is the length of a training sequence in tokens; short examples are packed into it. 0 for the student's context.
	Seq int `yaml:"seq" jsonschema:"minimum=0"`
	// Optimizer and its schedule.
	Optimizer Optimizer `yaml:"optimizer"`
	// Loss to be made small.
	Loss Loss `yaml:"loss"`
	// Precision of the matrix products. auto: bf16 where the machine multiplies it in hardware, else fp32.
	Precision string `yaml:"precision" jsonschema:"enum=auto,enum=fp32,enum=bf16"`
	// EvalEvery this many steps the held-out loss is measured, and the best weights are kept; 0 for a tenth of the run.
	EvalEvery int `yaml:"eval_every" jsonschema:"minimum=0"`
	// CheckpointEvery this many steps; what a crash costs. 0 for a tenth of the run.
	CheckpointEvery int `yaml:"checkpoint_every" jsonschema:"minimum=0"`
	// EMA is the decay of an average of the weights, which is then what is evaluated and exported; 0 for none.
	EMA float64 `yaml:"ema" jsonschema:"minimum=0,maximum=0.99999"`
	// Recompute activations in the backward pass instead of keeping them: less memory for a third more time, same bits.
	Recompute bool `yaml:"recompute"`
	// QAT adds a last phase in which the student learns under the rounding of the type that will be shipped.
	QAT *QAT `yaml:"qat,omitempty"`
	// Keep this many checkpoints.
	Keep int `yaml:"keep" jsonschema:"minimum=1"`
	// LearnReasoning: the student learns the teacher's thinking too, not only its answers.
	LearnReasoning bool `yaml:"learn_reasoning"`
	// Control trains a second student for comparison, with the same steps. answers: on the answers alone, without the thinking.
	Control string `yaml:"control" jsonschema:"enum=none,enum=answers"`
}

// QAT is quantization-aware training, straight-through.
type QAT struct {
	// Type of block the weights are rounded to: q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, …
	Type string `yaml:"type" jsonschema:"required"`
	// Share of the steps of training that are added.
	Share float64 `yaml:"share" jsonschema:"minimum=0,maximum=10"`
}

// Optimizer is how gradients become steps.
type Optimizer struct {
	// Kind of optimizer. muon: Muon for the matrices, AdamW for the rest.
	Kind string `yaml:"kind" jsonschema:"enum=adamw,enum=muon"`
	// LR is the peak learning rate of AdamW.
	LR float64 `yaml:"lr" jsonschema:"exclusiveMinimum=0"`
	// MuonLR is the peak learning rate of Muon's matrices.
	MuonLR float64 `yaml:"muon_lr" jsonschema:"exclusiveMinimum=0"`
	// WeightDecay, decoupled, of the matrices.
	WeightDecay float64 `yaml:"weight_decay" jsonschema:"minimum=0"`
	// Beta1 of AdamW.
	Beta1 float64 `yaml:"beta1" jsonschema:"minimum=0,maximum=1"`
	// Beta2 of AdamW.
	Beta2 float64 `yaml:"beta2" jsonschema:"minimum=0,maximum=1"`
	// Clip the gradient's norm to this; 0 for no clipping.
	Clip float64 `yaml:"clip" jsonschema:"minimum=0"`
	// Schedule of the learning rate after warm-up. wsd: flat, then linear to the final rate in the last fifth.
	Schedule string `yaml:"schedule" jsonschema:"enum=cosine,enum=linear,enum=wsd,enum=constant"`
	// Warmup is the share of steps in which the rate rises.
	Warmup float64 `yaml:"warmup" jsonschema:"minimum=0,maximum=1"`
	// Final learning rate as a share of the peak.
	Final float64 `yaml:"final" jsonschema:"minimum=0,maximum=1"`
}

// Loss compares the student with the teacher.
type Loss struct {
	// Kind of loss. ce: the teacher's text. The others compare distributions and need a signal.
	Kind string `yaml:"kind" jsonschema:"enum=ce,enum=forward_kl,enum=reverse_kl,enum=jsd,enum=skew_kl,enum=skew_reverse_kl,enum=tvd"`
	// Weight of the divergence; the rest, 1-weight, is cross-entropy.
	Weight float64 `yaml:"weight" jsonschema:"minimum=0,maximum=1"`
	// Temperature at which distributions are compared.
	Temperature float64 `yaml:"temperature" jsonschema:"exclusiveMinimum=0"`
	// Beta mixes teacher and student in jsd, and is the skew of the skew losses.
	Beta float64 `yaml:"beta" jsonschema:"minimum=0,maximum=1"`
	// Dense compares with the whole distribution of a local teacher that runs along in training, instead of a kept signal.
	Dense bool `yaml:"dense"`
	// LabelSmoothing of the cross-entropy.
	LabelSmoothing float64 `yaml:"label_smoothing" jsonschema:"minimum=0,maximum=1"`
}

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
	// MaxTokens of a student's answer; 0 for the teacher's limit.
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

// Report says what the report shows.
type Report struct {
	// Samples of teacher and student side by side.
	Samples int `yaml:"samples" jsonschema:"minimum=0,maximum=1000"`
}
