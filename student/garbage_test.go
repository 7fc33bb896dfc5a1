package student_test

import (
	"testing"

	"github.com/seed-d24fde5f/distill/student"
)

// TestGCPercent: garbage is bounded, by its amount or by its share, and never more than Go's own collector would leave.
func TestGCPercent(t *testing.T) {
	for live, want := range map[int64]int{0: 100, student.Garbage / 2: 100, 4 * student.Garbage: 25, 1000 * student.Garbage: 5} {
		f := student.Footprint{Weights: live / 2, Program: student.Garbage}
		if got := f.GCPercent(live - live/2); got != want {
			t.Errorf("%d MiB alive: %d %%, want %d %%", live>>20, got, want)
		}
	}
}
