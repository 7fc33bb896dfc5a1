package dataset

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Finishing a shard goes through several states on the disk; a crash in any of them loses no row and repeats none.
func TestCrashWhileSealing(t *testing.T) {
	const n = 30
	dir := t.TempDir()
	d := open(t, dir, Options{})
	if err := d.Append(context.Background(), plain(0, n)...); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	stream, before := read(streamName(0)), read(manifestName)
	if err := d.Seal(); err != nil {
		t.Fatal(err)
	}
	d.Close()
	shard, after := read(shardName(0)), read(manifestName)

	for name, files := range map[string]map[string][]byte{
		"half a shard under its temporary name": {manifestName: before, streamName(0): stream, shardName(0) + ".tmp": shard[:len(shard)/2]},
		"the shard is named, not listed":        {manifestName: before, streamName(0): stream, shardName(0): shard},
		"half a manifest":                       {manifestName: before, streamName(0): stream, shardName(0): shard, manifestName + ".tmp": after[:9]},
		"listed, the stream still there":        {manifestName: after, streamName(0): stream, shardName(0): shard},
		"done, without the index":               {manifestName: after, shardName(0): shard},
	} {
		dir := t.TempDir()
		for file, content := range files {
			os.WriteFile(filepath.Join(dir, file), content, 0o644)
		}
		if got := open(t, dir, Options{ReadOnly: true}).Len(); got != n {
			t.Errorf("%s: a reader sees %d rows", name, got)
		}
		d := open(t, dir, Options{})
		if err := d.Append(context.Background(), plain(n-1, 3)...); err != nil { // the first is there already
			t.Fatal(err)
		}
		if err := d.Seal(); err != nil {
			t.Fatal(name, err)
		}
		if rows := collect(t, d); len(rows) != n+2 || d.Len() != n+2 {
			t.Errorf("%s: %d rows", name, len(rows))
		}
		if problems, err := Check(dir); err != nil || len(problems) > 0 {
			t.Errorf("%s: %v %v", name, problems, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
			t.Errorf("%s: %v left", name, left)
		}
		if _, err := os.Stat(filepath.Join(dir, streamName(0))); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the stream is still there", name)
		}
	}
}

// A reader whose ids cannot be loaded does not pretend that nothing was wrong.
func TestReaderWithoutIDsSaysSo(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{})
	d.Append(context.Background(), plain(0, 3)...)
	d.Seal()
	d.Close()
	os.RemoveAll(filepath.Join(dir, indexFolder))
	path := filepath.Join(dir, shardName(0))
	b, _ := os.ReadFile(path)
	b[len(b)/2] ^= 1
	os.WriteFile(path, b, 0o644)
	reader := open(t, dir, Options{ReadOnly: true})
	if reader.Has(plain(0, 1)[0].ID) || reader.Ready() == nil {
		t.Error("a damaged shard went unnoticed")
	}
}
