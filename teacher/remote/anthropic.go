package remote

import (
	"net/http"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// messagesWire is Anthropic's Messages API.
type messagesWire struct{}

type messagesRequest struct {
	Model         string            `json:"model"`
	System        string            `json:"system,omitempty"`
	Messages      []distill.Message `json:"messages"`
	MaxTokens     int               `json:"max_tokens"`
	Temperature   *float64          `json:"temperature,omitempty"`
	TopP          *float64          `json:"top_p,omitempty"`
	TopK          *int              `json:"top_k,omitempty"`
	StopSequences []string          `json:"stop_sequences,omitempty"`
	Stream        bool              `json:"stream,omitempty"`
}

type messagesBlock struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Thinking string `json:"thinking"`
}

type messagesUsage struct {
	InputTokens   int64 `json:"input_tokens"`
	CacheRead     int64 `json:"cache_read_input_tokens"`
	CacheCreation int64 `json:"cache_creation_input_tokens"`
	OutputTokens  int64 `json:"output_tokens"`
}

type messagesResponse struct {
	Type       string          `json:"type"`
	Model      string          `json:"model"`
	Content    []messagesBlock `json:"content"`
	StopReason string          `json:"stop_reason"`
	Usage      messagesUsage   `json:"usage"`
	Error      *openai.Error   `json:"error"`
}

// messagesEvent is one event of a stream: message_start, content_block_delta, message_delta, message_stop, error, ping.
type messagesEvent struct {
	Type    string            `json:"type"`
	Message *messagesResponse `json:"message"`
	Delta   struct {
		Type       string `json:"type"`
		Text       string `json:"text"`
		Thinking   string `json:"thinking"`
		StopReason string `json:"stop_reason"`
	} `json:"delta"`
	Usage *messagesUsage `json:"usage"`
	Error *openai.Error  `json:"error"`
}

func (messagesWire) authorize(h http.Header, k key) {
	h.Set("Anthropic-Version", "2023-06-01")
	if k.value != "" {
		h.Set("X-Api-Key", k.value)
	}
}

func (messagesWire) request(t *Teacher, c *call) (string, any) {
	s := c.sampling
	r := messagesRequest{Model: t.opts.Model, MaxTokens: c.maxTokens, StopSequences: s.Stop, Stream: c.stream}
	if !t.fixedSampling() {
		if s.TopP > 0 && s.TopP < 1 {
			r.TopP = &s.TopP
		}
		if s.Temperature != 1 || r.TopP == nil { // of the two newer models take only one
			r.Temperature = &s.Temperature
		}
		if s.TopK > 0 {
			r.TopK = &s.TopK
		}
	}
	r.System, r.Messages = splitSystem(c.messages)
	return "/messages", r
}

// splitSystem takes the system messages out, for APIs that have a field for them.
func splitSystem(messages []distill.Message) (system string, rest []distill.Message) {
	for _, m := range messages {
		if m.Role != distill.RoleSystem {
			rest = append(rest, m)
			continue
		}
		if system != "" {
			system += "\n\n"
		}
		system += m.Content
	}
	return system, rest
}

func (messagesWire) whole(body []byte, _ *call, a *answer) error {
	var r messagesResponse
	if err := unmarshal(body, &r); err != nil {
		return err
	}
	if r.Error != nil {
		return &serverError{r.Error}
	}
	a.model, a.finish = r.Model, finishReason(r.StopReason)
	for _, b := range r.Content {
		a.text.WriteString(b.Text)
		a.reasoning.WriteString(b.Thinking)
	}
	a.addMessagesUsage(&r.Usage)
	return nil
}

func (messagesWire) event(ev openai.Event, _ *call, a *answer) error {
	var e messagesEvent
	if err := unmarshal(ev.Data, &e); err != nil {
		return err
	}
	switch {
	case e.Error != nil:
		return &serverError{e.Error}
	case e.Type == "message_start" && e.Message != nil:
		a.model = e.Message.Model
		a.addMessagesUsage(&e.Message.Usage)
	case e.Type == "content_block_delta":
		a.text.WriteString(e.Delta.Text)
		a.reasoning.WriteString(e.Delta.Thinking)
	case e.Type == "message_delta":
		a.finish = finishReason(e.Delta.StopReason)
		if e.Usage != nil {
			a.usage.completion = e.Usage.OutputTokens // cumulative
		}
	case e.Type == "message_stop":
		a.done = true
	}
	return nil
}

func (a *answer) addMessagesUsage(u *messagesUsage) {
	a.usage = usage{known: true, prompt: u.InputTokens + u.CacheRead + u.CacheCreation, cached: u.CacheRead, completion: u.OutputTokens}
}
