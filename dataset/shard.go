package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/durable"
)

// Batches of a finished shard: large enough that a reader works on columns, small enough that holding one costs little.
const (
	batchBytes = 4 << 20
	batchRows  = 4096
)

// Compression says how finished shards are compressed.
type Compression string

// Compressions. Auto is Zstd for a dataset with signals, where it halves the file, and None for text alone, which then
// opens in readers without a decompressor too (the JavaScript implementation needs one registered).
const (
	Auto Compression = ""
	None Compression = "none"
	LZ4  Compression = "lz4"
	Zstd Compression = "zstd"
)

func (c Compression) options(signal distill.SignalKind) ([]ipc.Option, error) {
	if c == Auto && signal != "" && signal != distill.NoSignal {
		c = Zstd
	}
	switch c {
	case Auto, None:
		return nil, nil
	case LZ4:
		return []ipc.Option{ipc.WithLZ4()}, nil
	case Zstd:
		return []ipc.Option{ipc.WithZstd()}, nil
	}
	return nil, fmt.Errorf("dataset: unknown compression %q: none, lz4 or zstd", c)
}

// shardWriter writes one finished shard: under a temporary name until finish.
type shardWriter struct {
	path    string
	file    *hashedFile
	arrow   *ipc.FileWriter
	schema  *arrow.Schema
	pending []arrow.Record // small batches that will be written as one
	bytes   int
	rows    int
	total   int
	books   account
}

func createShard(path, version string, origin Origin, compression Compression) (*shardWriter, error) {
	options, err := compression.options(origin.Signal)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(path + ".tmp")
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	w := &shardWriter{path: path, file: &hashedFile{file: file, sum: xxhash.New()}, schema: schemaOf(version, origin)}
	w.arrow, err = ipc.NewFileWriter(w.file, append(options, ipc.WithSchema(w.schema))...)
	if err != nil {
		w.abort()
		return nil, fmt.Errorf("dataset: %s: %w", path, err)
	}
	return w, nil
}

// add takes a batch of about size bytes; it retains what it keeps.
func (w *shardWriter) add(record arrow.Record, size int) error {
	if err := w.books.add(record); err != nil {
		return err
	}
	record.Retain()
	w.pending = append(w.pending, record)
	w.bytes += size
	w.rows += int(record.NumRows())
	w.total += int(record.NumRows())
	if w.bytes >= batchBytes || w.rows >= batchRows {
		return w.flush()
	}
	return nil
}

// flush writes the pending batches as one.
func (w *shardWriter) flush() (err error) {
	defer recoverTo(&err)
	if len(w.pending) == 0 {
		return nil
	}
	columns := make([]arrow.Array, w.schema.NumFields())
	parts := make([]arrow.Array, len(w.pending))
	for c := range columns {
		for i, record := range w.pending {
			parts[i] = record.Column(c)
		}
		if columns[c], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			return fmt.Errorf("%s: %w", w.path, err)
		}
	}
	record := array.NewRecord(w.schema, columns, int64(w.rows))
	for _, c := range columns {
		c.Release()
	}
	defer record.Release()
	w.drop()
	// The IPC writer has returned nil for failed writes; the file remembers.
	return errors.Join(w.arrow.Write(record), w.file.err)
}

func (w *shardWriter) drop() {
	for _, record := range w.pending {
		record.Release()
	}
	w.pending, w.bytes, w.rows = w.pending[:0], 0, 0
}

// finish makes the shard durable under its name.
func (w *shardWriter) finish() (Shard, error) {
	err := w.flush()
	if err == nil {
		err = errors.Join(w.arrow.Close(), w.file.err)
	}
	if err == nil {
		err = w.file.file.Sync()
	}
	if err != nil {
		w.abort()
		return Shard{}, fmt.Errorf("dataset: %s: %w", w.path, err)
	}
	if err := errors.Join(w.file.file.Close(), os.Rename(w.path+".tmp", w.path), durable.SyncFolder(filepath.Dir(w.path))); err != nil {
		return Shard{}, fmt.Errorf("dataset: %w", err)
	}
	return Shard{filepath.Base(w.path), w.total, w.file.size, Checksum(w.file.sum.Sum64())}, nil
}

// abort removes what was written.
func (w *shardWriter) abort() {
	w.drop()
	w.file.file.Close()
	os.Remove(w.path + ".tmp")
}

// hashedFile is a file written front to back, with its size and checksum.
type hashedFile struct {
	file *os.File
	sum  *xxhash.Digest
	size int64
	err  error // the first failed write
}

func (h *hashedFile) Write(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.file.Write(p)
	h.sum.Write(p[:n])
	h.size += int64(n)
	h.err = err
	return n, err
}

// Seek answers the only question Arrow's writer has: where it is.
func (h *hashedFile) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("a shard is written front to back")
	}
	return h.size, nil
}

// recoverTo turns a panic of a decoder into an error.
func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("arrow: %v", p)
	}
}
