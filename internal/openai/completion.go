package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// CompletionRequest asks for the continuation of a text (POST /completions).
type CompletionRequest struct {
	Model         string         `json:"model"`
	Prompt        Prompt         `json:"prompt"`
	Stream        bool           `json:"stream,omitempty"`
	StreamOptions *StreamOptions `json:"stream_options,omitempty"`
	Temperature   *float64       `json:"temperature,omitempty"`
	TopP          *float64       `json:"top_p,omitempty"`
	MaxTokens     *int           `json:"max_tokens,omitempty"`
	Stop          Texts          `json:"stop,omitempty"`
	Seed          *int64         `json:"seed,omitempty"`
	Logprobs      *int           `json:"logprobs,omitempty"` // how many alternatives; a number here, unlike in chat
	Echo          bool           `json:"echo,omitempty"`     // the prompt too, with its log-probabilities
	N             *int           `json:"n,omitempty"`
	BestOf        *int           `json:"best_of,omitempty"`
	Suffix        string         `json:"suffix,omitempty"`

	Extensions
}

// Prompt is the prompt of a text completion: a text or token ids.
type Prompt struct {
	Text   string
	Tokens []int32 // used when not nil
}

// MarshalJSON writes the tokens if there are any, else the text.
func (p Prompt) MarshalJSON() ([]byte, error) {
	if p.Tokens != nil {
		return json.Marshal(p.Tokens)
	}
	return json.Marshal(p.Text)
}

// UnmarshalJSON reads a string, a list with one string, a list of ids, or a list with one such list.
func (p *Prompt) UnmarshalJSON(data []byte) error {
	*p = Prompt{}
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &p.Text)
	}
	if json.Unmarshal(data, &p.Tokens) == nil && p.Tokens != nil {
		return nil
	}
	p.Tokens = nil
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil || len(list) != 1 || strings.HasPrefix(string(list[0]), "[[") {
		return fmt.Errorf("prompt must be one text or one list of token ids")
	}
	return p.UnmarshalJSON(list[0])
}

// CompletionResponse is a text completion, or one chunk of it in a stream.
type CompletionResponse struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []CompletionChoice `json:"choices"`
	Usage   *Usage             `json:"usage,omitempty"`
	Error   *Error             `json:"error,omitempty"`
}

// CompletionChoice is one continuation.
type CompletionChoice struct {
	Index        int                 `json:"index"`
	Text         string              `json:"text"`
	Logprobs     *CompletionLogprobs `json:"logprobs"`
	FinishReason *string             `json:"finish_reason"`
}

// CompletionLogprobs are the log-probabilities of a text completion, in the parallel lists of the older API. TokenIDs
// is our own addition. The first token of an echoed prompt has no log-probability: null.
type CompletionLogprobs struct {
	Tokens        []string             `json:"tokens"`
	TokenIDs      []int32              `json:"token_ids,omitempty"`
	TokenLogprobs []*Logprob           `json:"token_logprobs"`
	TopLogprobs   []map[string]Logprob `json:"top_logprobs"`
	// TopIDs are the entries of TopLogprobs by token id, best first; two ids may have one text. Our own addition.
	TopIDs     [][]TopID `json:"top_ids,omitempty"`
	TextOffset []int     `json:"text_offset"`
}

// TopID is a token id with its log-probability.
type TopID struct {
	ID      int32   `json:"id"`
	Logprob Logprob `json:"logprob"`
}

// ModelList is the answer of GET /models.
type ModelList struct {
	Object string  `json:"object"` // "list"
	Data   []Model `json:"data"`
}

// Model is an entry of a [ModelList].
type Model struct {
	ID      string `json:"id"`
	Object  string `json:"object"` // "model"
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	// Meta is what our own server adds: enough for a plan.
	Meta *ModelMeta `json:"meta,omitempty"`
}

// ModelMeta describes a served model.
type ModelMeta struct {
	TokenizerHash string `json:"tokenizer_hash,omitempty"`
	Vocabulary    int    `json:"n_vocab,omitempty"`
	Context       int    `json:"n_ctx,omitempty"`
	Parameters    int64  `json:"n_params,omitempty"`
	Bytes         int64  `json:"size,omitempty"`
}
