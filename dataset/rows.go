package dataset

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/seed-d24fde5f/distill"
)

// Rows yields the rows that are durable when iteration begins, in the order they were appended. It holds one batch in
// memory; a row is the caller's own. An error ends the iteration and names the file.
func (d *Dataset) Rows() iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		for record, err := range d.Batches() {
			if err != nil {
				yield(distill.Row{}, err)
				return
			}
			if !eachRow(record, yield) {
				return
			}
		}
	}
}

// eachRow yields the rows of one batch and reports whether to go on.
func eachRow(record arrow.Record, yield func(distill.Row, error) bool) bool {
	columns, err := columnsOf(record)
	if err != nil {
		yield(distill.Row{}, err)
		return false
	}
	for i := range int(record.NumRows()) {
		row, err := rowOf(columns, i)
		if !yield(row, err) || err != nil {
			return false
		}
	}
	return true
}

func columnsOf(record arrow.Record) (c *columns, err error) {
	defer recoverTo(&err)
	version, origin, err := originOf(record.Schema())
	if err != nil {
		return nil, err
	}
	return openColumns(record, version, origin.Signal)
}

func rowOf(c *columns, i int) (row distill.Row, err error) {
	defer recoverTo(&err)
	return c.row(i)
}

// Batches yields the same rows as [Dataset.Rows], as Arrow record batches of the [Schema]. A batch is valid until the
// next is asked for; retain it to keep it.
func (d *Dataset) Batches() iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		d.mu.RLock()
		shards, end := d.manifest.Shards, d.tail
		var file *os.File
		var err error
		if end.size > 0 { // opened now: it may be finished, and removed, before we get there
			file, err = os.Open(end.path)
		}
		d.mu.RUnlock()
		if err != nil {
			yield(nil, fmt.Errorf("dataset: %w", err))
			return
		}
		if file != nil {
			defer file.Close()
		}
		for _, shard := range shards {
			for record, err := range shardBatches(d.dir, shard) {
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
		if file == nil {
			return
		}
		for record, err := range readBatches(file, end.size) {
			if err != nil {
				err = fmt.Errorf("dataset: %s: %w", end.path, err)
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// shardBatches checks a finished shard and yields its batches.
func shardBatches(dir string, shard Shard) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		path := filepath.Join(dir, shard.File)
		file, size, err := openShard(path, shard)
		if err != nil {
			yield(nil, fmt.Errorf("dataset: %w", err))
			return
		}
		defer file.Close()
		rows := 0
		for record, err := range readBatches(file, size) {
			if err != nil {
				yield(nil, fmt.Errorf("dataset: %s: %w", path, err))
				return
			}
			rows += int(record.NumRows())
			if !yield(record, nil) {
				return
			}
		}
		if rows != shard.Rows {
			yield(nil, fmt.Errorf("dataset: %s: %d rows where the manifest says %d", path, rows, shard.Rows))
		}
	}
}

// streamBatches yields the batches of the durable part of a stream.
func streamBatches(t tail) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		file, err := os.Open(t.path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		for record, err := range readBatches(file, t.size) {
			if !yield(record, err) {
				return
			}
		}
	}
}
