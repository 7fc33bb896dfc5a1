package dataset

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/seed-d24fde5f/distill"
)

// Written says what [Write] did.
type Written struct {
	Rows       int `json:"rows"`
	Duplicates int `json:"duplicates"` // rows left out because their id was there already
}

// Write makes a new dataset in dir of all rows, straight into finished shards: the way for imports, merges and
// selections, where nothing is lost by starting over. It is an error if dir holds a dataset already; when it fails it
// leaves none. options.Origin should say what the rows are; one dataset holds one kind of signal.
func Write(dir string, options Options, rows iter.Seq2[distill.Row, error]) (result Written, err error) {
	options.Reserve = -1
	d, err := Create(dir, options)
	if err != nil {
		return result, err
	}
	b := &bulk{d: d, encoder: newEncoder(Version, d.options.Origin)}
	for row, err := range rows {
		if err == nil {
			err = b.add(row)
		}
		if err != nil {
			b.abandon()
			return b.result, err
		}
	}
	if err := b.finish(); err != nil {
		b.abandon()
		return b.result, err
	}
	return b.result, d.Close()
}

// bulk fills the shards of a new dataset.
type bulk struct {
	d       *Dataset
	encoder *encoder
	batch   []distill.Row
	bytes   int
	shard   *shardWriter
	written int64 // into the current shard, before compression
	result  Written
}

func (b *bulk) add(row distill.Row) error {
	if err := validate(&row, b.d.options.Signal); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	k := keyOf(row.ID)
	if _, ok := b.d.ids[k]; ok {
		b.result.Duplicates++
		return nil
	}
	b.d.ids[k] = struct{}{}
	b.result.Rows++
	b.batch = append(b.batch, row)
	if b.bytes += approximateBytes(&row); b.bytes >= batchBytes || len(b.batch) >= batchRows {
		return b.flush()
	}
	return nil
}

// flush writes the batch, and finishes the shard when it is large enough.
func (b *bulk) flush() (err error) {
	if len(b.batch) == 0 {
		return nil
	}
	if b.shard == nil {
		path := filepath.Join(b.d.dir, shardName(b.d.manifest.Next))
		if b.shard, err = createShard(path, Version, b.d.options.Origin, b.d.options.Compression); err != nil {
			return err
		}
	}
	record := b.encoder.record(b.batch)
	defer record.Release()
	if err := b.shard.add(record, b.bytes); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	b.written += int64(b.bytes)
	clear(b.batch)
	b.batch, b.bytes = b.batch[:0], 0
	if b.written >= b.d.options.ShardBytes {
		return b.roll()
	}
	return nil
}

func (b *bulk) roll() error {
	if b.shard == nil {
		return nil
	}
	w := b.shard
	b.shard, b.written = nil, 0
	shard, err := w.finish()
	if err != nil {
		return err
	}
	writeIndex(b.d.dir, shard, &w.books)
	b.d.manifest.Shards = append(b.d.manifest.Shards, shard)
	b.d.manifest.Next++
	return nil
}

func (b *bulk) finish() error {
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.roll(); err != nil {
		return err
	}
	if err := b.d.manifest.write(b.d.dir); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	return nil
}

// abandon removes what was written, so that the folder can be tried again.
func (b *bulk) abandon() {
	if b.shard != nil {
		b.shard.abort()
	}
	for _, s := range b.d.manifest.Shards {
		os.Remove(filepath.Join(b.d.dir, s.File))
		os.Remove(indexPath(b.d.dir, s.File))
	}
	os.Remove(filepath.Join(b.d.dir, manifestName))
	os.Remove(filepath.Join(b.d.dir, indexFolder))
	b.d.Close()
	os.Remove(filepath.Join(b.d.dir, ".lock"))
	os.Remove(b.d.dir) // if it is empty now
}

// Concat yields the rows of several sequences one after the other: with [Write], a merge. Of rows with one id the first
// stays.
func Concat(sequences ...iter.Seq2[distill.Row, error]) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		for _, rows := range sequences {
			for row, err := range rows {
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

// Where yields the rows for which keep is true: with [Write], a split or a selection.
func Where(rows iter.Seq2[distill.Row, error], keep func(*distill.Row) bool) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		for row, err := range rows {
			if err == nil && !keep(&row) {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
