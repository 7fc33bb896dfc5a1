package dataset

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/seed-d24fde5f/distill"
)

// heldBytes is how much InOrder keeps waiting: the answers that a few hundred calls in flight bring out of order take a
// hundredth of it.
const heldBytes = 32 << 20

// InOrder yields the rows with these ids in the order of ids, whatever order they lie in, and leaves out ids that are not
// there. ids are read when the iteration begins.
//
// It holds 4 bytes for each row of the dataset, 20 more while it begins, and about 32 MiB of rows that lie too early.
// Rows that lie roughly in order, as the answers to one run do, are read once; otherwise the dataset is read again for
// each 32 MiB that it had to let go.
func (d *Dataset) InOrder(ids iter.Seq2[string, error]) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		ranks, n, err := d.rank(ids)
		if err != nil {
			yield(distill.Row{}, err)
			return
		}
		o := &ordering{ranks: ranks, end: n, waiting: map[int32]distill.Row{}, limit: heldBytes, yield: yield}
		for o.next < n && !o.stopped {
			before := o.next
			if o.pass(d); o.next == before && !o.stopped {
				yield(distill.Row{}, fmt.Errorf("dataset: %s: %d rows are in the index and not in the shards: %w", d.dir, n-o.next, ErrDamaged))
				return
			}
		}
	}
}

// unwanted is the rank of a row that is not asked for.
const unwanted = -1

// rank returns for each row, by its place in the dataset, its place among ids, and how many of those are there.
func (d *Dataset) rank(ids iter.Seq2[string, error]) (ranks []int32, n int32, err error) {
	keys, err := d.keys()
	if err != nil {
		return nil, 0, err
	}
	type place struct {
		key key
		at  int32
	}
	sorted := make([]place, len(keys))
	ranks = make([]int32, len(keys))
	for i, k := range keys {
		sorted[i], ranks[i] = place{k, int32(i)}, unwanted
	}
	slices.SortFunc(sorted, func(a, b place) int { return bytes.Compare(a.key[:], b.key[:]) })
	for id, err := range ids {
		if err != nil {
			return nil, 0, err
		}
		k := keyOf(id)
		i, found := slices.BinarySearchFunc(sorted, k, func(p place, k key) int { return bytes.Compare(p.key[:], k[:]) })
		if found && ranks[sorted[i].at] == unwanted {
			ranks[sorted[i].at] = n
			n++
		}
	}
	return ranks, n, nil
}

// keys returns the keys of all rows in their order.
func (d *Dataset) keys() ([]key, error) {
	d.mu.RLock()
	shards, end := d.manifest.Shards, d.tail
	d.mu.RUnlock()
	keys := make([]key, 0, d.Len())
	for _, s := range shards {
		books, err := shardAccount(d.dir, s, d.options.ReadOnly)
		if err != nil {
			return nil, err
		}
		keys = append(keys, books.keys...)
	}
	if end.size == 0 {
		return keys, nil
	}
	books := new(account)
	for record, err := range streamBatches(end) {
		if err == nil {
			err = books.add(record)
		}
		if err != nil {
			return nil, fmt.Errorf("dataset: %s: %w", end.path, err)
		}
	}
	return append(keys, books.keys...), nil
}

// ordering is a reading of rows in the order of their ranks.
type ordering struct {
	ranks     []int32
	next, end int32 // ranks: what is to be yielded next, and where this pass ends
	yield     func(distill.Row, error) bool
	stopped   bool

	waiting map[int32]distill.Row // that lie before a row of lower rank
	highest rankHeap              // ranks of those that wait, some of them gone
	held    int
	limit   int
}

// pass reads the dataset once, yielding what comes in order.
func (o *ordering) pass(d *Dataset) {
	clear(o.waiting)
	o.highest, o.held, o.end = o.highest[:0], 0, int32(len(o.ranks))
	place := 0
	for record, err := range d.Batches() {
		if err != nil {
			o.fail(err)
			return
		}
		rows := int(record.NumRows())
		if place+rows > len(o.ranks) {
			o.fail(errors.New("dataset: there are more rows than there were when the reading began"))
			return
		}
		ranks := o.ranks[place : place+rows]
		place += rows
		if slices.ContainsFunc(ranks, o.wants) && !o.batch(record, ranks) {
			return
		}
	}
}

func (o *ordering) wants(rank int32) bool { return rank >= o.next && rank < o.end }

func (o *ordering) fail(err error) {
	o.stopped = true
	o.yield(distill.Row{}, err)
}

// batch takes in the rows of a batch that are wanted now, and reports whether to go on.
func (o *ordering) batch(record arrow.Record, ranks []int32) bool {
	columns, err := columnsOf(record)
	if err != nil {
		o.fail(err)
		return false
	}
	for i, rank := range ranks {
		if !o.wants(rank) {
			continue
		}
		row, err := rowOf(columns, i)
		if err != nil {
			o.fail(err)
			return false
		}
		if rank != o.next {
			o.hold(rank, row)
			continue
		}
		for found := true; found; row, found = o.take(o.next) {
			if o.next++; !o.yield(row, nil) {
				o.stopped = true
				return false
			}
		}
	}
	return true
}

// hold keeps a row waiting. Where too much waits, the rows of highest rank are let go, for the next pass.
func (o *ordering) hold(rank int32, row distill.Row) {
	o.waiting[rank] = row
	heap.Push(&o.highest, rank)
	o.held += approximateBytes(&row)
	for o.held > o.limit && len(o.waiting) > 1 {
		last := heap.Pop(&o.highest).(int32)
		if _, found := o.take(last); found {
			o.end = last
		}
	}
}

// take removes a row from those that wait.
func (o *ordering) take(rank int32) (distill.Row, bool) {
	row, found := o.waiting[rank]
	if found {
		delete(o.waiting, rank)
		o.held -= approximateBytes(&row)
	}
	return row, found
}

// rankHeap has the highest rank on top.
type rankHeap []int32

func (h rankHeap) Len() int           { return len(h) }
func (h rankHeap) Less(i, j int) bool { return h[i] > h[j] }
func (h rankHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push adds a rank.
func (h *rankHeap) Push(x any) { *h = append(*h, x.(int32)) }

// Pop removes the last one.
func (h *rankHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
