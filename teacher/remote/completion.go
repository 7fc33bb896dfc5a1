package remote

import (
	"strings"

	"github.com/seed-d24fde5f/distill"
)

// completion turns an answer into what the caller gets.
func (t *Teacher) completion(a *answer) *distill.Completion {
	c := &distill.Completion{
		Teacher:          t.opts.Model,
		FinishReason:     a.finish,
		PromptTokens:     int32(a.usage.prompt),
		CompletionTokens: int32(a.usage.completion),
		ReasoningTokens:  int32(a.usage.reasoning),
		CostUSD:          t.cost(a),
	}
	if c.FinishReason == "" {
		c.FinishReason = "unknown"
	}
	c.Reasoning, c.Response = strings.TrimSpace(a.reasoning.String()), a.text.String()
	if c.Reasoning == "" {
		c.Reasoning, c.Response = splitThinking(c.Response, t.opts.PrefilledThinking)
	} else {
		c.Response = strings.TrimLeft(c.Response, "\r\n")
	}
	if c.ReasoningTokens == 0 && c.Reasoning != "" {
		c.ReasoningTokens = share(c.CompletionTokens, len(c.Reasoning), len(c.Response))
	}
	if len(a.tokens) == 0 {
		return c
	}
	if a.noIDs {
		t.warnOnce("server gives log-probabilities without token ids: they are of no use and are not kept")
		return c
	}
	c.TokenIDs, c.TokenLogprobs = a.tokens, a.logprobs
	if a.signal.Len() == len(a.tokens) {
		c.Signal = a.signal
	}
	return c
}

// share estimates the reasoning's part of the tokens by its part of the text, where the server does not say.
func share(tokens int32, reasoning, response int) int32 {
	return int32(int64(tokens) * int64(reasoning) / int64(reasoning+response))
}

// enlarge returns the call that gives a truncated answer more room, or false when there is none left.
func (t *Teacher) enlarge(c *call, done *distill.Completion) (*call, bool) {
	if c.maxTokens <= 0 || t.opts.MaxOutput <= int(done.CompletionTokens) {
		return nil, false
	}
	next := *c
	switch {
	case t.opts.OnTruncated == MoreRoom && c.maxTokens < t.opts.MaxOutput:
		next.maxTokens = min(2*c.maxTokens, t.opts.MaxOutput)
	case t.opts.OnTruncated == Continue && t.continues() && done.Response != "":
		asked := c.messages
		if c.continuing() {
			asked = asked[:len(asked)-1]
		}
		next.messages = append(asked[:len(asked):len(asked)], distill.Message{Role: distill.RoleAssistant, Content: done.Response})
		next.maxTokens = min(c.maxTokens, t.opts.MaxOutput-int(done.CompletionTokens))
		next.spec = distill.SignalSpec{}
	default:
		return nil, false
	}
	t.measure(&next)
	return &next, true
}

// join puts a second answer in the place of the first, or after it when it continues the first. All that was paid for is
// counted.
func join(first, second *distill.Completion, continued bool) *distill.Completion {
	second.PromptTokens += first.PromptTokens
	if first.CostUSD != nil && second.CostUSD != nil {
		sum := *first.CostUSD + *second.CostUSD
		second.CostUSD = &sum
	}
	if !continued {
		return second
	}
	second.Response = first.Response + second.Response
	second.Reasoning = first.Reasoning
	second.CompletionTokens += first.CompletionTokens
	second.ReasoningTokens += first.ReasoningTokens
	second.TokenIDs, second.TokenLogprobs, second.Signal = nil, nil, nil
	return second
}
