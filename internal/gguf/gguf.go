// Package gguf reads and writes GGUF, the model file format of ggml and llama.cpp, versions 2 and 3
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
//
// A file is typed metadata, a table of tensors and, aligned, their bytes. Open maps a file into memory, so its tensors
// cost nothing until they are touched:
//
//	f, err := gguf.Open("model.gguf")
//	defer f.Close()
//	arch, _ := f.Metadata.String("general.architecture")
//	data := f.Data(f.Tensors[0])
//
// NewWriter streams a file out: metadata and table first, then each tensor's bytes as they come.
//
// Nothing in a file is believed: every count and length is held against the bytes that remain before anything is
// allocated, tensors must lie inside the file, aligned and apart, and an error names the field that is wrong. What is
// deliberately left out: version 1, big-endian files, files split over several parts. The package knows no models.
package gguf

import (
	"fmt"
	"sort"

	"github.com/seed-d24fde5f/distill/internal/mmap"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

const (
	magic            = "GGUF"
	keyAlignment     = "general.alignment"
	defaultAlignment = 32
	maxDims          = 4 // ggml's GGML_MAX_DIMS
	maxNesting       = 4 // arrays of arrays; nothing known nests at all
	maxAlignment     = 1 << 20
	maxNameBytes     = 64 // ggml's GGML_MAX_NAME, with its closing zero
)

// TensorInfo describes a tensor of a file.
type TensorInfo struct {
	Name   string
	Type   quant.Type
	Shape  []int // outermost first, as in C: a matrix is (rows, columns). The file stores the reverse.
	Offset int64 // of the first byte, from the start of the file's data section
}

// Elements returns the number of values of the tensor.
func (t TensorInfo) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Bytes returns the size of the tensor's data.
func (t TensorInfo) Bytes() int64 { return int64(t.Type.RowBytes(t.Elements())) }

// File is a GGUF file in memory or mapped into it. It may be read by many goroutines at once.
type File struct {
	Version   uint32
	Alignment int
	Metadata  *Metadata
	Tensors   []TensorInfo // in the file's order

	data   []byte // the data section
	unmap  func() error
	byName map[string]int
}

// Open maps the file at path into memory and parses it. The caller must Close it, after which no data of it may be used.
func Open(path string) (*File, error) {
	data, unmap, err := mmap.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	f, err := Parse(data)
	if err != nil {
		_ = unmap() // the first error is the one to tell
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	f.unmap = unmap
	return f, nil
}

// Parse reads a file held in data, which the result keeps a reference to and which must not change.
func Parse(data []byte) (*File, error) {
	r := &reader{data: data}
	f, err := r.file()
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	return f, nil
}

// Close releases the memory map of a file that was opened; it does nothing for one that was parsed.
func (f *File) Close() error {
	if f.unmap == nil {
		return nil
	}
	unmap := f.unmap
	f.unmap, f.data = nil, nil
	return unmap()
}

// Tensor returns the description of the tensor with the given name.
func (f *File) Tensor(name string) (TensorInfo, bool) {
	i, ok := f.byName[name]
	if !ok {
		return TensorInfo{}, false
	}
	return f.Tensors[i], true
}

// Data returns the bytes of a tensor of this file, little-endian, row after row. They alias the file and must not be
// written to.
func (f *File) Data(t TensorInfo) []byte {
	return f.data[t.Offset : t.Offset+t.Bytes() : t.Offset+t.Bytes()]
}

func (f *File) index() error {
	f.byName = make(map[string]int, len(f.Tensors))
	for i, t := range f.Tensors {
		if _, twice := f.byName[t.Name]; twice {
			return fmt.Errorf("tensor %q: named twice", t.Name)
		}
		f.byName[t.Name] = i
	}
	return f.checkExtents()
}

// checkExtents holds every tensor to the alignment, to the data section, and apart from the others.
func (f *File) checkExtents() error {
	order := make([]int, len(f.Tensors))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return f.Tensors[order[a]].Offset < f.Tensors[order[b]].Offset })
	var end int64
	for n, i := range order {
		t := f.Tensors[i]
		switch {
		case t.Offset%int64(f.Alignment) != 0:
			return fmt.Errorf("tensor %q: offset %d is not a multiple of the alignment %d", t.Name, t.Offset, f.Alignment)
		case t.Offset > int64(len(f.data)) || t.Bytes() > int64(len(f.data))-t.Offset:
			return fmt.Errorf("tensor %q: %d bytes at offset %d reach beyond the %d bytes of data", t.Name, t.Bytes(), t.Offset, len(f.data))
		case n > 0 && t.Offset < end:
			return fmt.Errorf("tensor %q: overlaps tensor %q", t.Name, f.Tensors[order[n-1]].Name)
		}
		end = t.Offset + t.Bytes()
	}
	return nil
}
