package dataset

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-d24fde5f/distill"
)

// A dataset written in bulk equals one that was appended, whatever the size of its shards, and merging parts gives the
// whole.
func TestWriteAndMerge(t *testing.T) {
	rows := plain(0, 300)
	dir := t.TempDir()
	for name, options := range map[string]Options{"one": {}, "many": {ShardBytes: 10 << 10}} {
		path := filepath.Join(dir, name)
		got, err := Write(path, options, Concat(sequence(rows[:200]), sequence(rows[100:])))
		if err != nil || got != (Written{300, 100}) {
			t.Fatalf("%s: %+v %v", name, got, err)
		}
		d := open(t, path, Options{})
		if diff := cmp.Diff(rows, collect(t, d), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
		if !d.Has(rows[299].ID) || d.Len() != 300 {
			t.Errorf("%s: %d rows", name, d.Len())
		}
		if problems, err := Check(path); err != nil || len(problems) > 0 {
			t.Errorf("%s: %v %v", name, problems, err)
		}
	}
	even := Where(sequence(rows), func(r *distill.Row) bool { return r.CreatedAt.UnixMicro()%2 == 0 })
	if got, err := Write(filepath.Join(dir, "even"), Options{}, even); err != nil || got.Rows != 150 {
		t.Errorf("half of it: %+v %v", got, err)
	}
	if _, err := Write(filepath.Join(dir, "one"), Options{}, sequence(rows)); !errors.Is(err, os.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	if got, err := Write(filepath.Join(dir, "none"), Options{}, sequence(nil)); err != nil || got.Rows != 0 {
		t.Errorf("nothing: %+v %v", got, err)
	}
}

// What fails leaves no dataset behind, and the folder can be tried again.
func TestWriteFailsWithoutRemains(t *testing.T) {
	wrong := errors.New("wrong")
	failing := func(after int) iter.Seq2[distill.Row, error] {
		return Concat(sequence(plain(0, after)), func(yield func(distill.Row, error) bool) { yield(distill.Row{}, wrong) })
	}
	dir := filepath.Join(t.TempDir(), "data")
	for _, after := range []int{0, 10, 10000} {
		if _, err := Write(dir, Options{ShardBytes: 1 << 20}, failing(after)); !errors.Is(err, wrong) {
			t.Fatal(err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			left, _ := os.ReadDir(dir)
			t.Fatalf("after %d rows: %v", after, left)
		}
	}
	if _, err := Write(dir, Options{}, sequence(make([]distill.Row, 1))); err == nil {
		t.Error("a row without an id accepted")
	}
}
