package remote

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// Price is what a model's tokens cost, in US dollars per million.
type Price struct {
	Input       float64
	CachedInput float64 // prompt tokens served from the provider's cache; 0 means as Input
	Output      float64 // reasoning included
	Date        string  // when it was looked up, as 2006-01
	Source      string
}

// Free is the price of a server of one's own.
var Free = Price{Source: "own server"}

// prices are list prices by dialect and model. They age: a recipe can state its own, and a plan prints the date beside
// the sum. A name matches whole or with a date or "latest" after it; by its start alone, gpt-5-pro would have passed for
// gpt-5 at a twelfth of its price.
var prices = []struct {
	dialect, model string
	price          Price
}{
	{"openai", "gpt-4o-mini", Price{0.15, 0.075, 0.60, "2025-08", "openai.com/api/pricing"}},
	{"openai", "gpt-4o", Price{2.50, 1.25, 10, "2025-08", "openai.com/api/pricing"}},
	{"openai", "gpt-4.1-nano", Price{0.10, 0.025, 0.40, "2025-08", "openai.com/api/pricing"}},
	{"openai", "gpt-4.1-mini", Price{0.40, 0.10, 1.60, "2025-08", "openai.com/api/pricing"}},
	{"openai", "gpt-4.1", Price{2, 0.50, 8, "2025-08", "openai.com/api/pricing"}},
	{"openai", "o4-mini", Price{1.10, 0.275, 4.40, "2025-08", "openai.com/api/pricing"}},
	{"openai", "o3", Price{2, 0.50, 8, "2025-08", "openai.com/api/pricing"}},
	{"openai", "gpt-5-nano", Price{0.05, 0.005, 0.40, "2025-08", "openai.com/api/pricing"}},
	{"openai", "gpt-5-mini", Price{0.25, 0.025, 2, "2025-08", "openai.com/api/pricing"}},
	{"openai", "gpt-5", Price{1.25, 0.125, 10, "2025-08", "openai.com/api/pricing"}},
	{"deepseek", "deepseek-chat", Price{0.28, 0.028, 0.42, "2025-12", "api-docs.deepseek.com/quick_start/pricing"}},
	{"deepseek", "deepseek-reasoner", Price{0.28, 0.028, 0.42, "2025-12", "api-docs.deepseek.com/quick_start/pricing"}},
	{"mistral", "mistral-small", Price{0.10, 0, 0.30, "2025-08", "mistral.ai/pricing"}},
	{"mistral", "mistral-medium", Price{0.40, 0, 2, "2025-08", "mistral.ai/pricing"}},
	{"mistral", "mistral-large", Price{2, 0, 6, "2025-08", "mistral.ai/pricing"}},
	{"groq", "llama-3.1-8b-instant", Price{0.05, 0, 0.08, "2025-08", "groq.com/pricing"}},
	{"groq", "llama-3.3-70b-versatile", Price{0.59, 0, 0.79, "2025-08", "groq.com/pricing"}},
	{"anthropic", "claude-3-5-haiku", Price{0.80, 0.08, 4, "2025-08", "anthropic.com/pricing"}},
	{"anthropic", "claude-sonnet-4-0", Price{3, 0.30, 15, "2025-08", "anthropic.com/pricing"}},
	{"anthropic", "claude-opus-4-0", Price{15, 1.50, 75, "2025-08", "anthropic.com/pricing"}},
	{"gemini", "gemini-2.5-flash-lite", Price{0.10, 0.025, 0.40, "2025-08", "ai.google.dev/gemini-api/docs/pricing"}},
	{"gemini", "gemini-2.5-flash", Price{0.30, 0.075, 2.50, "2025-08", "ai.google.dev/gemini-api/docs/pricing"}},
	{"gemini", "gemini-2.5-pro", Price{1.25, 0.31, 10, "2025-08", "ai.google.dev/gemini-api/docs/pricing, prompts up to 200k tokens"}},
}

var versionSuffix = regexp.MustCompile(`^(-latest|-[0-9]{4}(-?[0-9]{2}){0,2})?$`)

// ListPrice returns the built-in price of a model: exact for the services whose prices are in the table, [Free] for
// dialects that are servers of one's own. ok is false when nothing is known.
func ListPrice(d Dialect, model string) (price Price, ok bool) {
	for _, p := range prices {
		version, found := strings.CutPrefix(model, p.model)
		if p.dialect == d.Name && found && versionSuffix.MatchString(version) {
			return p.price, true
		}
	}
	switch d.Name {
	case "vllm", "sglang", "llama.cpp", "distill", "ollama", "ollama-native":
		return Free, true
	}
	return Price{}, false
}

// Cost returns the price of one call in US dollars, of whose prompt tokens cached came from the cache.
func (p Price) Cost(prompt, cached, completion int64) float64 {
	cachedPrice := p.CachedInput
	if cachedPrice == 0 {
		cachedPrice = p.Input
	}
	return (float64(prompt-cached)*p.Input + float64(cached)*cachedPrice + float64(completion)*p.Output) / 1e6
}

// Times returns the price with its amounts multiplied, as for a discount.
func (p Price) Times(share float64) Price {
	p.Input, p.CachedInput, p.Output = p.Input*share, p.CachedInput*share, p.Output*share
	return p
}

// validate refuses prices that would make a budget meaningless.
func (p Price) validate() error {
	for _, v := range []float64{p.Input, p.CachedInput, p.Output} {
		if !(v >= 0 && v < 1e6) {
			return fmt.Errorf("price %v is not in dollars per million tokens", v)
		}
	}
	return nil
}

// worst is the most a call can cost: a token for each byte of the prompt and for each of its turns' markers, nothing
// cached, and every token of the completion that it is allowed.
func (t *Teacher) worst(c *call) budget.Spending {
	prompt := c.promptBytes + messageOverhead*int64(len(c.messages)+1)
	s := budget.Spending{Tokens: prompt + int64(c.maxTokens), Calls: 1}
	if t.price != nil {
		s.USD = t.price.Cost(prompt, 0, int64(c.maxTokens))
		s.USD = max(s.USD, t.price.Cost(prompt, prompt, int64(c.maxTokens)))
	}
	return s
}

// messageOverhead is an upper bound for the tokens that a chat template wraps around one turn.
const messageOverhead = 32
