package dataset

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-d24fde5f/distill"
)

// Rows are the caller's own: what memory the batches after them use does not show in them, in a stream and in shards,
// plain and compressed. A batch that is retained keeps its memory.
func TestRowsOutliveTheirBatches(t *testing.T) {
	for _, compression := range []Compression{None, LZ4, Zstd} {
		d := open(t, filepath.Join(t.TempDir(), string(compression)), Options{Compression: compression, Origin: Origin{Signal: distill.Sampled}})
		var want []distill.Row
		for i := range 12 {
			rows := plain(1000*i, 900) // several batches of the same sizes
			for j := range rows {
				rows[j].TokenIDs = []distill.Token{int32(i), int32(j)}
				rows[j].Signal = &distill.Signal{Kind: distill.Sampled}
				rows[j].Signal.Append([]int32{int32(j)}, []float32{0})
				rows[j].Signal.Append([]int32{int32(i), 1 << 20}, []float32{-1, -0.5})
			}
			want = append(want, rows...)
			if err := d.Append(context.Background(), rows...); err != nil {
				t.Fatal(err)
			}
			if i == 8 {
				if err := d.Seal(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff(want, collect(t, d), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: %.2000s", compression, diff)
		}
		var kept []arrow.Record
		for record, err := range d.Batches() {
			if err != nil {
				t.Fatal(err)
			}
			record.Retain()
			kept = append(kept, record)
		}
		var rows []distill.Row
		for _, record := range kept {
			eachRow(record, func(row distill.Row, err error) bool { rows = append(rows, row); return err == nil })
			record.Release()
		}
		if diff := cmp.Diff(want, rows, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s, batches retained: %.2000s", compression, diff)
		}
	}
}

// Memory that was given back serves again what is about as large, and no more of it waits than the bound.
func TestRecycler(t *testing.T) {
	r := new(recycler)
	a := r.Allocate(1000)
	a[0] = 7
	r.Free(a)
	if b := r.Allocate(400); cap(b) >= 1000 {
		t.Error("a small buffer took the memory of a large one")
	}
	if b := r.Allocate(900); len(b) != 900 || b[0] != 7 {
		t.Error("the memory was not used again")
	}
	for range 40 {
		r.Free(make([]byte, 1<<20))
	}
	if r.held > heldMost {
		t.Errorf("%d bytes are held", r.held)
	}
	defer func() {
		if recover() == nil {
			t.Error("a size that no file has was allocated")
		}
	}()
	r.Allocate(maxMessage + 1)
}
