package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// openForReading takes what is durable now. A writer may finish a shard in between: then the manifest is read again.
func (d *Dataset) openForReading() error {
	for {
		manifest, found, err := readManifest(d.dir)
		if err != nil {
			return err
		}
		d.manifest = *manifest
		path := filepath.Join(d.dir, streamName(manifest.Next))
		scan, err := scanStream(path, new(account))
		if err == nil {
			d.tail = tail{path, scan.size, scan.rows}
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		again, _, err := readManifest(d.dir)
		switch {
		case err != nil:
			return err
		case again.Next != manifest.Next:
			continue
		case !found:
			return fmt.Errorf("dataset: %s: %w: no %s", d.dir, fs.ErrNotExist, manifestName)
		}
		return nil
	}
}

func (d *Dataset) openForWriting() error {
	manifest, found, err := readManifest(d.dir)
	if err != nil {
		return err
	}
	d.manifest = *manifest
	if !found {
		if err := d.manifest.write(d.dir); err != nil {
			return fmt.Errorf("dataset: %w", err)
		}
	}
	d.sweep()
	if err := d.loadIDs(); err != nil {
		return err
	}
	if err := d.reserve(); err != nil {
		d.fail(err)
	}
	return d.openTail()
}

// sweep removes what a crash left behind: temporary files, and the stream of a shard that the manifest already lists.
func (d *Dataset) sweep() {
	leftovers, _ := filepath.Glob(filepath.Join(d.dir, "*.tmp"))
	if d.manifest.Next > 0 {
		leftovers = append(leftovers, filepath.Join(d.dir, streamName(d.manifest.Next-1)))
	}
	for _, path := range leftovers {
		os.Remove(path)
	}
}

// loadIDs fills the ledger, ids and costs, from the finished shards, and for a reader from the tail too.
func (d *Dataset) loadIDs() error {
	d.mu.RLock()
	shards, end := d.manifest.Shards, d.tail
	d.mu.RUnlock()
	total := end.rows
	for _, s := range shards {
		total += s.Rows
	}
	ids := make(map[key]struct{}, total)
	var spent Spent
	enter := func(books *account) {
		for _, k := range books.keys {
			ids[k] = struct{}{}
		}
		spent = spent.plus(books.spent)
	}
	for _, s := range shards {
		books, err := shardAccount(d.dir, s, d.options.ReadOnly)
		if err != nil {
			return err
		}
		enter(books)
	}
	if d.options.ReadOnly && end.size > 0 {
		books := new(account)
		if _, err := scanStream(end.path, books); err != nil {
			return err
		}
		enter(books)
	}
	d.mu.Lock()
	d.ids, d.spent = ids, spent
	d.mu.Unlock()
	return nil
}

// openTail continues the stream in progress. One that began with another origin is finished first.
func (d *Dataset) openTail() error {
	path := filepath.Join(d.dir, streamName(d.manifest.Next))
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	books := new(account)
	s, torn, err := openStream(path, d.options.Origin, books)
	if errors.Is(err, ErrDamaged) && d.options.Repair {
		if err := repairStream(path); err != nil {
			return err
		}
		*books = account{}
		s, torn, err = openStream(path, d.options.Origin, books)
	}
	if err != nil {
		return err
	}
	for _, k := range books.keys {
		d.ids[k] = struct{}{}
	}
	d.spent = d.spent.plus(books.spent)
	d.stream, d.torn = s, torn
	d.tail = tail{path, s.size, s.rows}
	if s.origin == d.options.Origin {
		return nil
	}
	if s.rows > 0 {
		return d.seal()
	}
	d.stream, d.tail = nil, tail{}
	return errors.Join(s.file.Close(), os.Remove(path))
}

// reservePath is the file whose removal makes room for rows on their way when the disk is full.
func (d *Dataset) reservePath() string { return filepath.Join(d.dir, ".reserve") }

func (d *Dataset) reserve() error {
	if d.options.Reserve < 0 {
		return nil
	}
	// Not zeros: a file system that compresses or leaves holes would set nothing aside.
	block := make([]byte, 1<<20)
	state := uint64(0x9E3779B97F4A7C15)
	for i := range block {
		state = state*6364136223846793005 + 1442695040888963407
		block[i] = byte(state >> 56)
	}
	file, err := os.Create(d.reservePath())
	if err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	for left := d.options.Reserve; left > 0 && err == nil; left -= int64(len(block)) {
		_, err = file.Write(block[:min(left, int64(len(block)))])
	}
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(d.reservePath())
		return fmt.Errorf("dataset: %w", err)
	}
	return nil
}
