// Package openai holds the wire types of the OpenAI HTTP API, as far as text goes in and text comes out: chat
// completions, text completions, the model list, errors, and the server-sent events that carry streams.
//
// They are shared by the client in teacher/remote and by internal/server, so both sides of our own wire agree by
// construction. The source is OpenAI's API reference and its openapi.yaml (2.3.0); fields that other servers added are
// marked with who did. Optional fields are pointers, so "absent" and "zero" stay apart; what is not known is ignored on
// the way in. Images, audio, tools and the Responses API are left out on purpose.
package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Message is one turn of a chat.
type Message struct {
	Role    string  `json:"role"`
	Content Content `json:"content"`

	// The model's thinking, under the name each server chose: DeepSeek, vLLM, SGLang and llama.cpp say
	// reasoning_content, OpenRouter, Groq and newer vLLM say reasoning, Ollama says thinking.
	ReasoningContent string `json:"reasoning_content,omitempty"`
	Reasoning        string `json:"reasoning,omitempty"`
	Thinking         string `json:"thinking,omitempty"`

	Refusal string `json:"refusal,omitempty"`
	Prefix  bool   `json:"prefix,omitempty"` // DeepSeek (beta) and Mistral: continue this assistant turn
}

// Thoughts returns the message's thinking, whatever field or content part it came in.
func (m *Message) Thoughts() string {
	for _, s := range []string{m.ReasoningContent, m.Reasoning, m.Thinking} {
		if s != "" {
			return s
		}
	}
	return m.Content.Thinking
}

// Content is the text of a message. On the wire it is a string, null, or a list of parts; it is always written as a
// string.
type Content struct {
	Text     string
	Thinking string // text of parts of type "thinking" (Mistral's reasoning models)
	Other    string // the type of the first part that is no text, such as "image_url"; empty when there is none
}

// Text makes the content of a plain message.
func Text(s string) Content { return Content{Text: s} }

// MarshalJSON writes the text as a JSON string.
func (c Content) MarshalJSON() ([]byte, error) { return json.Marshal(c.Text) }

// UnmarshalJSON reads a string, null, or a list of parts.
func (c *Content) UnmarshalJSON(data []byte) error {
	*c = Content{}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '[' {
		return json.Unmarshal(data, &c.Text)
	}
	var parts []struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		Thinking json.RawMessage `json:"thinking"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		switch p.Type {
		case "text", "input_text", "output_text":
			c.Text += p.Text
		case "thinking":
			var inner Content
			if err := inner.UnmarshalJSON(p.Thinking); err != nil {
				return fmt.Errorf("thinking part: %w", err)
			}
			c.Thinking += inner.Text
		default:
			if c.Other == "" {
				c.Other = p.Type
			}
		}
	}
	return nil
}

// Texts is a list of strings that may be written as one string, as "stop" and "prompt" are.
type Texts []string

// UnmarshalJSON reads a string, null, or a list of strings.
func (t *Texts) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		var one string
		if err := json.Unmarshal(data, &one); err != nil {
			return err
		}
		*t = Texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// ChatRequest asks for a chat completion (POST /chat/completions).
type ChatRequest struct {
	Model               string         `json:"model"`
	Messages            []Message      `json:"messages"`
	Stream              bool           `json:"stream,omitempty"`
	StreamOptions       *StreamOptions `json:"stream_options,omitempty"`
	Temperature         *float64       `json:"temperature,omitempty"`
	TopP                *float64       `json:"top_p,omitempty"`
	MaxTokens           *int           `json:"max_tokens,omitempty"`
	MaxCompletionTokens *int           `json:"max_completion_tokens,omitempty"` // OpenAI's newer name of the same
	Stop                Texts          `json:"stop,omitempty"`
	Seed                *int64         `json:"seed,omitempty"`
	Logprobs            *bool          `json:"logprobs,omitempty"`
	TopLogprobs         *int           `json:"top_logprobs,omitempty"`
	N                   *int           `json:"n,omitempty"`
	FrequencyPenalty    *float64       `json:"frequency_penalty,omitempty"`
	PresencePenalty     *float64       `json:"presence_penalty,omitempty"`
	ResponseFormat      *Format        `json:"response_format,omitempty"`
	Tools               []any          `json:"tools,omitempty"`
	User                string         `json:"user,omitempty"`

	Extensions
}

// Extensions are sampling fields that OpenAI does not have and open servers share.
type Extensions struct {
	TopK              *int     `json:"top_k,omitempty"`
	MinP              *float64 `json:"min_p,omitempty"`
	RepetitionPenalty *float64 `json:"repetition_penalty,omitempty"` // vLLM, SGLang, OpenRouter, Together
	RepeatPenalty     *float64 `json:"repeat_penalty,omitempty"`     // llama.cpp
	RandomSeed        *int64   `json:"random_seed,omitempty"`        // Mistral
	// ReturnTokensAsTokenIDs makes vLLM write each token of the log-probabilities as "token_id:123".
	ReturnTokensAsTokenIDs *bool `json:"return_tokens_as_token_ids,omitempty"`
	// AddGenerationPrompt false with ContinueFinalMessage true makes vLLM and SGLang go on with the last turn.
	AddGenerationPrompt  *bool `json:"add_generation_prompt,omitempty"`
	ContinueFinalMessage *bool `json:"continue_final_message,omitempty"`
	// ReturnMetaInfo makes SGLang put what its own endpoint says, token ids among it, beside each choice.
	ReturnMetaInfo *bool `json:"return_meta_info,omitempty"`
}

// StreamOptions tune a stream.
type StreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// Format is the form asked of an answer: type "text", "json_object" or "json_schema".
type Format struct {
	Type       string      `json:"type"` // text, json_object or json_schema
	JSONSchema *JSONSchema `json:"json_schema,omitempty"`
}

// JSONSchema is what the answer must be valid against.
type JSONSchema struct {
	Name   string          `json:"name,omitempty"`
	Schema json.RawMessage `json:"schema,omitempty"`
	Strict *bool           `json:"strict,omitempty"`
}

// ChatResponse is a chat completion, or one chunk of it in a stream: object "chat.completion" with Message set in each
// choice, or "chat.completion.chunk" with Delta set.
type ChatResponse struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"`
	Created           int64        `json:"created"`
	Model             string       `json:"model"`
	SystemFingerprint string       `json:"system_fingerprint,omitempty"`
	Choices           []ChatChoice `json:"choices"`
	Usage             *Usage       `json:"usage,omitempty"`
	Error             *Error       `json:"error,omitempty"` // some servers answer 200 with this
}

// ChatChoice is one answer.
type ChatChoice struct {
	Index        int       `json:"index"`
	Message      *Message  `json:"message,omitempty"`
	Delta        *Delta    `json:"delta,omitempty"`
	Logprobs     *Logprobs `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
	Error        *Error    `json:"error,omitempty"` // OpenRouter, when the provider failed midway
	MetaInfo     *MetaInfo `json:"meta_info,omitempty"`
}

// MetaInfo is what SGLang's own endpoint says of an answer: [log-probability, id, text] of each of its tokens and of the
// likeliest at its place; the same of the prompt where that is scored.
type MetaInfo struct {
	PromptTokens int64      `json:"prompt_tokens"`
	Input        []Triple   `json:"input_token_logprobs"`
	InputTop     [][]Triple `json:"input_top_logprobs"`
	Output       []Triple   `json:"output_token_logprobs"`
	OutputTop    [][]Triple `json:"output_top_logprobs"`
}

// Triple is SGLang's [log-probability, id, text], of which the first two are read.
type Triple struct {
	Logprob Logprob
	ID      int32
}

// UnmarshalJSON reads the list; a missing log-probability is minus infinity.
func (t *Triple) UnmarshalJSON(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if len(parts) < 2 {
		return fmt.Errorf("an entry of %d parts, want [logprob, id, text]", len(parts))
	}
	return errors.Join(json.Unmarshal(parts[0], &t.Logprob), json.Unmarshal(parts[1], &t.ID))
}

// Delta is what a chunk adds to a message. Absent text is not written.
type Delta struct {
	Role             string   `json:"role,omitempty"`
	Content          *Content `json:"content,omitempty"`
	ReasoningContent string   `json:"reasoning_content,omitempty"`
	Reasoning        string   `json:"reasoning,omitempty"`
	Thinking         string   `json:"thinking,omitempty"`
	Refusal          string   `json:"refusal,omitempty"`
	TokenID          *int32   `json:"token_id,omitempty"` // Together, one token a chunk
}

// Usage counts tokens.
type Usage struct {
	PromptTokens            int64             `json:"prompt_tokens"`
	CompletionTokens        int64             `json:"completion_tokens"`
	TotalTokens             int64             `json:"total_tokens"`
	PromptTokensDetails     *PromptDetails    `json:"prompt_tokens_details,omitempty"`
	CompletionTokensDetails *CompletionDetail `json:"completion_tokens_details,omitempty"`
	PromptCacheHitTokens    int64             `json:"prompt_cache_hit_tokens,omitempty"` // DeepSeek
	ReasoningTokens         int64             `json:"reasoning_tokens,omitempty"`        // SGLang
	Cost                    *float64          `json:"cost,omitempty"`                    // OpenRouter, in US dollars
}

// PromptDetails splits the prompt's tokens.
type PromptDetails struct {
	CachedTokens int64 `json:"cached_tokens"`
}

// CompletionDetail splits the completion's tokens.
type CompletionDetail struct {
	ReasoningTokens int64 `json:"reasoning_tokens"`
}

// Logprobs are the log-probabilities of a chat choice, token by token. Together gives lists side by side instead, and in a
// stream the bare number of the chunk's token.
type Logprobs struct {
	Content       []TokenLogprob `json:"content"`
	TokenIDs      []int32        `json:"token_ids,omitempty"`
	TokenLogprobs []*Logprob     `json:"token_logprobs,omitempty"`
	Only          *Logprob       `json:"-"`
}

// UnmarshalJSON reads the object or the bare number.
func (l *Logprobs) UnmarshalJSON(data []byte) error {
	if c := bytes.TrimSpace(data); len(c) > 0 && c[0] != '{' {
		return json.Unmarshal(data, &l.Only)
	}
	type plain Logprobs
	return json.Unmarshal(data, (*plain)(l))
}

// TokenLogprob is a token of the completion with the most likely ones at its place. Its id is an addition of llama.cpp and
// our own server, and under the other name of Fireworks.
type TokenLogprob struct {
	ID          *int32         `json:"id,omitempty"`
	TokenID     *int32         `json:"token_id,omitempty"`
	Token       string         `json:"token"`
	Logprob     Logprob        `json:"logprob"`
	Bytes       Bytes          `json:"bytes"`
	TopLogprobs []TokenLogprob `json:"top_logprobs,omitempty"`
}

// Logprob is a natural-log probability. JSON has no infinities: minus infinity is written as -9999, as vLLM and OpenAI
// do, and null is read as minus infinity.
type Logprob float32

// MarshalJSON writes a finite number.
func (l Logprob) MarshalJSON() ([]byte, error) {
	if f := float64(l); math.IsInf(f, 0) || math.IsNaN(f) {
		return []byte("-9999"), nil
	}
	return json.Marshal(float32(l))
}

// UnmarshalJSON reads a number or null.
func (l *Logprob) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*l = Logprob(math.Inf(-1))
		return nil
	}
	return json.Unmarshal(data, (*float32)(l))
}

// Bytes are the bytes of a token, written as a list of numbers.
type Bytes []byte

// MarshalJSON writes a list of numbers, or null for nil.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("null"), nil
	}
	out := make([]byte, 0, 2+4*len(b))
	out = append(out, '[')
	for i, c := range b {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, "%d", c)
	}
	return append(out, ']'), nil
}

// UnmarshalJSON reads a list of numbers or null.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var numbers []uint8Number
	if err := json.Unmarshal(data, &numbers); err != nil {
		return err
	}
	if numbers == nil {
		*b = nil
		return nil
	}
	*b = make(Bytes, len(numbers))
	for i, n := range numbers {
		(*b)[i] = byte(n)
	}
	return nil
}

// uint8Number keeps encoding/json from reading a list of bytes as base64.
type uint8Number uint8
