package plan

import (
	"fmt"
	"time"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/teacher/remote"
)

// batchDiscount is the share of the list price that batch endpoints ask.
const batchDiscount = 0.5

// priceOf returns the price of a teacher's tokens, where it is known.
func priceOf(t *config.Teacher) (price remote.Price, ok bool) {
	switch {
	case t.Kind != "remote":
		return remote.Price{Source: "runs here"}, true
	case t.Price != nil:
		price, ok = remote.Price{Input: t.Price.Input, CachedInput: t.Price.CachedInput, Output: t.Price.Output, Source: "the recipe"}, true
	default:
		price, ok = remote.ListPrice(dialectOf(t), t.Model)
	}
	price.Long = remote.LongPrice{} // sums over many calls are no long prompt
	if ok && t.Batch {
		price = price.Times(batchDiscount)
		price.Source += ", half of it for batches"
	}
	return price, ok
}

func dialectOf(t *config.Teacher) remote.Dialect {
	if d, ok := remote.DialectNamed(t.Dialect); ok {
		return d
	}
	return remote.GuessDialect(t.Endpoint)
}

// cost is what spans of tokens cost.
func cost(p remote.Price, prompt, completion Span) *Span {
	usd := func(prompt, completion float64) float64 { return p.Cost(int64(prompt), 0, int64(completion)) }
	return &Span{usd(prompt.Low, completion.Low), usd(prompt.Likely, completion.Likely), usd(prompt.High, completion.High)}
}

// priceText says where a price is from and, for one of the built-in table, how old it is.
func priceText(p remote.Price) string {
	if p.Date == "" {
		return p.Source
	}
	return fmt.Sprintf("list price of %s from %s, %s", p.Date, p.Source, ageText(p.Date, time.Now()))
}

// ageText says in words how long ago a month was.
func ageText(month string, now time.Time) string {
	then, err := time.Parse("2006-01", month)
	if err != nil {
		return "of unknown age"
	}
	switch n := (now.Year()-then.Year())*12 + int(now.Month()-then.Month()); {
	case n <= 0:
		return "of this month"
	case n == 1:
		return "a month old"
	default:
		return fmt.Sprintf("%d months old", n)
	}
}
