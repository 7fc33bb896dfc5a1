package checkpoint

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// ErrDamaged says that a checkpoint's file is cut short or altered.
var ErrDamaged = errors.New("damaged")

// ErrOther says that a checkpoint is whole but holds other arrays than asked for: it is of another model or optimizer.
var ErrOther = errors.New("checkpoint is of another model or optimizer")

// Load verifies the checkpoint in a folder, then fills the arrays, and returns the JSON document. The arrays are all that
// were saved, in any order.
func Load(path string, arrays []Array) (json.RawMessage, error) {
	name := filepath.Join(path, fileName)
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) { // a crash between two renames
		f, err = os.Open(filepath.Join(path+".old", fileName))
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	h, body, err := verify(f)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	if err := fill(io.NewSectionReader(f, body, math.MaxInt64-body), h, arrays); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return h.Meta, nil
}

// verify reads the whole file once, and returns its header and where the arrays start.
func verify(f *os.File) (h header, body int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return h, 0, err
	}
	size := info.Size()
	start := make([]byte, 16)
	if _, err := f.ReadAt(start, 0); err != nil || !bytes.Equal(start[:8], []byte(magic)) {
		return h, 0, fmt.Errorf("%w: no checkpoint's beginning", ErrDamaged)
	}
	length := binary.LittleEndian.Uint64(start[8:])
	if length > maxHeader || int64(length) > size-24 {
		return h, 0, fmt.Errorf("%w: header of %d bytes in a file of %d", ErrDamaged, length, size)
	}
	hash, sum := xxhash.New(), make([]byte, 8)
	if _, err := io.Copy(hash, io.NewSectionReader(f, 0, size-8)); err != nil {
		return h, 0, err
	}
	if _, err := f.ReadAt(sum, size-8); err != nil {
		return h, 0, err
	}
	if binary.LittleEndian.Uint64(sum) != hash.Sum64() {
		return h, 0, fmt.Errorf("%w: checksum", ErrDamaged)
	}
	head := make([]byte, length)
	if _, err := f.ReadAt(head, 16); err != nil {
		return h, 0, err
	}
	if err := json.Unmarshal(head, &h); err != nil {
		return h, 0, fmt.Errorf("%w: header: %w", ErrDamaged, err)
	}
	left := (size - 24 - int64(length)) / 4
	for _, a := range h.Arrays {
		if a.Length < 0 || int64(a.Length) > left {
			return h, 0, fmt.Errorf("%w: array %q of %d elements", ErrDamaged, a.Name, a.Length)
		}
		left -= int64(a.Length)
	}
	return h, 16 + int64(length), nil
}

// fill reads the arrays, in the order of the header.
func fill(r io.Reader, h header, arrays []Array) error {
	byName := map[string][]float32{}
	for _, a := range arrays {
		byName[a.Name] = a.Data
	}
	if len(h.Arrays) != len(byName) {
		return fmt.Errorf("%w: %d arrays, not %d", ErrOther, len(h.Arrays), len(byName))
	}
	for _, a := range h.Arrays {
		if data, ok := byName[a.Name]; !ok || len(data) != a.Length {
			return fmt.Errorf("%w: array %q of %d elements", ErrOther, a.Name, a.Length)
		}
	}
	buffered := bufio.NewReaderSize(r, 1<<20)
	for _, a := range h.Arrays {
		if err := readFloats(buffered, byName[a.Name]); err != nil {
			return err
		}
	}
	return nil
}

func readFloats(r io.Reader, x []float32) error {
	buf := make([]byte, 4*min(chunk, len(x)))
	for len(x) > 0 {
		n := min(chunk, len(x))
		if _, err := io.ReadFull(r, buf[:4*n]); err != nil {
			return err
		}
		for i := range n {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(buf[4*i:]))
		}
		x = x[n:]
	}
	return nil
}
