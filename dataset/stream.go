package dataset

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/durable"
)

// streamFile is what a stream asks of its file; tests stand a failing disk in its place.
type streamFile interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// stream is the shard in progress: an IPC stream to which batches are appended, each synced before it counts.
type stream struct {
	path    string
	file    streamFile
	version string // of the schema: a stream is continued in the one it was begun in
	origin  Origin
	framer  *framer
	encoder *encoder
	size    int64 // durable bytes; what lies beyond is cut off
	rows    int
	broken  error // a failed sync: what the disk holds is unknown until the dataset is opened again
}

func createStream(path string, origin Origin) (*stream, error) {
	f, err := newFramer(schemaOf(Version, origin))
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	s := &stream{path: path, file: file, version: Version, origin: origin, framer: f, encoder: newEncoder(Version, origin)}
	if err := s.write(f.schema); err != nil {
		file.Close()
		return nil, err
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		file.Close()
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return s, nil
}

// append makes rows durable as one batch.
func (s *stream) append(rows []distill.Row) error {
	record := s.encoder.record(rows)
	defer record.Release()
	message, err := s.framer.encode(record)
	if err != nil {
		return fmt.Errorf("dataset: %s: %w", s.path, err)
	}
	if err := s.write(message); err != nil {
		return err
	}
	s.rows += len(rows)
	return nil
}

// write adds a message and syncs it. When the disk refuses it, the file ends where it ended before.
func (s *stream) write(message []byte) error {
	if s.broken != nil {
		return s.broken
	}
	if _, err := s.file.WriteAt(message, s.size); err != nil {
		if cut := s.file.Truncate(s.size); cut != nil {
			s.broken = fmt.Errorf("dataset: %s: %w", s.path, cut)
		}
		return fmt.Errorf("dataset: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		// After a failed fsync the system may have dropped the pages and call the next one a success.
		s.broken = fmt.Errorf("dataset: %s: %w", s.path, err)
		return s.broken
	}
	s.size += int64(len(message))
	return nil
}

// openStream continues the stream at path: it keeps every whole batch, enters its rows into the account, and cuts off
// what a crash tore. torn is the number of bytes cut. A file that does not hold even a schema is begun anew with origin.
func openStream(path string, origin Origin, books *account) (s *stream, torn int64, err error) {
	found, err := scanStream(path, books)
	if err != nil {
		return nil, 0, err
	}
	if found.size == 0 {
		s, err = createStream(path, origin)
		return s, found.total, err
	}
	f, err := newFramer(schemaOf(found.version, found.origin))
	if err != nil {
		return nil, 0, fmt.Errorf("dataset: %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("dataset: %w", err)
	}
	if torn = found.total - found.size; torn > 0 {
		if err := errors.Join(file.Truncate(found.size), file.Sync()); err != nil {
			file.Close()
			return nil, 0, fmt.Errorf("dataset: %w", err)
		}
	}
	return &stream{path: path, file: file, version: found.version, origin: found.origin, framer: f, size: found.size, rows: found.rows,
		encoder: newEncoder(found.version, found.origin)}, torn, nil
}

// streamScan is what a stream holds.
type streamScan struct {
	version     string
	origin      Origin
	total, size int64 // bytes in the file, and up to the end of the last whole batch; size 0: no schema
	rows        int
}

// scanStream reads a stream up to its torn end. A torn place with whole batches behind it is no crash's doing: that is
// an error.
func scanStream(path string, books *account) (scan streamScan, err error) {
	file, err := os.Open(path)
	if err != nil {
		return scan, fmt.Errorf("dataset: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return scan, fmt.Errorf("dataset: %w", err)
	}
	scan.total = info.Size()
	if err := scan.read(file, books); err != nil {
		return scan, fmt.Errorf("dataset: %s: %w", path, err)
	}
	rest, err := io.ReadAll(io.NewSectionReader(file, scan.size, scan.total-scan.size))
	if err != nil {
		return scan, fmt.Errorf("dataset: %w", err)
	}
	if at := findFrame(rest); at >= 0 {
		return scan, fmt.Errorf("dataset: %s: damaged from byte %d to %d, with whole batches behind: %w",
			path, scan.size, scan.size+int64(at), ErrDamaged)
	}
	return scan, nil
}

func (scan *streamScan) read(file io.Reader, books *account) error {
	source := &messages{r: bufio.NewReaderSize(file, 1<<16), remaining: scan.total, sealed: true}
	reader, err := newBatchReader(source)
	if err != nil {
		if source.err != nil || scan.total == 0 {
			return nil // not even the schema is whole
		}
		return err
	}
	defer reader.Release()
	if scan.version, scan.origin, err = originOf(reader.Schema()); err != nil {
		return err
	}
	scan.size = scan.total - source.remaining
	for reader.Next() {
		record := reader.Record()
		if err := books.add(record); err != nil {
			return err
		}
		scan.rows += int(record.NumRows())
		scan.size = scan.total - source.remaining
	}
	if source.err != nil && !errors.Is(source.err, errTorn) {
		return source.err
	}
	if source.err == nil {
		return reader.Err() // a batch whose checksum holds and that does not decode
	}
	return nil
}

// findFrame returns the offset of the first whole sealed message in b that starts at a multiple of 8 beyond 0, or -1.
func findFrame(b []byte) int {
	for at := 8; at+8 <= len(b); at += 8 {
		if binary.LittleEndian.Uint32(b[at:]) != continuation {
			continue
		}
		end := at + 8 + int(binary.LittleEndian.Uint32(b[at+4:]))
		if end < at+8+sealSize || end > len(b) || string(b[end-sealSize:end-8]) != frameMark {
			continue
		}
		if f, _, err := readFrame(bytes.NewReader(b[at:]), int64(len(b)-at), frame{}); err == nil && f.sealed {
			return at
		}
	}
	return -1
}
