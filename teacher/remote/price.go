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
	Long        LongPrice
	Date        string // when it was looked up, as 2006-01
	Source      string
}

// LongPrice is what a call costs whose prompt has more than From tokens; From 0 means as any other.
type LongPrice struct {
	From          int64
	Input, Output float64
}

// Free is the price of a server of one's own.
var Free = Price{Source: "own server"}

var versionSuffix = regexp.MustCompile(`^(-latest|-[0-9]{4}(-?[0-9]{2}){0,2})?$`)

// ListPrice returns the built-in price of a model: exact for the services whose prices are in the table, [Free] for
// dialects that are servers of one's own. ok is false when nothing is known.
func ListPrice(d Dialect, model string) (price Price, ok bool) {
	for _, p := range prices {
		version, found := strings.CutPrefix(model, p.model)
		if p.dialect == d.Name && found && versionSuffix.MatchString(version) {
			price = p.price
			price.Date, price.Source = p.date, priceSources[p.dialect]
			return price, true
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
	if p.Long.From > 0 && prompt > p.Long.From {
		p.CachedInput *= p.Long.Input / p.Input
		p.Input, p.Output = p.Long.Input, p.Long.Output
	}
	cachedPrice := p.CachedInput
	if cachedPrice == 0 {
		cachedPrice = p.Input
	}
	return (float64(prompt-cached)*p.Input + float64(cached)*cachedPrice + float64(completion)*p.Output) / 1e6
}

// Times returns the price with its amounts multiplied, as for a discount.
func (p Price) Times(share float64) Price {
	p.Input, p.CachedInput, p.Output = p.Input*share, p.CachedInput*share, p.Output*share
	p.Long.Input, p.Long.Output = p.Long.Input*share, p.Long.Output*share
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
