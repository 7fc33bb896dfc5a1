//go:build unix

package panel

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Packed weights do not count as Go's heap, which would grow by their size again before it is swept, and stay while their
// matrix lives.
func TestWeightsLieOutsideTheHeap(t *testing.T) {
	const rows, columns = 1024, 1024
	data, want := encoded(rand.New(rand.NewPCG(5, 5)), quant.Q8_0, rows, columns)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := Pack(nil, quant.Q8_0, rows, columns, data, nil)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int(after.HeapAlloc) - int(before.HeapAlloc); grown > m.Bytes()/4 {
		t.Errorf("the heap grew by %d bytes for %d of weights", grown, m.Bytes())
	}
	row := make([]float32, columns)
	for i := range rows {
		m.Row(row, i)
		for j, v := range row {
			if v != want[i*columns+j] {
				t.Fatalf("row %d, column %d is %g, want %g", i, j, v, want[i*columns+j])
			}
		}
	}
}
