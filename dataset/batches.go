package dataset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/cespare/xxhash/v2"
)

// readBatches yields the record batches among the first size bytes of r, a stream or the stream inside a file. A batch
// is valid until the next is asked for. Panics of the decoder become errors.
func readBatches(r io.Reader, size int64) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		source := &messages{r: bufio.NewReaderSize(r, 1<<16), remaining: size}
		reader, err := newBatchReader(source)
		if err != nil {
			yield(nil, err)
			return
		}
		defer reader.Release()
		for reader.Next() {
			if !yield(reader.Record(), nil) {
				return
			}
		}
		if err := errors.Join(source.err, reader.Err()); err != nil {
			yield(nil, err)
		}
	}
}

func newBatchReader(source *messages) (reader *ipc.Reader, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("arrow: %v", p)
		}
	}()
	return ipc.NewReaderFromMessageReader(source, ipc.WithAllocator(new(recycler)))
}

// openShard opens a finished shard, checks size and checksum against the manifest, and returns it positioned at its
// stream with the stream's length.
func openShard(path string, want Shard) (file *os.File, size int64, err error) {
	file, err = os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			file.Close()
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return file, 0, err
	}
	if info.Size() != want.Bytes {
		return file, 0, fmt.Errorf("%d bytes where the manifest says %d", info.Size(), want.Bytes)
	}
	sum := xxhash.New()
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{file}, make([]byte, 1<<18)); err != nil {
		return file, 0, err
	}
	if got := sum.Sum64(); got != uint64(want.XXH64) {
		return file, 0, fmt.Errorf("checksum %016x where the manifest says %016x", got, uint64(want.XXH64))
	}
	size, err = seekStream(file, info.Size())
	return file, size, err
}

// seekStream positions an IPC file of total bytes at its stream and returns the stream's length.
func seekStream(file io.ReadSeeker, total int64) (int64, error) {
	const head, tail = 8, 4 + len(fileMagic)
	var magic [head]byte
	var end [tail]byte
	if total < head+int64(tail) {
		return 0, errors.New("too short for an Arrow file")
	}
	if _, err := file.Seek(-int64(tail), io.SeekEnd); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(file, end[:]); err != nil {
		return 0, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(file, magic[:]); err != nil {
		return 0, err
	}
	footer := int64(binary.LittleEndian.Uint32(end[:]))
	if string(magic[:len(fileMagic)]) != fileMagic || string(end[4:]) != fileMagic || footer > total-head-int64(tail) {
		return 0, errors.New("not an Arrow file, or one that was cut off")
	}
	return total - head - int64(tail) - footer, nil
}
