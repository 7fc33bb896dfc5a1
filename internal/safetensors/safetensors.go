// Package safetensors reads and writes the tensor files of Hugging Face, one or sharded with an index
// (https://huggingface.co/docs/safetensors): eight bytes of length, a JSON header, and the tensors' bytes.
//
//	set, err := safetensors.OpenDir("Qwen2.5-0.5B") // model.safetensors, or the shards its index names
//	defer set.Close()
//	t, ok := set.Tensor("model.norm.weight")
//	raw := t.Data // aliases the memory map
//
// NewWriter streams a file out. The specification's rules are enforced when reading: offsets must cover the data without
// gaps or overlaps and agree with dtype and shape, names are unique, the header is at most 100 MB. The package knows no
// models, and of dtypes only their size.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sort"
)

const (
	maxHeaderBytes = 100_000_000 // the reference implementation's MAX_HEADER_SIZE
	metadataKey    = "__metadata__"
)

// DType is the number format of a tensor, as the header writes it.
type DType string

// The formats models are published in. Others are read as bytes of their size.
const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
)

// Size returns the bytes of an element, or 0 for an unknown format.
func (d DType) Size() int {
	switch d {
	case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3":
		return 1
	case F16, BF16, "I16", "U16":
		return 2
	case F32, "I32", "U32":
		return 4
	case "F64", "I64", "U64":
		return 8
	}
	return 0
}

// Info describes a tensor of a file.
type Info struct {
	Name  string
	DType DType
	Shape []int // outermost first
}

// Bytes returns the size of the tensor's data.
func (t Info) Bytes() int64 {
	n := int64(t.DType.Size())
	for _, d := range t.Shape {
		n *= int64(d)
	}
	return n
}

// Tensor is a tensor of an open file. Data aliases the file, little-endian, and must not be written to.
type Tensor struct {
	Info
	Data []byte
}

// File is one parsed file.
type File struct {
	Metadata map[string]string // of the whole file, commonly {"format": "pt"}; nil when there is none
	Tensors  []Tensor          // in the order of their bytes
}

// entry is a tensor as the header writes it.
type entry struct {
	DType   DType     `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets *[2]int64 `json:"data_offsets"`
}

// Parse reads a file held in data, which the result's tensors alias and which must not change.
func Parse(data []byte) (*File, error) {
	f, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return f, nil
}

func parse(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, errors.New("the file ends before its header length")
	}
	if string(data[:8]) == "version " {
		return nil, errors.New("not a safetensors file but a pointer of Git LFS: git lfs pull fetches what it points to")
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeaderBytes || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("a header of %d bytes in a file of %d", n, len(data))
	}
	f := new(File)
	entries, err := f.header(data[8 : 8+n])
	if err != nil {
		return nil, err
	}
	body := data[8+n:]
	var at int64
	for _, e := range entries {
		size, err := e.check(at, int64(len(body)))
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", e.name, err)
		}
		f.Tensors = append(f.Tensors, Tensor{Info{e.name, e.DType, e.Shape}, body[at : at+size : at+size]})
		at += size
	}
	if at != int64(len(body)) {
		return nil, fmt.Errorf("%d bytes of data belong to no tensor", int64(len(body))-at)
	}
	return f, nil
}

type named struct {
	name string
	entry
}

// header decodes the JSON object token by token, since encoding/json would silently merge names given twice.
func (f *File) header(text []byte) ([]named, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the header is no JSON object")
	}
	var entries []named
	seen := make(map[string]bool)
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		name := t.(string) // object keys are strings
		if seen[name] {
			return nil, fmt.Errorf("tensor %q: named twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := dec.Decode(&f.Metadata); err != nil {
				return nil, fmt.Errorf("header: %s: %w", metadataKey, err)
			}
			continue
		}
		e := named{name: name}
		if err := dec.Decode(&e.entry); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if e.Offsets == nil || e.Shape == nil {
			return nil, fmt.Errorf("tensor %q: no data_offsets or no shape", name)
		}
		entries = append(entries, e)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if rest, _ := io.ReadAll(io.MultiReader(dec.Buffered())); len(bytes.TrimRight(rest, " \n")) > 0 {
		return nil, errors.New("the header goes on after its JSON object")
	}
	sort.SliceStable(entries, func(a, b int) bool {
		x, y := entries[a].Offsets, entries[b].Offsets
		return x[0] < y[0] || x[0] == y[0] && x[1] < y[1]
	})
	return entries, nil
}

// check holds an entry to the bytes that begin at offset at of a body of the given size, and returns its own size.
func (e *entry) check(at, body int64) (int64, error) {
	width := e.DType.Size()
	if width == 0 {
		return 0, fmt.Errorf("unknown dtype %q", e.DType)
	}
	size := uint64(width)
	for _, d := range e.Shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v: a negative dimension", e.Shape)
		}
		hi, lo := bits.Mul64(size, uint64(d))
		if hi != 0 || lo > uint64(body) {
			return 0, fmt.Errorf("shape %v: more than the %d bytes of the file's data", e.Shape, body)
		}
		size = lo
	}
	switch {
	case e.Offsets[0] != at:
		return 0, fmt.Errorf("data_offsets %v: a gap or an overlap; the data continues at %d", *e.Offsets, at)
	case e.Offsets[1] < e.Offsets[0] || e.Offsets[1]-e.Offsets[0] != int64(size):
		return 0, fmt.Errorf("data_offsets %v do not hold the %d bytes of %s %v", *e.Offsets, size, e.DType, e.Shape)
	case e.Offsets[1] > body:
		return 0, fmt.Errorf("data_offsets %v reach beyond the %d bytes of data", *e.Offsets, body)
	}
	return int64(size), nil
}
