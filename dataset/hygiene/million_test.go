package hygiene_test

import (
	"flag"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/hygiene"
	"github.com/seed-d24fde5f/distill/dataset/selection"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

var millionRows = flag.Int("million.rows", 5000, "rows of the test of a large dataset")

// Selection and removal of duplicates, all steps at once, hold some 200 bytes a row: a million rows stay under 300 MB when
// the collector is told so, as a program does that wants it: -million.rows 1000000.
func TestMillionRows(t *testing.T) {
	n := *millionRows
	rows := func(yield func(distill.Row, error) bool) {
		for i := range n {
			r := distill.Row{ID: fmt.Sprint(i), Prompt: distill.Prompt{ID: fmt.Sprint("p", i/2)}}
			h := uint64(i)
			for range 12 {
				h = h*6364136223846793005 + 1442695040888963407
				r.Response += fmt.Sprintf("w%d ", h>>40)
			}
			r.Response = strings.TrimSpace(r.Response)
			if !yield(r, nil) {
				return
			}
		}
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(250 << 20))
	near, err := hygiene.Near(0.8)
	if err != nil {
		t.Fatal(err)
	}
	clean := hygiene.Clean(rows, hygiene.NotEmpty(), hygiene.Exact(), near)
	choice, err := selection.Choose(clean.Rows, selection.Options{Policy: selection.Shortest})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", choice.Report)
	peak := fixture.PeakMB(t)
	t.Logf("peak resident memory %d MB", peak)
	if peak > 300 {
		t.Errorf("peak resident memory %d MB", peak)
	}
}
