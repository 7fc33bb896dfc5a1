package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// Limits on what one request may ask for.
const (
	maxStops        = 16
	maxAlternatives = 256 // log-probabilities a position
	maxChoices      = 16
)

// invalid makes the error of a field.
func invalid(param, format string, args ...any) *openai.Error {
	return &openai.Error{Type: "invalid_request_error", Param: param, Code: "invalid_value", Message: param + ": " + fmt.Sprintf(format, args...)}
}

// settings are the sampling fields that both kinds of completion share.
type settings struct {
	temperature, topP *float64
	maxTokens         *int
	stop              []string
	seed              *int64
	n                 *int
	openai.Extensions
}

// sampling checks the settings and fills in OpenAI's defaults: temperature 1, a seed that nobody knows. room is how many
// tokens the context has left after the prompt.
func (s *settings) sampling(room, most int) (distill.Sampling, *openai.Error) {
	out := distill.Sampling{Temperature: 1, TopP: 1, MaxTokens: room, Stop: s.stop}
	if s.temperature != nil {
		out.Temperature = *s.temperature
	}
	if s.topP != nil {
		out.TopP = *s.topP
	}
	if s.TopK != nil {
		out.TopK = max(*s.TopK, 0) // vLLM writes −1 for all
	}
	if s.MinP != nil {
		out.MinP = *s.MinP
	}
	if penalty := firstOf(s.RepetitionPenalty, s.RepeatPenalty); penalty != nil {
		out.RepetitionPenalty = *penalty
	}
	if s.maxTokens != nil {
		out.MaxTokens = min(*s.maxTokens, room)
	}
	if most > 0 {
		out.MaxTokens = min(out.MaxTokens, most)
	}
	if s.seed != nil {
		out.Seed = uint64(*s.seed)
	} else {
		out.Seed = rand.Uint64()
	}
	switch {
	case !(out.Temperature >= 0 && out.Temperature <= 100):
		return out, invalid("temperature", "%v is not between 0 and 100", out.Temperature)
	case !(out.TopP > 0 && out.TopP <= 1):
		return out, invalid("top_p", "%v is not above 0 and at most 1", out.TopP)
	case !(out.MinP >= 0 && out.MinP < 1):
		return out, invalid("min_p", "%v is not at least 0 and below 1", out.MinP)
	case out.RepetitionPenalty != 0 && !(out.RepetitionPenalty > 0 && out.RepetitionPenalty <= 10):
		return out, invalid("repetition_penalty", "%v is not between 0 and 10", out.RepetitionPenalty)
	case s.maxTokens != nil && *s.maxTokens < 0:
		return out, invalid("max_tokens", "%d is negative", *s.maxTokens)
	case len(s.stop) > maxStops:
		return out, invalid("stop", "%d texts, at most %d are taken", len(s.stop), maxStops)
	case s.n != nil && (*s.n < 1 || *s.n > maxChoices):
		return out, invalid("n", "%d is not between 1 and %d", *s.n, maxChoices)
	}
	if slices.Contains(s.stop, "") {
		return out, invalid("stop", "an empty text would stop everything")
	}
	return out, nil
}

func firstOf[T any](values ...*T) *T {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// choices returns how many answers are wanted.
func (s *settings) choices() int {
	if s.n == nil {
		return 1
	}
	return *s.n
}

// unsupported finds what a chat request asks for and no model here can do.
func unsupported(r *openai.ChatRequest) *openai.Error {
	switch {
	case len(r.Tools) > 0:
		return invalid("tools", "this server's models call no tools")
	case r.FrequencyPenalty != nil && *r.FrequencyPenalty != 0:
		return invalid("frequency_penalty", "not supported; repetition_penalty is")
	case r.PresencePenalty != nil && *r.PresencePenalty != 0:
		return invalid("presence_penalty", "not supported; repetition_penalty is")
	case len(r.Messages) == 0:
		return invalid("messages", "a conversation needs at least one message")
	}
	for i, m := range r.Messages {
		if m.Content.Other != "" {
			return invalid("messages", "message %d has a part of type %q; only text is understood", i, m.Content.Other)
		}
		switch m.Role {
		case distill.RoleSystem, distill.RoleUser, distill.RoleAssistant, "developer":
		default:
			return invalid("messages", "message %d has role %q; known are system, user and assistant", i, m.Role)
		}
	}
	return nil
}

// conversation translates the messages; developer is OpenAI's newer word for system. Thinking of earlier turns is left
// out, as the models' own templates do.
func conversation(messages []openai.Message) []distill.Message {
	out := make([]distill.Message, len(messages))
	for i, m := range messages {
		role := strings.Replace(m.Role, "developer", distill.RoleSystem, 1)
		out[i] = distill.Message{Role: role, Content: m.Content.Text}
	}
	return out
}
