package recipe

import (
	"cmp"
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// spentPoints is the number of points that cost over time is shown with.
const spentPoints = 200

// spending remembers when each answer came and what it cost.
type spending []payment

type payment struct {
	at  int64 // in microseconds, as rows have it
	usd float32
}

func (s *spending) add(row *distill.Row) {
	p := payment{at: row.CreatedAt.UnixMicro()}
	if row.CostUSD != nil {
		p.usd = float32(*row.CostUSD)
	}
	*s = append(*s, p)
}

// overTime adds up what was answered and paid, from the first answer on; nil where the answers have one time or none.
func (s spending) overTime() []report.Spent {
	slices.SortFunc(s, func(a, b payment) int { return cmp.Compare(a.at, b.at) })
	if len(s) == 0 || s[0].at == s[len(s)-1].at {
		return nil
	}
	every := max(1, len(s)/spentPoints)
	var points []report.Spent
	usd := 0.0
	for i, x := range s {
		usd += float64(x.usd)
		if i%every == 0 || i == len(s)-1 {
			points = append(points, report.Spent{Seconds: float64(x.at-s[0].at) / 1e6, Rows: i + 1, USD: usd})
		}
	}
	return points
}
