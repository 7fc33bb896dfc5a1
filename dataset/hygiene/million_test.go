package hygiene_test

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/hygiene"
	"github.com/seed-d24fde5f/distill/dataset/selection"
)

var millionRows = flag.Int("million.rows", 0, "rows of the test of a large dataset; 0 skips it")

// Selection and removal of duplicates, all steps at once, hold some 200 bytes a row: a million rows stay under 300 MB when
// the collector is told so, as a program does that wants it. Run with -million.rows 1000000.
func TestMillionRows(t *testing.T) {
	n := *millionRows
	if n == 0 {
		t.Skip("a long test: -million.rows 1000000")
	}
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
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var peak int
			fmt.Sscan(kb, &peak)
			t.Logf("peak resident memory %d MB", peak>>10)
			if peak > 300<<10 {
				t.Errorf("peak resident memory %d MB", peak>>10)
			}
		}
	}
}
