package remote

import (
	"net/url"
	"slices"
	"strings"
)

// Wire is the shape of requests and answers.
type Wire string

// The four wires. All others speak OpenAI's.
const (
	ChatCompletions Wire = "chat completions" // POST {base}/chat/completions, server-sent events
	Messages        Wire = "messages"         // Anthropic: POST {base}/messages, server-sent events
	GenerateContent Wire = "generate content" // Gemini: POST {base}/models/{model}:streamGenerateContent
	OllamaChat      Wire = "ollama chat"      // POST {base}/api/chat, one JSON object a line
)

// Dialect is what one kind of server understands. Names of fields are empty where the server has no such field; a
// request that needs it is then refused here, before it costs anything, instead of being answered by other rules than
// those asked for. Only the seed is dropped in silence: no hosted service promises to keep it.
type Dialect struct {
	Name    string
	BaseURL string   // used when the options name none
	Hosts   []string // a base URL whose host ends so speaks this dialect
	KeyEnv  string   // the usual environment variable of its key; empty where no key is needed
	Wire    Wire

	MaxTokens         string // field that limits the completion, reasoning included
	MaxOutput         int    // tokens a completion has at most when the request sets no limit; 0 is not known
	Seed              string
	TopK              string
	MinP              string
	RepetitionPenalty string
	MaxStops          int // stop texts a request may have

	// FillsIn says that the server puts defaults of its own, or of the model's files, in the place of sampling settings
	// that a request leaves out: so none is left out. AllTopK is the top_k that means all tokens.
	FillsIn bool
	AllTopK int

	TopLogprobs int  // most alternatives a position; 0 means no log-probabilities
	TokenIDs    bool // log-probabilities come with token ids, or at least may
	ChosenIDs   bool // of the answer's own tokens only, under Together's names
	MetaInfo    bool // ids come with return_meta_info, in whole answers
	StreamUsage bool // takes stream_options.include_usage; the others send usage unasked
	Continue    Continuation
	Scores      Scoring
	Batches     bool // has OpenAI's batch endpoint, files and all
	Concurrency int  // requests in flight per key to begin with as a ceiling; the server's 429s lower it

	Models []ModelQuirk
	Notes  []Note
}

// Continuation says how a server is asked to go on with an unfinished assistant turn.
type Continuation string

// Ways to continue. CannotContinue servers would start a new turn.
const (
	CannotContinue       Continuation = ""
	LastAssistantTurn    Continuation = "last turn"              // a final assistant message is continued as it stands
	PrefixFlag           Continuation = "prefix"                 // "prefix": true on it
	ContinueFinalMessage Continuation = "continue_final_message" // a field of the request
)

// ModelQuirk is what is different about the models whose names start with Prefix.
type ModelQuirk struct {
	Prefix        string
	NoLogprobs    bool // asking for log-probabilities is an error
	FixedSampling bool // temperature, top_p and top_k are ignored or refused: they are not sent, and a warning says so
	NoPrefill     bool // it goes on with no turn of the assistant
	Note          Note
}

// Note is a fact with where it was found.
type Note struct{ Fact, Source string }

// dialects is the table, the only place where servers differ by name. Its facts are from the sources named, as they were
// found in November 2026. A server's own error message wins over this table.
var dialects = []Dialect{
	{
		Name: "openai-compatible", Wire: ChatCompletions, MaxTokens: "max_tokens",
		Seed: "seed", TopK: "top_k", MinP: "min_p", RepetitionPenalty: "repetition_penalty", MaxStops: 16,
		TopLogprobs: 20, TokenIDs: true, Scores: EchoCompletions, StreamUsage: true, Batches: true, Concurrency: 64,
		Notes: []Note{{"used for servers not named here: sends only fields that were asked for, reads every known form of answer", "this table"}},
	},
	{
		Name: "openai", BaseURL: "https://api.openai.com/v1", Hosts: []string{"api.openai.com"}, KeyEnv: "OPENAI_API_KEY",
		Wire: ChatCompletions, MaxTokens: "max_completion_tokens", MaxOutput: 16384, Seed: "seed", MaxStops: 4,
		TopLogprobs: 20, StreamUsage: true, Batches: true, Concurrency: 64,
		Models: []ModelQuirk{
			{Prefix: "o1", NoLogprobs: true, FixedSampling: true, Note: openAIReasoning},
			{Prefix: "o3", NoLogprobs: true, FixedSampling: true, Note: openAIReasoning},
			{Prefix: "o4", NoLogprobs: true, FixedSampling: true, Note: openAIReasoning},
			{Prefix: "gpt-5", NoLogprobs: true, FixedSampling: true, Note: openAIReasoning},
			{Prefix: "gpt-6", NoLogprobs: true, FixedSampling: true, Note: openAIReasoning},
		},
		Notes: []Note{
			{"max_tokens is deprecated in favour of max_completion_tokens, which counts hidden reasoning too", "OpenAI API reference, Create chat completion"},
			{"log-probabilities carry token texts and bytes, no ids; top_logprobs is 0 to 20", "OpenAI API reference, Create chat completion"},
			{"429 with code insufficient_quota means no credit; waiting does not help", "OpenAI guide, Error codes"},
			{"limits in x-ratelimit-{limit,remaining,reset}-{requests,tokens}, resets as 6m0s", "OpenAI guide, Rate limits"},
		},
	},
	{
		Name: "deepseek", BaseURL: "https://api.deepseek.com", Hosts: []string{"api.deepseek.com"}, KeyEnv: "DEEPSEEK_API_KEY",
		Wire: ChatCompletions, MaxTokens: "max_tokens", MaxOutput: 32768, MaxStops: 16,
		TopLogprobs: 20, StreamUsage: true, Continue: PrefixFlag, Concurrency: 64,
		Models: []ModelQuirk{
			{Prefix: "deepseek-reasoner", NoLogprobs: true, FixedSampling: true, Note: Note{
				"an alias of deepseek-flash that thinks, to be withdrawn in July 2026; logprobs and top_logprobs were an error, temperature and top_p without effect",
				"DeepSeek API guide, Reasoning model; change log of April 2026"}},
			{Prefix: "deepseek-chat", Note: Note{"an alias of deepseek-flash that does not think, to be withdrawn in July 2026", "DeepSeek change log of April 2026"}},
		},
		Notes: []Note{
			{"deepseek-flash and deepseek-v4-pro think unless the field thinking is {type: disabled}; reasoning_content beside content, max_tokens includes it, and temperature has no effect while they think", "DeepSeek API guide, Thinking mode"},
			{"as many requests at once as the model allows, then 429; under load blank lines, or ': keep-alive' comments in a stream, for minutes", "DeepSeek API docs, Rate limit and isolation; DeepSeek-R1 issues 91 and 314"},
			{"finish_reason insufficient_system_resource is a failure, not an answer", "DeepSeek API reference, Create chat completion"},
			{"402 means no balance; an unknown model is a 400", "DeepSeek API docs, Error codes"},
			{"prefix continuation needs base URL https://api.deepseek.com/beta", "DeepSeek API guide, Chat prefix completion"},
		},
	},
	{
		Name: "openrouter", BaseURL: "https://openrouter.ai/api/v1", Hosts: []string{"openrouter.ai"}, KeyEnv: "OPENROUTER_API_KEY",
		Wire: ChatCompletions, MaxTokens: "max_tokens", MaxOutput: 16384,
		Seed: "seed", TopK: "top_k", MinP: "min_p", RepetitionPenalty: "repetition_penalty", MaxStops: 4,
		TopLogprobs: 20, StreamUsage: true, Continue: LastAssistantTurn, Concurrency: 64,
		Notes: []Note{
			{"comments ': OPENROUTER PROCESSING' while it waits; failures midway come as an error inside a 200", "OpenRouter docs, API streaming and Errors"},
			{"thinking in the field reasoning; the price paid in usage.cost", "OpenRouter docs, Reasoning tokens and Usage accounting"},
			{"403 means that moderation flagged this input", "OpenRouter docs, Errors"},
		},
	},
	{
		Name: "together", BaseURL: "https://api.together.xyz/v1", Hosts: []string{"api.together.xyz", "api.together.ai"}, KeyEnv: "TOGETHER_API_KEY",
		Wire: ChatCompletions, MaxTokens: "max_tokens", MaxOutput: 16384,
		Seed: "seed", TopK: "top_k", MinP: "min_p", RepetitionPenalty: "repetition_penalty", MaxStops: 4, ChosenIDs: true, StreamUsage: true, Concurrency: 64,
		Notes: []Note{
			{"logprobs is a number; its answer has token_ids beside token_logprobs, and alternatives by their texts alone; in a stream one number and delta.token_id a chunk", "Together API reference, Chat completions; togethercomputer/openapi pulls 28 and 104"},
			{"limits in x-ratelimit-{limit,remaining,reset} and x-tokenlimit-{limit,remaining}", "Together docs, Rate limits"},
		},
	},
	{
		Name: "groq", BaseURL: "https://api.groq.com/openai/v1", Hosts: []string{"api.groq.com"}, KeyEnv: "GROQ_API_KEY",
		Wire: ChatCompletions, MaxTokens: "max_completion_tokens", MaxOutput: 16384, Seed: "seed", MaxStops: 4, StreamUsage: true, Batches: true, Concurrency: 32,
		Notes: []Note{
			{"logprobs, top_logprobs and logit_bias are refused with 400; temperature 0 becomes 1e-8", "console.groq.com/docs/openai"},
			{"thinking in the field reasoning when reasoning_format is parsed", "Groq docs, Reasoning"},
			{"x-ratelimit-limit-requests counts a day, x-ratelimit-limit-tokens a minute", "Groq docs, Rate limits"},
		},
	},
	{
		Name: "mistral", BaseURL: "https://api.mistral.ai/v1", Hosts: []string{"api.mistral.ai"}, KeyEnv: "MISTRAL_API_KEY",
		Wire: ChatCompletions, MaxTokens: "max_tokens", MaxOutput: 16384, Seed: "random_seed", MaxStops: 4, Continue: PrefixFlag, Concurrency: 32,
		Notes: []Note{
			{"unknown fields are refused with 422, stream_options among them; usage comes in the last chunk unasked", "Mistral API reference, Chat completion; platform-docs-public issue 7; posit-dev/chatlas pull 145"},
			{"reasoning models answer in parts of type thinking and text", "Mistral docs, Reasoning"},
			{"tokens left in x-ratelimitbysize-remaining-minute, their reset in ratelimitbysize-reset", "its answers; tidyllm, api_mistral.R"},
		},
	},
	{
		Name: "vllm", BaseURL: "http://localhost:8000/v1", Wire: ChatCompletions, MaxTokens: "max_tokens",
		Seed: "seed", TopK: "top_k", MinP: "min_p", RepetitionPenalty: "repetition_penalty", MaxStops: 64,
		FillsIn: true, AllTopK: -1,
		TopLogprobs: 20, TokenIDs: true, Scores: EchoCompletions, StreamUsage: true, Continue: ContinueFinalMessage, Concurrency: 256,
		Notes: []Note{
			{"what a request leaves out of the sampling comes from the model's generation_config.json, often top_k 20 and top_p 0.8", "vllm/entrypoints/openai/chat_completion/protocol.py, to_sampling_params; vLLM docs, --generation-config"},
			{"ids as token texts \"token_id:123\" with return_tokens_as_token_ids; more than 20 alternatives need --max-logprobs", "vLLM docs, OpenAI-compatible server; vllm issues 5299 and 16546"},
			{"scores a prompt by /completions with echo, logprobs and max_tokens 0; the ids as for chat", "vLLM docs, OpenAI-compatible server; vllm/entrypoints/openai"},
			{"log-probabilities are of the raw distribution, before temperature, unless --logprobs-mode says otherwise", "vLLM docs, Engine arguments"},
			{"thinking in reasoning (before 2026 reasoning_content) with --reasoning-parser, else in the text, often with </think> alone", "vLLM docs, Reasoning outputs; vllm issues 12999 and 13125"},
			{"finish_reason abort is no answer; failures in a stream are an error object with its status as code", "vllm/entrypoints/generate/base/serving.py"},
		},
	},
	{
		Name: "sglang", BaseURL: "http://localhost:30000/v1", Wire: ChatCompletions, MaxTokens: "max_tokens",
		Seed: "seed", TopK: "top_k", MinP: "min_p", RepetitionPenalty: "repetition_penalty", MaxStops: 64,
		FillsIn: true, AllTopK: -1,
		TopLogprobs: 20, TokenIDs: true, MetaInfo: true, Scores: InputLogprobs, StreamUsage: true, Continue: ContinueFinalMessage, Concurrency: 256,
		Notes: []Note{
			{"logprobs carry token texts; with return_meta_info a whole answer has output_token_logprobs and output_top_logprobs, [logprob, id, text] each, and its own /generate the same of a prompt", "python/sglang/srt/entrypoints/openai/protocol.py; SGLang docs, Native APIs"},
			{"what a request leaves out of the sampling comes from the model's generation_config.json", "SGLang docs, --sampling-defaults"},
			{"usage has reasoning_tokens of its own; an error is the object itself, with object error and a numeric code", "python/sglang/srt/entrypoints/openai/protocol.py"},
		},
	},
	{
		Name: "llama.cpp", BaseURL: "http://localhost:8080/v1", Wire: ChatCompletions, MaxTokens: "max_tokens",
		Seed: "seed", TopK: "top_k", MinP: "min_p", RepetitionPenalty: "repeat_penalty", MaxStops: 64, FillsIn: true,
		TopLogprobs: 1 << 10, TokenIDs: true, StreamUsage: true, Continue: LastAssistantTurn, Concurrency: 8,
		Notes: []Note{
			{"id in each entry of logprobs.content and top_logprobs; values are before sampling unless post_sampling_probs", "llama.cpp tools/server/README.md"},
			{"a final assistant message is continued", "llama.cpp tools/server/README.md"},
			{"what a request leaves out of the sampling comes from the command line, by default top_k 40, top_p 0.95 and min_p 0.05", "llama.cpp tools/server/README.md"},
		},
	},
	{
		Name: "distill", BaseURL: "http://localhost:8080/v1", Wire: ChatCompletions, MaxTokens: "max_tokens",
		Seed: "seed", TopK: "top_k", MinP: "min_p", RepetitionPenalty: "repetition_penalty", MaxStops: 16,
		TopLogprobs: 256, TokenIDs: true, Scores: EchoCompletions, StreamUsage: true, Concurrency: 32,
		Notes: []Note{{"distill serve: ids as llama.cpp writes them", "internal/server"}},
	},
	{
		Name: "ollama", BaseURL: "http://localhost:11434/v1", Wire: ChatCompletions, MaxTokens: "max_tokens",
		Seed: "seed", MaxStops: 16, StreamUsage: true, Concurrency: 4,
		Notes: []Note{
			{"this endpoint drops logprobs in silence in many versions, and never gives ids", "ollama issues 2415 and 16117"},
			{"top_k and min_p are the model file's, by default 40 and 0: ollama-native can say otherwise", "Ollama docs/modelfile.md"},
		},
	},
	{
		Name: "ollama-native", BaseURL: "http://localhost:11434", Wire: OllamaChat, MaxTokens: "num_predict",
		Seed: "seed", TopK: "top_k", MinP: "min_p", RepetitionPenalty: "repeat_penalty", MaxStops: 16, Concurrency: 4,
		Notes: []Note{
			{"thinking in message.thinking; durations in nanoseconds; done_reason stop or length", "Ollama docs/api.md"},
			{"log-probabilities come as token texts, without ids: not asked for", "Ollama docs/api.md; ollama-python pull 601"},
		},
	},
	{
		Name: "anthropic", BaseURL: "https://api.anthropic.com/v1", Hosts: []string{"api.anthropic.com"}, KeyEnv: "ANTHROPIC_API_KEY",
		Wire: Messages, MaxTokens: "max_tokens", MaxOutput: 8192, TopK: "top_k", MaxStops: 8191, Continue: LastAssistantTurn, Concurrency: 32,
		Models: []ModelQuirk{
			{Prefix: "claude-opus-4-6", NoPrefill: true, Note: claudeWithoutPrefill},
			{Prefix: "claude-sonnet-4-6", NoPrefill: true, Note: claudeWithoutPrefill},
			{Prefix: "claude-opus-4-7", NoPrefill: true, FixedSampling: true, Note: claudeWithoutSampling},
			{Prefix: "claude-opus-4-8", NoPrefill: true, FixedSampling: true, Note: claudeWithoutSampling},
			{Prefix: "claude-opus-5", NoPrefill: true, FixedSampling: true, Note: claudeWithoutSampling},
		},
		Notes: []Note{
			{"max_tokens is required; system is a field of its own; temperature is 0 to 1; no log-probabilities, no seed", "Anthropic API reference, Messages"},
			{"529 overloaded_error; limits in anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}, resets in RFC 3339", "Anthropic API reference, Errors and Rate limits"},
			{"newer models take temperature or top_p, not both", "Anthropic migration guide, Claude 4.5"},
		},
	},
	{
		Name: "gemini", BaseURL: "https://generativelanguage.googleapis.com/v1beta", Hosts: []string{"generativelanguage.googleapis.com"}, KeyEnv: "GEMINI_API_KEY",
		Wire: GenerateContent, MaxTokens: "maxOutputTokens", MaxOutput: 8192, Seed: "seed", TopK: "topK", MaxStops: 5,
		TopLogprobs: 20, TokenIDs: true, Concurrency: 32,
		Notes: []Note{
			{"roles are user and model; thoughts are parts with thought true when includeThoughts is set; thoughtsTokenCount is billed as output", "Gemini API reference, generateContent; Thinking guide"},
			{"logprobsResult carries tokenId; only some models give it", "Gemini API reference, LogprobsResult"},
			{"a key that is wrong is a 400 with API_KEY_INVALID; a 429 says how long to wait in details, retryDelay", "Gemini API, Troubleshooting guide"},
		},
	},
}

var (
	openAIReasoning       = Note{"reasoning models refuse temperature, top_p and logprobs", "OpenAI guide, Reasoning"}
	claudeWithoutPrefill  = Note{"a last turn of the assistant is a 400", "Anthropic migration guide, Claude 4.6"}
	claudeWithoutSampling = Note{"temperature, top_p and top_k are a 400, and so is a last turn of the assistant", "Anthropic migration guide, Claude Opus 4.7"}
)

// DialectNamed returns the dialect of a name.
func DialectNamed(name string) (Dialect, bool) {
	i := slices.IndexFunc(dialects, func(d Dialect) bool { return d.Name == name })
	if i < 0 {
		return Dialect{}, false
	}
	return dialects[i], true
}

// GuessDialect returns the dialect that a base URL's host belongs to: one of the services in the table, Ollama by its
// port, else "openai-compatible".
func GuessDialect(baseURL string) Dialect {
	name := "openai-compatible"
	if u, err := url.Parse(baseURL); err == nil {
		for _, d := range dialects {
			for _, host := range d.Hosts {
				if u.Hostname() == host || strings.HasSuffix(u.Hostname(), "."+host) {
					return d
				}
			}
		}
		if u.Port() == "11434" {
			name = "ollama"
			if !strings.Contains(u.Path, "/v1") {
				name = "ollama-native"
			}
		}
	}
	d, _ := DialectNamed(name)
	return d
}

// quirk returns what is different about a model.
func (d *Dialect) quirk(model string) ModelQuirk {
	for _, q := range d.Models {
		if strings.HasPrefix(model, q.Prefix) {
			return q
		}
	}
	return ModelQuirk{}
}
