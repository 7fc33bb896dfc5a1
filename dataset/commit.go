package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/seed-d24fde5f/distill"
)

// appending is one call of Append that waits for its rows to be durable.
type appending struct {
	rows []distill.Row
	done bool // guarded by Dataset.commit
	err  error
}

// commitQueue writes the rows of all callers that wait, in batches of bounded size, and finishes the shard when it is
// large enough. The caller holds d.commit.
func (d *Dataset) commitQueue() {
	d.mu.Lock()
	queue := d.queue
	d.queue = nil
	d.mu.Unlock()

	var batch []distill.Row
	var waiting []*appending
	size := 0
	inBatch := make(map[key]struct{})
	flush := func() {
		err := d.write(batch)
		for _, a := range waiting {
			a.err = errors.Join(a.err, err)
		}
		batch, waiting, size = batch[:0], waiting[:0], 0
		clear(inBatch)
	}
	for _, a := range queue {
		a.done = true
		waiting = append(waiting, a)
		for i := range a.rows {
			k := keyOf(a.rows[i].ID)
			if _, twice := inBatch[k]; twice || d.has(k) {
				continue
			}
			inBatch[k] = struct{}{}
			batch = append(batch, a.rows[i])
			if size += approximateBytes(&a.rows[i]); size >= batchBytes || len(batch) >= batchRows {
				flush()
				waiting = append(waiting, a)
			}
		}
	}
	flush()
	if d.stream != nil && d.stream.size >= d.options.ShardBytes {
		if err := d.seal(); err != nil {
			d.fail(err) // the rows are durable all the same
		}
	}
}

func (d *Dataset) has(k key) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.ids[k]
	return ok
}

// write makes one batch durable and counts it. On a full disk it gives up the reserve and tries once more.
func (d *Dataset) write(rows []distill.Row) error {
	if len(rows) == 0 {
		return nil
	}
	err := d.writeOnce(rows)
	if isFull(err) {
		d.fail(err)
		if os.Remove(d.reservePath()) == nil {
			err = d.writeOnce(rows)
		}
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range rows {
		d.ids[keyOf(rows[i].ID)] = struct{}{}
		d.spent.enter(&rows[i])
	}
	d.tail = tail{d.stream.path, d.stream.size, d.stream.rows}
	return nil
}

func (d *Dataset) writeOnce(rows []distill.Row) error {
	if d.stream == nil {
		s, err := createStream(filepath.Join(d.dir, streamName(d.manifest.Next)), d.options.Origin)
		if err != nil {
			return err
		}
		d.stream = s
	}
	return d.stream.append(rows)
}

// fail remembers why no more rows should be asked for; the first reason stays.
func (d *Dataset) fail(err error) {
	if isFull(err) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
	}
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// seal rewrites the stream in progress as a finished shard, in large batches, and lists it. The stream is removed last:
// whatever happens in between, every row is in one of the two and counted once. The caller holds d.commit.
func (d *Dataset) seal() error {
	if d.stream == nil || d.stream.rows == 0 {
		return nil
	}
	shard, books, err := d.rewrite()
	if err != nil {
		return err
	}
	next := d.manifest
	next.Shards = append(append([]Shard(nil), d.manifest.Shards...), shard)
	next.Next++
	if err := next.write(d.dir); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	writeIndex(d.dir, shard, books)
	old := d.stream
	d.stream = nil
	d.mu.Lock()
	d.manifest, d.tail = next, tail{}
	d.mu.Unlock()
	old.file.Close()
	if err := os.Remove(old.path); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	return nil
}

func (d *Dataset) rewrite() (Shard, *account, error) {
	w, err := createShard(filepath.Join(d.dir, shardName(d.manifest.Next)), d.stream.version, d.stream.origin, d.options.Compression)
	if err != nil {
		return Shard{}, nil, err
	}
	average := int(d.stream.size) / d.stream.rows
	for record, err := range streamBatches(d.tail) {
		if err == nil {
			err = w.add(record, average*int(record.NumRows()))
		}
		if err != nil {
			w.abort()
			return Shard{}, nil, fmt.Errorf("dataset: %s: %w", d.stream.path, err)
		}
	}
	if w.total != d.stream.rows {
		w.abort()
		return Shard{}, nil, fmt.Errorf("dataset: %s: %d rows where %d were written: %w", d.stream.path, w.total, d.stream.rows, ErrDamaged)
	}
	shard, err := w.finish()
	return shard, &w.books, err
}
