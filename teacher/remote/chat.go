package remote

import (
	"math"
	"net/http"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// chatWire is OpenAI's chat completions, with the fields that the dialect has.
type chatWire struct{}

func (chatWire) authorize(h http.Header, k key) {
	if k.value != "" {
		h.Set("Authorization", "Bearer "+k.value)
	}
}

func (chatWire) request(t *Teacher, c *call) (string, any) {
	d := &t.dialect
	r := &openai.ChatRequest{Model: t.opts.Model, Stream: c.stream, Stop: c.sampling.Stop}
	for _, m := range c.messages {
		r.Messages = append(r.Messages, openai.Message{Role: m.Role, Content: openai.Text(m.Content)})
	}
	if c.stream && d.StreamUsage {
		r.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	}
	yes, no := true, false
	if c.spec.Kind == distill.TopK && t.signals() {
		r.Logprobs, r.TopLogprobs = &yes, &c.spec.K
		if d.Name == "vllm" || d.Name == "openai-compatible" {
			r.ReturnTokensAsTokenIDs = &yes
		}
		if d.MetaInfo {
			r.ReturnMetaInfo = &yes
		}
	}
	if c.continuing() {
		switch d.Continue {
		case PrefixFlag:
			r.Messages[len(r.Messages)-1].Prefix = true
		case ContinueFinalMessage:
			r.ContinueFinalMessage, r.AddGenerationPrompt = &yes, &no
		}
	}
	t.setSampling(r, c)
	if c.spec.Kind == distill.TopK && d.ChosenIDs {
		return "/chat/completions", countedLogprobs{r, 1}
	}
	return "/chat/completions", r
}

// countedLogprobs is a request to Together, whose logprobs is a number.
type countedLogprobs struct {
	*openai.ChatRequest
	Logprobs int `json:"logprobs"`
}

// setSampling writes the sampling settings under the dialect's names for them. Where a server would fill in what is left
// out with defaults of its own, the values that change nothing are written too.
func (t *Teacher) setSampling(r *openai.ChatRequest, c *call) {
	d, s := &t.dialect, c.sampling
	s.TopP, s.RepetitionPenalty = orDefault(s.TopP, 1), orDefault(s.RepetitionPenalty, 1)
	if !t.fixedSampling() {
		r.Temperature = &s.Temperature
		if s.TopP < 1 || d.FillsIn {
			r.TopP = &s.TopP
		}
	}
	if c.maxTokens > 0 {
		if d.MaxTokens == "max_completion_tokens" {
			r.MaxCompletionTokens = &c.maxTokens
		} else {
			r.MaxTokens = &c.maxTokens
		}
	}
	seed := foldSeed(s.Seed)
	switch d.Seed {
	case "seed":
		r.Seed = &seed
	case "random_seed":
		r.RandomSeed = &seed
	}
	if s.TopK == 0 {
		s.TopK = d.AllTopK
	}
	if s.TopK > 0 || d.FillsIn {
		r.TopK = &s.TopK
	}
	if s.MinP > 0 || d.FillsIn {
		r.MinP = &s.MinP
	}
	if penalized(s) || d.FillsIn {
		if d.RepetitionPenalty == "repeat_penalty" {
			r.RepeatPenalty = &s.RepetitionPenalty
		} else {
			r.RepetitionPenalty = &s.RepetitionPenalty
		}
	}
}

// penalized reports whether the sampling has a repetition penalty; 0 and 1 mean none.
func penalized(s distill.Sampling) bool { return s.RepetitionPenalty != 0 && s.RepetitionPenalty != 1 }

// foldSeed folds a seed into 31 bits, which every server can hold; a small seed stays itself.
func foldSeed(seed uint64) int64 { return int64((seed ^ seed>>31 ^ seed>>62) & math.MaxInt32) }

func (chatWire) whole(body []byte, c *call, a *answer) error {
	return addChat(body, c, a)
}

func (chatWire) event(ev openai.Event, c *call, a *answer) error {
	if string(ev.Data) == openai.Done {
		a.done = true
		return nil
	}
	if ev.ID != "" && ev.ID == a.lastID {
		return nil // sent again after a reconnect on the way
	}
	a.lastID = ev.ID
	return addChat(ev.Data, c, a)
}

// addChat adds a whole completion or a chunk of one.
func addChat(data []byte, c *call, a *answer) error {
	var r openai.ChatResponse
	if err := unmarshal(data, &r); err != nil {
		return err
	}
	if r.Error == nil && len(r.Choices) == 0 && r.Usage == nil {
		r.Error = openai.ParseError(data)
	}
	if r.Error != nil {
		return &serverError{r.Error}
	}
	if r.Model != "" {
		a.model = r.Model
	}
	a.addUsage(r.Usage)
	for i := range r.Choices {
		ch := &r.Choices[i]
		if ch.Index != 0 {
			continue
		}
		if ch.Error != nil {
			return &serverError{ch.Error}
		}
		if a.finish != "" {
			continue // a second last chunk
		}
		if m := ch.Message; m != nil {
			a.text.WriteString(m.Content.Text)
			a.text.WriteString(m.Refusal)
			a.reasoning.WriteString(m.Thoughts())
		}
		if d := ch.Delta; d != nil {
			addDelta(d, a)
		}
		a.addLogprobs(ch, c.spec)
		if ch.FinishReason != nil {
			a.finish = finishReason(*ch.FinishReason)
		}
	}
	return nil
}

func addDelta(d *openai.Delta, a *answer) {
	var content openai.Content
	if d.Content != nil {
		content = *d.Content
	}
	m := openai.Message{Content: content, ReasoningContent: d.ReasoningContent, Reasoning: d.Reasoning, Thinking: d.Thinking}
	a.text.WriteString(content.Text)
	a.text.WriteString(d.Refusal)
	a.reasoning.WriteString(m.Thoughts())
}
