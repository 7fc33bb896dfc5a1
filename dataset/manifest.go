package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/seed-d24fde5f/distill/internal/durable"
)

// Manifest lists the finished shards of a dataset, in the order of their rows. It is the file manifest.json.
type Manifest struct {
	Format  string  `json:"format"`  // always "distill.dataset"
	Version string  `json:"version"` // of the schema, the highest of any shard
	Next    int     `json:"next"`    // number of the shard that is or will be in progress
	Shards  []Shard `json:"shards"`
}

// Shard is one finished file.
type Shard struct {
	File  string   `json:"file"` // name within the folder
	Rows  int      `json:"rows"`
	Bytes int64    `json:"bytes"`
	XXH64 Checksum `json:"xxh64"`
}

// Checksum is an xxh64, written as 16 hexadecimal digits.
type Checksum uint64

// MarshalText implements [encoding.TextMarshaler].
func (c Checksum) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(c)), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Checksum) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil || len(text) != 16 {
		return fmt.Errorf("checksum %q is not 16 hexadecimal digits", text)
	}
	*c = Checksum(v)
	return nil
}

const (
	manifestName   = "manifest.json"
	manifestFormat = "distill.dataset"
	indexFolder    = ".index"
)

func shardName(n int) string  { return fmt.Sprintf("shard-%05d.arrow", n) }
func streamName(n int) string { return fmt.Sprintf("shard-%05d.arrows", n) }

// parseManifest decodes and checks a manifest: what it accepts, it writes back equal.
func parseManifest(text []byte) (*Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, errors.New("more after the manifest's end")
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("format %q where %q was expected", m.Format, manifestFormat)
	}
	if err := readable(m.Version); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(m.Shards))
	for _, s := range m.Shards {
		// A manifest that names a file elsewhere must not make anyone read or remove it.
		if s.File == "" || s.File != filepath.Base(s.File) || filepath.Ext(s.File) != ".arrow" || seen[s.File] {
			return nil, fmt.Errorf("shard %q: not a name of its own in this folder", s.File)
		}
		if s.Rows < 0 || int64(s.Rows) > s.Bytes {
			return nil, fmt.Errorf("shard %q: %d rows in %d bytes", s.File, s.Rows, s.Bytes)
		}
		seen[s.File] = true
	}
	if m.Next < 0 || seen[shardName(m.Next)] {
		return nil, fmt.Errorf("next shard %d is among the finished", m.Next)
	}
	return &m, nil
}

// readManifest reads dir's manifest; a folder without one gives an empty manifest and false.
func readManifest(dir string) (*Manifest, bool, error) {
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Manifest{Format: manifestFormat, Version: Version}, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("dataset: %w", err)
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, false, fmt.Errorf("dataset: %s: %w", path, err)
	}
	return m, true, nil
}

func (m *Manifest) write(dir string) error {
	m.Version = Version
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, manifestName), append(text, '\n'))
}
