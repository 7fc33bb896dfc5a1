package remote

import (
	"net/http"

	"github.com/seed-d24fde5f/distill/internal/openai"
)

// ollamaWire is Ollama's own chat endpoint.
type ollamaWire struct{}

type ollamaRequest struct {
	Model    string           `json:"model"`
	Messages []openai.Message `json:"messages"`
	Stream   bool             `json:"stream"` // absent means true
	Options  ollamaOptions    `json:"options"`
}

type ollamaOptions struct {
	Temperature   float64  `json:"temperature"`
	TopP          float64  `json:"top_p"` // 1 is all; absent would be the model file's, as with the next three
	TopK          int      `json:"top_k"` // 0 is all
	MinP          float64  `json:"min_p"`
	RepeatPenalty float64  `json:"repeat_penalty"` // 1 is none
	NumPredict    int      `json:"num_predict"`    // −1 is no limit
	Stop          []string `json:"stop,omitempty"`
	Seed          int64    `json:"seed"`
}

type ollamaResponse struct {
	Model      string         `json:"model"`
	Message    openai.Message `json:"message"`
	Done       bool           `json:"done"`
	DoneReason string         `json:"done_reason"`
	Prompt     int64          `json:"prompt_eval_count"`
	Completion int64          `json:"eval_count"`
	Error      *openai.Error  `json:"error"`
}

func (ollamaWire) authorize(h http.Header, k key) { chatWire{}.authorize(h, k) }

func (ollamaWire) request(t *Teacher, c *call) (string, any) {
	s := c.sampling
	r := ollamaRequest{Model: t.opts.Model, Stream: c.stream, Options: ollamaOptions{
		Temperature: s.Temperature, TopP: orDefault(s.TopP, 1), TopK: s.TopK, MinP: s.MinP, RepeatPenalty: orDefault(s.RepetitionPenalty, 1),
		NumPredict: orDefault(c.maxTokens, -1), Stop: s.Stop, Seed: foldSeed(s.Seed),
	}}
	for _, m := range c.messages {
		r.Messages = append(r.Messages, openai.Message{Role: m.Role, Content: openai.Text(m.Content)})
	}
	return "/api/chat", r
}

func (ollamaWire) whole(body []byte, c *call, a *answer) error {
	return ollamaWire{}.event(openai.Event{Data: body}, c, a)
}

func (ollamaWire) event(ev openai.Event, _ *call, a *answer) error {
	var r ollamaResponse
	if err := unmarshal(ev.Data, &r); err != nil {
		return err
	}
	if r.Error != nil {
		return &serverError{r.Error}
	}
	a.model = r.Model
	a.text.WriteString(r.Message.Content.Text)
	a.reasoning.WriteString(r.Message.Thoughts())
	if r.Done {
		a.done = true
		a.finish = finishReason(orDefault(r.DoneReason, "stop"))
		a.usage = usage{known: r.Completion > 0, prompt: r.Prompt, completion: r.Completion}
	}
	return nil
}
