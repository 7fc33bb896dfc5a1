package dataset

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill"
)

func idsOf(ids []string) func(func(string, error) bool) {
	return func(yield func(string, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// Rows come in the order asked for, each once, wherever they lie and however little may wait; unknown ids are left out.
func TestInOrder(t *testing.T) {
	const n = 600
	random := rand.New(rand.NewPCG(1, 2))
	rows := plain(0, n)
	random.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	d := open(t, filepath.Join(t.TempDir(), "d"), Options{ShardBytes: 40 << 10})
	for part := range slices.Chunk(rows, 37) { // finished shards and a tail
		if err := d.Append(context.Background(), part...); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.Shards()) == 0 || d.tail.rows == 0 {
		t.Fatalf("%d shards and a tail of %d rows: the test wants both", len(d.Shards()), d.tail.rows)
	}
	for name, shuffle := range map[string]bool{"sorted": false, "shuffled": true} {
		var ids, want []string
		for i := range n {
			if i%5 == 3 {
				ids = append(ids, fmt.Sprint("unknown ", i))
				continue
			}
			ids = append(ids, plainID(i))
		}
		if shuffle {
			random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		}
		for _, id := range ids {
			if d.Has(id) {
				want = append(want, id)
			}
		}
		for _, limit := range []int{1, 5000, heldBytes} {
			var got []string
			ranks, end, err := d.rank(idsOf(ids))
			if err != nil {
				t.Fatal(err)
			}
			o := &ordering{ranks: ranks, waiting: map[int32]distill.Row{}, limit: limit, yield: func(row distill.Row, err error) bool {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, row.ID)
				return true
			}}
			passes := 0
			for o.next < end {
				o.pass(d)
				passes++
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s, %d bytes held: %d rows, want %d in their order", name, limit, len(got), len(want))
			}
			if limit == heldBytes && passes != 1 {
				t.Errorf("%s: %d readings though all fits", name, passes)
			}
		}
		var got []string
		for row, err := range d.InOrder(idsOf(ids)) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, row.ID); len(got) == 50 {
				break
			}
		}
		if !slices.Equal(got, want[:50]) {
			t.Error("a reading that is left early differs")
		}
	}
}

// What rows cost is known from the index as it is from the rows, for writers and readers, with and without an index.
func TestSpent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, dir, Options{ShardBytes: 20 << 10})
	var want Spent
	for i := range 300 {
		row := plain(i, 1)[0]
		row.PromptTokens, row.CompletionTokens = int32(i), int32(2*i)
		if i%3 == 0 {
			usd := 0.25 // exact in binary: the order of adding does not show
			row.CostUSD = &usd
		}
		want.enter(&row)
		if err := d.Append(context.Background(), row, row); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.Spent(); got != want {
		t.Errorf("while writing: %+v, want %+v", got, want)
	}
	if len(d.Shards()) == 0 || d.tail.rows == 0 {
		t.Fatal("the test wants shards and a tail")
	}
	d.Close()
	for _, readOnly := range []bool{true, false, true} {
		again, err := Open(dir, Options{ReadOnly: readOnly})
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Spent(); got != want {
			t.Errorf("read only %v: %+v, want %+v", readOnly, got, want)
		}
		again.Close()
	}
}
