package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the manifest's parser accepts, it writes back equal.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":"distill.dataset","version":"1","next":1,"shards":[{"file":"shard-00000.arrow","rows":1,"bytes":2,"xxh64":"00000000000000ff"}]}`))
	f.Add([]byte(`{"format":"distill.dataset","version":"1","next":0,"shards":null}`))
	f.Add([]byte(`{"format":"distill.dataset","version":"1","next":0,"shards":[{"file":"../x.arrow"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		for _, s := range m.Shards {
			if filepath.Base(s.File) != s.File {
				t.Fatalf("a shard elsewhere: %q", s.File)
			}
		}
		again, _ := json.Marshal(m)
		back, err := parseManifest(again)
		if err != nil || !cmp.Equal(m, back) {
			t.Fatalf("%s: %v", again, err)
		}
	})
}

// Whatever is in a stream's file, reading gives rows or an error, never a panic, and opening for writing leaves a file
// that reads the same again.
func FuzzStream(f *testing.F) {
	dir := f.TempDir()
	d, err := Open(dir, Options{Reserve: -1})
	if err != nil {
		f.Fatal(err)
	}
	d.Append(context.Background(), plain(0, 2)...)
	d.Append(context.Background(), plain(2, 1)...)
	d.Close()
	path := filepath.Join(dir, streamName(0))
	whole, _ := os.ReadFile(path)
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x.arrows")
		os.WriteFile(path, content, 0o644)
		books := new(account)
		first, err := scanStream(path, books)
		if err != nil {
			return
		}
		if len(books.keys) != first.rows {
			t.Fatalf("%d keys of %d rows", len(books.keys), first.rows)
		}
		for record, err := range streamBatches(tail{path, first.size, first.rows}) {
			if err == nil {
				_, err = columnsOf(record)
			}
			if err != nil {
				return // an intact checksum over what is not ours
			}
		}
		os.WriteFile(path, content[:first.size], 0o644)
		if second, err := scanStream(path, new(account)); err != nil || second.rows != first.rows || second.size != first.size {
			t.Fatalf("%+v, then %+v, %v", first, second, err)
		}
	})
}

// A finished file without the protection of its checksum: decoding never panics.
func FuzzBatches(f *testing.F) {
	dir := f.TempDir()
	for _, compression := range []Compression{None, LZ4, Zstd} {
		d, err := Open(filepath.Join(dir, string(compression)), Options{Reserve: -1, Compression: compression})
		if err != nil {
			f.Fatal(err)
		}
		d.Append(context.Background(), plain(0, 2)...)
		d.Seal()
		d.Close()
		whole, _ := os.ReadFile(filepath.Join(dir, string(compression), shardName(0)))
		f.Add(whole)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r := bytes.NewReader(content)
		size, err := seekStream(r, int64(len(content)))
		if err != nil {
			return
		}
		for record, err := range readBatches(r, size) {
			if err != nil {
				return
			}
			columns, err := columnsOf(record)
			if err != nil {
				return
			}
			for i := range int(record.NumRows()) {
				if _, err := rowOf(columns, i); err != nil {
					return
				}
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(indexMark+"0000000000000000"), 1)
	f.Fuzz(func(t *testing.T, content []byte, rows int) {
		if books, err := parseIndex(content, Shard{Rows: rows}); err == nil && len(books.keys) != rows {
			t.Fatal(len(books.keys))
		}
	})
}
