package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Pair compares the student with another model on the same prompts. What two models get wrong is mostly the same, so the
// interval of their difference is narrower than what their own intervals tell.
type Pair struct {
	Against    Role    `json:"against"`
	Name       string  `json:"name"`             // of that model, as the tables have it
	Format     string  `json:"format,omitempty"` // of an export
	Measure    Measure `json:"measure"`
	Difference float64 `json:"difference"` // the student's value less that model's
	Low        float64 `json:"low"`        // of its 95 % interval
	High       float64 `json:"high"`
	Units      int     `json:"units"` // prompts, or rows, that both were measured on
}

// Measure names what a Pair compares.
type Measure string

// The measures: a share of prompts, and two means over tokens in nats.
const (
	MeasureExact Measure = "exact_match"
	MeasureKL    Measure = "kl_to_teacher"
	MeasureNats  Measure = "nats" // −log p of the held-out answers: the logarithm of perplexity
)

// Unit is a prompt or a row as two models were measured on it: sums, and what they are divided by.
type Unit struct{ A, B, Weight float64 }

// resamples is the number of draws that a bootstrap interval comes from: its ends are then known to about a tenth of
// their distance.
const resamples = 2000

// Bootstrap returns Σ(A−B)/ΣWeight with its 95 % interval by the percentiles of resampled units, both models' values of a
// unit kept together (Efron and Tibshirani 1993, chapters 13 and 8). The same units give the same interval. Without
// weight all three are 0.
func Bootstrap(units []Unit) (difference, low, high float64) {
	statistic := func(at func(i int) int) float64 {
		var sum, weight float64
		for i := range units {
			u := &units[at(i)]
			sum, weight = sum+u.A-u.B, weight+u.Weight
		}
		if weight == 0 {
			return 0
		}
		return sum / weight
	}
	draws := rand.New(rand.NewPCG(1, uint64(len(units))))
	values := make([]float64, resamples)
	for i := range values {
		values[i] = statistic(func(int) int { return draws.IntN(len(units)) })
	}
	slices.Sort(values)
	return statistic(func(i int) int { return i }), values[resamples/40], values[resamples-1-resamples/40]
}

// PairTable shows what the student has over each other model, a row a model.
func PairTable(pairs []Pair) Table {
	measures := []struct {
		measure Measure
		head    string
		cell    func(*Pair) string
	}{
		{MeasureExact, "exact match, points", func(p *Pair) string { return interval(1, 100*p.Difference, 100*p.Low, 100*p.High) }},
		{MeasureKL, "KL to teacher", func(p *Pair) string { return interval(4, p.Difference, p.Low, p.High) }},
		{MeasureNats, "−log p of the answers", func(p *Pair) string { return interval(4, p.Difference, p.Low, p.High) }},
	}
	t := Table{Header: []string{"student against"}}
	for _, m := range measures {
		if slices.ContainsFunc(pairs, func(p Pair) bool { return p.Measure == m.measure }) {
			t.Header = append(t.Header, m.head)
		}
	}
	row := map[string]int{}
	for i := range pairs {
		p := &pairs[i]
		at, ok := row[p.Name]
		if !ok {
			at = len(t.Rows)
			row[p.Name] = at
			t.Rows = append(t.Rows, append([]string{p.Name}, make([]string, len(t.Header)-1)...))
		}
		for _, m := range measures {
			if m.measure == p.Measure {
				t.Rows[at][slices.Index(t.Header, m.head)] = m.cell(p)
			}
		}
	}
	return t
}

func interval(decimals int, value, low, high float64) string {
	return fmt.Sprintf("%s (%s to %s)", signed(value, decimals), signed(low, decimals), signed(high, decimals))
}

// signed writes a difference with its sign, and one that rounds to nothing without.
func signed(v float64, decimals int) string {
	text := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	switch {
	case strings.Trim(text, "0.") == "":
		return text
	case v < 0:
		return "−" + text
	}
	return "+" + text
}
