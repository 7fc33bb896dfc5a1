package report

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestBootstrapCovers draws many data sets of two models whose true difference is known: the interval holds it about as
// often as it says, and is narrower than one that forgets the pairing.
func TestBootstrapCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const sets, prompts, truth = 100, 80, -0.1
	held, width := 0, 0.0
	for range sets {
		units := make([]Unit, prompts)
		for i := range units {
			hard, weight := r.NormFloat64()*3, 1+float64(r.IntN(5))
			units[i] = Unit{A: weight * (hard + truth + r.NormFloat64()/4), B: weight * hard, Weight: weight}
		}
		_, low, high := Bootstrap(units)
		width += (high - low) / sets
		if low <= truth && truth <= high {
			held++
		}
	}
	if held < 84 { // 95 % of 100, less five deviations
		t.Errorf("%d of %d intervals hold the truth", held, sets)
	}
	if unpaired := 4 * 3 * math.Sqrt(2) / math.Sqrt(prompts); width > unpaired/4 {
		t.Errorf("intervals are %.3f wide, unpaired ones about %.3f", width, unpaired)
	}
	units := []Unit{{1, 0, 1}, {0, 0, 1}, {1, 1, 1}}
	if d, low, high := Bootstrap(units); d != 1./3 || low < 0 || high > 1 || low > d || high < d {
		t.Errorf("%v (%v to %v)", d, low, high)
	}
	if d, low, high := Bootstrap([]Unit{{}, {}}); d != 0 || low != 0 || high != 0 {
		t.Error("an interval of nothing")
	}
}

func TestPairTable(t *testing.T) {
	table := PairTable([]Pair{
		{Against: Teacher, Name: "teacher", Measure: MeasureExact, Difference: -0.05, Low: -0.08, High: -0.02, Units: 100},
		{Against: Export, Name: "Q4_0", Measure: MeasureKL, Difference: -0.5, Low: -0.6, High: -0.4, Units: 100},
	})
	var text strings.Builder
	writeTable(&text, table)
	for _, want := range []string{"| teacher | −5.0 (−8.0 to −2.0) |  |", "| Q4_0 |  | −0.5000 (−0.6000 to −0.4000) |"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
}
