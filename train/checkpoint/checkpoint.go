// Package checkpoint keeps the state of a training run on disk: named float32 arrays and a JSON document.
//
//	err := checkpoint.Save(dir, 1200, state)
//	step, meta, err := checkpoint.Newest(dir, arrays, warn)
//
// A checkpoint is a folder step-NNNNNN with one file in it. It is written under another name, synced, and renamed, so it
// is whole or absent; a checksum tells when a disk has damaged it. Newest falls back to the one before, and never
// writes to the caller's arrays before the file has been verified.
//
// # File format, version 1
//
//	8 bytes   "DSTLCKP1"
//	8 bytes   length of the header, little-endian
//	header    JSON: {"meta": …, "arrays": [{"name": …, "length": …}, …]}
//	arrays    float32, little-endian, one after another
//	8 bytes   xxh64 of everything before, little-endian
package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill/internal/durable"
)

const (
	magic     = "DSTLCKP1"
	fileName  = "state.bin"
	maxHeader = 64 << 20
)

// ErrNone says that there is no checkpoint that can be read.
var ErrNone = errors.New("checkpoint: none found")

// Array is one named array. The slice belongs to the run.
type Array struct {
	Name string
	Data []float32
}

// State is what a checkpoint holds.
type State struct {
	Meta   any // marshalled as JSON
	Arrays []Array
}

type header struct {
	Meta   json.RawMessage `json:"meta"`
	Arrays []arrayHeader   `json:"arrays"`
}

type arrayHeader struct {
	Name   string `json:"name"`
	Length int    `json:"length"`
}

// Path returns the folder of a step's checkpoint.
func Path(dir string, step int) string { return filepath.Join(dir, fmt.Sprintf("step-%06d", step)) }

// Save writes the checkpoint of a step, replacing one of the same step.
func Save(dir string, step int, s State) error { return SaveAs(Path(dir, step), s) }

// SaveAs writes a checkpoint to a folder of any name, replacing it.
func SaveAs(path string, s State) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := write(filepath.Join(tmp, fileName), s); err != nil {
		return fmt.Errorf("checkpoint: write %s: %w", path, err)
	}
	if err := durable.SyncFolder(tmp); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	// A folder cannot be renamed over a full one: the old one steps aside, and is found again by Newest if we die here.
	aside := path + ".old"
	os.RemoveAll(aside)
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	os.RemoveAll(aside)
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func write(path string, s State) (err error) {
	meta, err := json.Marshal(s.Meta)
	if err != nil {
		return err
	}
	h := header{Meta: meta}
	for _, a := range s.Arrays {
		h.Arrays = append(h.Arrays, arrayHeader{a.Name, len(a.Data)})
	}
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := xxhash.New()
	buffered := bufio.NewWriterSize(f, 1<<20)
	w := io.MultiWriter(buffered, hash)
	fmt.Fprintf(w, "%s%s%s", magic, binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head)
	for _, a := range s.Arrays {
		if err := writeFloats(w, a.Data); err != nil {
			return err
		}
	}
	buffered.Write(binary.LittleEndian.AppendUint64(nil, hash.Sum64()))
	if err := buffered.Flush(); err != nil { // bufio keeps the first error
		return err
	}
	return f.Sync()
}

const chunk = 16384 // floats converted at once

func writeFloats(w io.Writer, x []float32) error {
	buf := make([]byte, 0, 4*min(chunk, len(x)))
	for part := range slices.Chunk(x, chunk) {
		buf = buf[:0]
		for _, v := range part {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// Steps returns the steps of which dir has a checkpoint, ascending; none if dir does not exist.
func Steps(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var steps []int
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".old") // left by a crash between two renames
		if digits, ok := strings.CutPrefix(name, "step-"); ok && e.IsDir() {
			if n, err := strconv.Atoi(digits); err == nil && n >= 0 {
				steps = append(steps, n)
			}
		}
	}
	slices.Sort(steps)
	return slices.Compact(steps), nil
}

// Newest loads the newest checkpoint that is whole into the given arrays, which must be those that were saved, and
// returns its step and JSON document. For each that is not whole it calls warn and goes on to the one before. It returns
// ErrNone if none is left, and another error if one is whole but holds other arrays.
func Newest(dir string, arrays []Array, warn func(error)) (step int, meta json.RawMessage, err error) {
	steps, err := Steps(dir)
	if err != nil {
		return 0, nil, err
	}
	for _, step := range slices.Backward(steps) {
		meta, err := Load(Path(dir, step), arrays)
		if errors.Is(err, ErrDamaged) || errors.Is(err, os.ErrNotExist) {
			warn(err)
			continue
		}
		return step, meta, err
	}
	return 0, nil, ErrNone
}

// Prune removes all checkpoints but the newest keep, and what crashes have left behind.
func Prune(dir string, keep int) error {
	steps, err := Steps(dir)
	if err != nil {
		return err
	}
	leftovers, _ := filepath.Glob(filepath.Join(dir, ".tmp-*"))
	for i, step := range steps {
		if i < len(steps)-max(1, keep) {
			leftovers = append(leftovers, Path(dir, step), Path(dir, step)+".old")
		}
	}
	for _, path := range leftovers {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		return fmt.Errorf("checkpoint: prune: %w", err)
	}
	return nil
}
