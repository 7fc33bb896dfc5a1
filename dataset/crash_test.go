package dataset

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
)

var (
	crashKills = flag.Int("crash.kills", 8, "times that the crash test kills the writer")
	crashRows  = flag.Int("crash.rows", 1500, "rows that the crash test writes")
)

const crashDir = "DISTILL_TEST_CRASH_DIR"

// crashChild is the program that is killed: many goroutines ask for what is not there yet and append it. Before it
// calls an answer written it leaves a line on standard output, as a bill would.
func crashChild(dir string) {
	total, _ := strconv.Atoi(os.Getenv("DISTILL_TEST_CRASH_ROWS"))
	d, err := Open(dir, Options{ShardBytes: 128 << 10, Origin: Origin{Signal: distill.Sampled}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	var wg sync.WaitGroup
	next := make(chan int)
	for range 16 {
		wg.Go(func() {
			for i := range next {
				row := crashRow(i)
				if d.Has(row.ID) {
					continue
				}
				if err := d.Append(context.Background(), row); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(3)
				}
				// One write for one line: a kill cannot tear it from another's.
				os.Stdout.WriteString("written " + row.ID + "\n")
			}
		})
	}
	for i := range total {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := d.Seal(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(0)
}

func crashRow(i int) distill.Row {
	row := plain(i, 1)[0]
	row.TokenIDs = []distill.Token{int32(i), 2}
	row.Signal = &distill.Signal{Kind: distill.Sampled}
	row.Signal.Append([]int32{int32(i), 1 << 20}, []float32{-0.5, -1})
	row.Signal.Append([]int32{2}, []float32{0})
	return row
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashChild(dir)
	}
	os.Exit(m.Run())
}

// Killed again and again at random moments, a run ends with every row once, whole, and none that was acknowledged was
// ever asked for again.
func TestSIGKILL(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	written := make(map[string]int)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	run := func(kill time.Duration) (finished bool) {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashDir+"="+dir, "DISTILL_TEST_CRASH_ROWS="+strconv.Itoa(*crashRows))
		var out, errs strings.Builder
		child.Stdout, child.Stderr = &out, &errs
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if kill > 0 {
			timer := time.AfterFunc(kill, func() { child.Process.Kill() })
			defer timer.Stop()
		}
		err := child.Wait()
		for line := range strings.Lines(out.String()) {
			if id, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "written "); ok && strings.HasSuffix(line, "\n") {
				written[id]++
			}
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() >= 0 {
			t.Fatalf("the writer failed: %v: %s", err, errs.String())
		}
		return err == nil
	}
	kills := 0
	for kills < *crashKills {
		// Mostly early, so that many kills fall into one run; some in the middle of opening.
		if !run(time.Duration(5+random.IntN(120)) * time.Millisecond) {
			kills++
			continue
		}
		// All is written: what follows would only open and close.
		t.Logf("finished after %d kills", kills)
		break
	}
	if !run(0) {
		t.Fatal("the last run was killed by nobody")
	}
	for id, n := range written {
		if n != 1 {
			t.Errorf("row %s was acknowledged %d times", id, n)
		}
	}
	d := open(t, dir, Options{ReadOnly: true})
	seen := make(map[string]bool)
	for row, err := range d.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if seen[row.ID] {
			t.Fatalf("row %s twice", row.ID)
		}
		seen[row.ID] = true
		i, _ := strconv.Atoi(strings.TrimPrefix(row.Prompt.ID, "p"))
		if want := crashRow(i); row.Response != want.Response || row.Signal.IDs[0] != int32(i) {
			t.Fatalf("row %d came back as %+v", i, row)
		}
	}
	for id := range written {
		if !seen[id] {
			t.Errorf("row %s was acknowledged and is lost", id)
		}
	}
	if len(seen) != *crashRows {
		t.Errorf("%d rows of %d", len(seen), *crashRows)
	}
}

// Wherever a crash tears the stream, the batches before the tear are there and writing goes on; no byte of it makes
// the reader fail.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{})
	var ends []int64
	for i := range 4 {
		d.Append(context.Background(), plain(i, 1)...)
		ends = append(ends, d.tail.size)
	}
	d.Close()
	path := filepath.Join(dir, streamName(0))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 149
	for cut := 0; cut < len(whole); cut += step {
		for _, tail := range [][]byte{nil, make([]byte, min(len(whole)-cut, 500)), []byte("garbage")} {
			torn := append(append([]byte{}, whole[:cut]...), tail...)
			os.WriteFile(path, torn, 0o644)
			want := 0
			for _, end := range ends { // the zeros of a tail may be those of the padding they replace
				if int64(len(torn)) >= end && string(torn[:end]) == string(whole[:end]) {
					want++
				}
			}
			if n := open(t, dir, Options{ReadOnly: true}).Len(); n != want {
				t.Fatalf("cut at %d: a reader sees %d rows where %d are whole", cut, n, want)
			}
			d, err := Open(dir, Options{Reserve: -1})
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if d.Len() != want {
				t.Fatalf("cut at %d: %d rows where %d are whole", cut, d.Len(), want)
			}
			if cut%(step*4) == 0 {
				if err := d.Append(context.Background(), plain(100, 2)...); err != nil {
					t.Fatal(err)
				}
				if rows := collect(t, d); len(rows) != want+2 || rows[want].Prompt.ID != "p100" {
					t.Fatalf("cut at %d: %d rows after two more", cut, len(rows))
				}
			}
			d.Close()
		}
	}
}

// Damage in the middle is no crash's doing: it is reported, and what is whole on both sides can be kept.
func TestDamageInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{})
	var ends []int64
	for i := range 3 {
		d.Append(context.Background(), plain(i, 1)...)
		ends = append(ends, d.tail.size)
	}
	d.Close()
	path := filepath.Join(dir, streamName(0))
	b, _ := os.ReadFile(path)
	b[ends[0]+(ends[1]-ends[0])/2] ^= 1
	os.WriteFile(path, b, 0o644)
	_, err := Open(dir, Options{})
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Fatalf("damage: %v", err)
	}
	d = open(t, dir, Options{Repair: true})
	rows := collect(t, d)
	if len(rows) != 2 || rows[0].Prompt.ID != "p0" || rows[1].Prompt.ID != "p2" || d.Has(plain(1, 1)[0].ID) {
		t.Fatalf("%d rows kept", len(rows))
	}
	if kept, _ := os.ReadFile(path + ".damaged"); string(kept) != string(b) {
		t.Error("the damaged file is gone")
	}
}

// A finished shard that changed on the disk, in any bit, is an error that names it; so is a shard that is missing.
func TestDamagedShard(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{})
	d.Append(context.Background(), plain(0, 20)...)
	d.Seal()
	d.Close()
	path := filepath.Join(dir, shardName(0))
	whole, _ := os.ReadFile(path)
	read := func() (err error) {
		d, err := Open(dir, Options{ReadOnly: true})
		if err != nil {
			return err
		}
		for _, e := range d.Rows() {
			err = e
		}
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(whole); i += 61 {
		b := append([]byte{}, whole...)
		b[i] ^= 0x10
		os.WriteFile(path, b, 0o644)
		if err := read(); err == nil || !strings.Contains(err.Error(), path) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	os.WriteFile(path, whole[:len(whole)-1], 0o644)
	if err := read(); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("cut: %v", err)
	}
	os.Remove(path)
	if err := read(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("missing: %v", err)
	}
}

// fullDisk is a file on a disk with room for so many bytes more; whoever removes the reserve makes room.
type fullDisk struct {
	streamFile
	room    *int64
	reserve string
	gained  bool
	syncErr error
}

func (f *fullDisk) WriteAt(p []byte, at int64) (int, error) {
	if _, err := os.Stat(f.reserve); err != nil && !f.gained {
		f.gained = true
		*f.room += 1 << 20
	}
	if int64(len(p)) > *f.room {
		n := int(*f.room) // a full disk takes a part
		f.streamFile.WriteAt(p[:n], at)
		return n, syscall.ENOSPC
	}
	*f.room -= int64(len(p))
	return f.streamFile.WriteAt(p, at)
}

func (f *fullDisk) Sync() error {
	if f.syncErr != nil {
		return f.syncErr
	}
	return f.streamFile.Sync()
}

// When the disk fills, Ready says so, rows on their way still fit the reserve, and after that nothing half-written is
// left and nothing acknowledged is lost.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{Reserve: 1 << 20})
	d.Append(context.Background(), plain(0, 1)...)
	room := int64(20 << 10)
	d.stream.file = &fullDisk{streamFile: d.stream.file, room: &room, reserve: d.reservePath()}
	acknowledged, afterFull := 1, 0
	var failed error
	for i := 1; i < 2000 && failed == nil; i++ {
		if failed = d.Append(context.Background(), plain(i, 1)...); failed == nil {
			acknowledged++
			if d.Ready() != nil {
				afterFull++
			}
		}
	}
	if !errors.Is(failed, syscall.ENOSPC) || !errors.Is(d.Ready(), ErrFull) {
		t.Fatalf("append: %v, ready: %v", failed, d.Ready())
	}
	if afterFull < 64 {
		t.Errorf("the reserve took %d rows", afterFull)
	}
	if got := len(collect(t, d)); got != acknowledged {
		t.Errorf("%d rows of %d acknowledged", got, acknowledged)
	}
	d.Close()
	d = open(t, dir, Options{})
	if d.Len() != acknowledged || d.Torn() != 0 || d.Ready() != nil {
		t.Errorf("opened again: %d rows of %d, %d bytes torn, ready: %v", d.Len(), acknowledged, d.Torn(), d.Ready())
	}
}

// After a failed sync nothing is acknowledged any more: the disk may have dropped what it took before.
func TestFailedSyncIsFinal(t *testing.T) {
	d := open(t, t.TempDir(), Options{})
	d.Append(context.Background(), plain(0, 1)...)
	disk := &fullDisk{streamFile: d.stream.file, room: new(int64), syncErr: syscall.EIO}
	*disk.room = 1 << 30
	d.stream.file = disk
	if err := d.Append(context.Background(), plain(1, 1)...); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	disk.syncErr = nil
	if err := d.Append(context.Background(), plain(2, 1)...); !errors.Is(err, syscall.EIO) || d.Len() != 1 {
		t.Fatalf("after a failed sync: %v", err)
	}
}
