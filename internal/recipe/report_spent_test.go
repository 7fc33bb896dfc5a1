package recipe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// TestSpentOverTime: rows in any order add up in the order of their times, to all rows and their whole cost.
func TestSpentOverTime(t *testing.T) {
	var s spending
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cost := 0.25
	for _, minute := range []int{2, 0, 1} {
		row := distill.Row{CreatedAt: begin.Add(time.Duration(minute) * time.Minute)}
		if minute > 0 {
			row.CostUSD = &cost
		}
		s.add(&row)
	}
	want := []report.Spent{{Seconds: 0, Rows: 1, USD: 0}, {Seconds: 60, Rows: 2, USD: 0.25}, {Seconds: 120, Rows: 3, USD: 0.5}}
	if diff := cmp.Diff(want, s.overTime()); diff != "" {
		t.Error(diff)
	}
	for range 10 * spentPoints {
		s.add(&distill.Row{CreatedAt: begin, Completion: distill.Completion{CostUSD: &cost}})
	}
	points := s.overTime()
	if last := points[len(points)-1]; len(points) > spentPoints+2 || last.Rows != len(s) || last.USD != cost*float64(len(s)-1) {
		t.Errorf("%d points, the last %+v", len(points), last)
	}
	if got := (spending{}).overTime(); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}
