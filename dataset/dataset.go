package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/durable"
)

// Errors that callers act on.
var (
	// ErrLocked: another process writes this dataset.
	ErrLocked = errors.New("another process is writing this dataset")
	// ErrDamaged: the stream in progress is damaged in its middle, which no crash does. [Options.Repair] keeps what is whole.
	ErrDamaged = errors.New("damaged")
	// ErrFull: the disk is full. Rows that are on their way still fit the reserve; more should not be asked for.
	ErrFull = errors.New("disk full")

	errClosed   = errors.New("dataset: closed")
	errReadOnly = errors.New("dataset: opened for reading only")
)

// Options of [Open] and [Create]; the zero value is ready for text.
type Options struct {
	Origin                  // what new shards say about their rows
	ShardBytes  int64       // size at which a shard is finished; 0 means 64 MiB
	Compression Compression // of finished shards
	ReadOnly    bool        // read beside a writer: no lock, no repair, no Append
	Repair      bool        // continue a stream that is damaged in its middle; the damaged file is kept beside it
	Reserve     int64       // bytes set aside for rows on their way when the disk is full; 0 means 8 MiB, negative none
}

// Dataset is an open folder of rows. All methods are safe for concurrent use.
type Dataset struct {
	dir     string
	options Options
	lock    *os.File

	commit sync.Mutex // held by the one who writes
	stream *stream    // the shard in progress; nil until the first row after the last was finished

	mu       sync.RWMutex // guards what follows; never held while a disk is written
	ids      map[key]struct{}
	manifest Manifest
	tail     tail
	spent    Spent
	queue    []*appending
	err      error // why no more rows should be asked for
	closed   bool
	torn     int64

	lazyIDs sync.Once // a reader loads ids, and what rows cost, when it is first asked about one
}

// tail is the durable part of the stream in progress.
type tail struct {
	path string
	size int64 // 0: there is none
	rows int
}

// Create makes a new dataset in dir, whose parents are created. It is an error if there is one already.
func Create(dir string, options Options) (*Dataset, error) {
	if options.ReadOnly {
		return nil, errReadOnly
	}
	if m, found, err := readManifest(dir); err != nil {
		return nil, err
	} else if found {
		return nil, fmt.Errorf("dataset: %s: %w (%d shards)", dir, fs.ErrExist, len(m.Shards))
	}
	return Open(dir, options)
}

// Open opens the dataset in dir, and creates it where there is none, unless options say ReadOnly. After a crash it keeps
// every row whose Append had returned. It costs no reading of rows: only the shard in progress is scanned.
func Open(dir string, options Options) (*Dataset, error) {
	if _, err := options.Compression.options(options.Signal); err != nil {
		return nil, err
	}
	if options.ShardBytes == 0 {
		options.ShardBytes = 64 << 20
	}
	if options.Reserve == 0 {
		options.Reserve = 8 << 20
	}
	if options.Signal == "" {
		options.Signal = distill.NoSignal
	}
	d := &Dataset{dir: dir, options: options, ids: make(map[key]struct{})}
	if options.ReadOnly {
		return d, d.openForReading()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	lock, err := durable.Lock(filepath.Join(dir, ".lock"))
	if errors.Is(err, durable.ErrLocked) {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", dir, err)
	}
	d.lock = lock
	if err := d.openForWriting(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Append makes rows durable, in order, before it returns. Callers that append at the same time share one write and one
// sync. A row whose id is already there is left out: asking twice never keeps twice.
//
// ctx does not cancel: an answer that arrives after the interrupt has been paid for and is kept. When Append fails, none
// of rows counts as written, though the next Open may find some.
func (d *Dataset) Append(_ context.Context, rows ...distill.Row) error {
	if d.options.ReadOnly {
		return errReadOnly
	}
	for i := range rows {
		if err := validate(&rows[i], d.options.Signal); err != nil {
			return fmt.Errorf("dataset: %w", err)
		}
	}
	a := &appending{rows: rows}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return errClosed
	}
	d.queue = append(d.queue, a)
	d.mu.Unlock()

	d.commit.Lock()
	defer d.commit.Unlock()
	if !a.done { // else whoever was before us wrote our rows with theirs
		d.commitQueue()
	}
	return a.err
}

// Has reports whether a row of this id is durable. A reader that cannot load the ids answers false, and [Dataset.Ready] says
// why.
func (d *Dataset) Has(id string) bool {
	d.readLedger()
	k := keyOf(id)
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.ids[k]
	return ok
}

// Spent returns what the durable rows have cost. Like Has it reads no rows but those of the shard in progress.
func (d *Dataset) Spent() Spent {
	d.readLedger()
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.spent
}

// readLedger loads ids and costs for a reader, once; a writer has them from the beginning.
func (d *Dataset) readLedger() {
	if d.options.ReadOnly {
		d.lazyIDs.Do(func() {
			if err := d.loadIDs(); err != nil {
				d.fail(err)
			}
		})
	}
}

// Len returns the number of durable rows.
func (d *Dataset) Len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := d.tail.rows
	for _, s := range d.manifest.Shards {
		n += s.Rows
	}
	return n
}

// Dir returns the folder.
func (d *Dataset) Dir() string { return d.dir }

// Shards returns the finished shards in the order of their rows.
func (d *Dataset) Shards() []Shard {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return append([]Shard(nil), d.manifest.Shards...)
}

// Torn returns how many bytes of an unfinished write Open cut off: rows that were never acknowledged.
func (d *Dataset) Torn() int64 { return d.torn }

// Ready returns nil as long as it makes sense to ask for more rows. After the disk was found full it returns an error
// that is [ErrFull], while Append still takes rows that are on their way, as far as the reserve goes.
func (d *Dataset) Ready() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.err
}

// Seal finishes the shard in progress, so that all rows are in files which any Arrow reader opens. The dataset stays
// open; the next row begins a new shard.
func (d *Dataset) Seal() error {
	if d.options.ReadOnly {
		return errReadOnly
	}
	d.commit.Lock()
	defer d.commit.Unlock()
	return d.seal()
}

// Close lets go of files and of the lock. It does not seal: the shard in progress is continued by the next Open.
func (d *Dataset) Close() error {
	d.commit.Lock()
	defer d.commit.Unlock()
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	var err error
	if d.stream != nil {
		err = d.stream.file.Close()
		d.stream = nil
	}
	if d.lock != nil {
		os.Remove(d.reservePath())
		err = errors.Join(err, d.lock.Close())
		d.lock = nil
	}
	return err
}
