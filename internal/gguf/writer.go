package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Writer streams a version 3 file: the head is written by NewWriter, the tensors' bytes follow in order through Write
// or WriteTensor, with any padding put in by the Writer. Close says whether all of them came. It holds no tensor.
type Writer struct {
	out       *bufio.Writer
	tensors   []TensorInfo
	alignment int64
	current   int   // tensor being written
	left      int64 // bytes it still lacks
	err       error // the first failure, returned ever after
}

// NewWriter writes the head of a file, metadata and tensor table, to w. Of each tensor Name, Type and Shape count; the
// offsets are computed, in order, and set in the slice. The alignment is general.alignment, or 32. The caller keeps w
// and closes it after the Writer.
func NewWriter(w io.Writer, metadata *Metadata, tensors []TensorInfo) (*Writer, error) {
	out := &Writer{out: bufio.NewWriterSize(w, 1<<16), tensors: tensors, alignment: defaultAlignment}
	if a, ok := metadata.Int(keyAlignment); ok {
		if a <= 0 || a > maxAlignment || a&(a-1) != 0 {
			return nil, fmt.Errorf("gguf: %s must be a power of two up to %d", keyAlignment, maxAlignment)
		}
		out.alignment = int64(a)
	}
	if err := out.layout(); err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	head := appendHead(nil, metadata, tensors)
	out.out.Write(head)
	out.pad(int64(len(head)))
	if len(tensors) > 0 {
		out.left = tensors[0].Bytes()
	}
	out.advance()
	return out, nil
}

func (w *Writer) layout() error {
	seen := make(map[string]bool, len(w.tensors))
	var at int64
	for i := range w.tensors {
		t := &w.tensors[i]
		switch {
		case len(t.Name) >= maxNameBytes || seen[t.Name]:
			return fmt.Errorf("tensor %q: the name is too long or given twice", t.Name)
		case !t.Type.Known():
			return fmt.Errorf("tensor %q: %v", t.Name, t.Type)
		case len(t.Shape) == 0 || len(t.Shape) > maxDims:
			return fmt.Errorf("tensor %q: %d dimensions", t.Name, len(t.Shape))
		case rowLength(t.Shape)%t.Type.BlockSize() != 0:
			return fmt.Errorf("tensor %q: rows of %d elements are no multiple of %s's block of %d", t.Name, rowLength(t.Shape), t.Type, t.Type.BlockSize())
		}
		seen[t.Name] = true
		t.Offset = at
		at += t.Bytes() + w.padding(t.Bytes())
	}
	return nil
}

// Write takes the next bytes of the tensors in the table's order; one call may span several tensors.
func (w *Writer) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 && w.err == nil {
		if w.current == len(w.tensors) {
			w.err = errors.New("gguf: more data than the tensors of the table take")
			break
		}
		part := p[:min(int64(len(p)), w.left)]
		k, err := w.out.Write(part)
		n, w.left, w.err = n+k, w.left-int64(k), err
		p = p[k:]
		w.advance()
	}
	return n, w.err
}

// WriteTensor writes the whole next tensor, which must have the given name and as many bytes.
func (w *Writer) WriteTensor(name string, data []byte) error {
	if w.err == nil {
		switch {
		case w.current == len(w.tensors) || w.tensors[w.current].Name != name:
			w.err = fmt.Errorf("gguf: tensor %q does not come next", name)
		case w.left != int64(len(data)):
			w.err = fmt.Errorf("gguf: tensor %q: %d bytes given, %d wanted", name, len(data), w.left)
		}
	}
	if w.err == nil {
		_, _ = w.Write(data) // keeps its error
	}
	return w.err
}

// Close writes what is buffered and returns an error if a tensor is incomplete or anything failed before.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if w.current < len(w.tensors) {
		return fmt.Errorf("gguf: tensor %q lacks %d bytes", w.tensors[w.current].Name, w.left)
	}
	return w.out.Flush()
}

// advance moves on from complete tensors, padding after each.
func (w *Writer) advance() {
	for w.current < len(w.tensors) && w.left == 0 {
		w.pad(w.tensors[w.current].Bytes())
		if w.current++; w.current < len(w.tensors) {
			w.left = w.tensors[w.current].Bytes()
		}
	}
}

func (w *Writer) padding(size int64) int64 { return (w.alignment - size%w.alignment) % w.alignment }

func (w *Writer) pad(size int64) {
	for range w.padding(size) {
		if err := w.out.WriteByte(0); err != nil && w.err == nil {
			w.err = err
		}
	}
}

func appendHead(b []byte, m *Metadata, tensors []TensorInfo) []byte {
	le := binary.LittleEndian
	b = append(b, magic...)
	b = le.AppendUint32(b, 3)
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(m.Len()))
	for _, key := range m.Keys() {
		value, _ := m.Get(key)
		t, _ := typeOf(value)
		b = appendText(b, key)
		b = le.AppendUint32(b, uint32(t))
		b = appendValue(b, value)
	}
	for _, t := range tensors {
		b = appendText(b, t.Name)
		b = le.AppendUint32(b, uint32(len(t.Shape)))
		for i := len(t.Shape) - 1; i >= 0; i-- {
			b = le.AppendUint64(b, uint64(t.Shape[i]))
		}
		b = le.AppendUint32(b, uint32(t.Type))
		b = le.AppendUint64(b, uint64(t.Offset))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

func appendValue(b []byte, value any) []byte {
	le := binary.LittleEndian
	switch v := value.(type) {
	case uint8:
		return append(b, v)
	case int8:
		return append(b, uint8(v))
	case bool:
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	case uint16:
		return le.AppendUint16(b, v)
	case int16:
		return le.AppendUint16(b, uint16(v))
	case uint32:
		return le.AppendUint32(b, v)
	case int32:
		return le.AppendUint32(b, uint32(v))
	case float32:
		return le.AppendUint32(b, math.Float32bits(v))
	case uint64:
		return le.AppendUint64(b, v)
	case int64:
		return le.AppendUint64(b, uint64(v))
	case float64:
		return le.AppendUint64(b, math.Float64bits(v))
	case string:
		return appendText(b, v)
	}
	return appendArray(b, value)
}

func appendArray(b []byte, value any) []byte {
	t, _ := elemType(value)
	b = binary.LittleEndian.AppendUint32(b, uint32(t))
	switch v := value.(type) {
	case []uint8:
		return appendElements(b, v)
	case []int8:
		return appendElements(b, v)
	case []uint16:
		return appendElements(b, v)
	case []int16:
		return appendElements(b, v)
	case []uint32:
		return appendElements(b, v)
	case []int32:
		return appendElements(b, v)
	case []float32:
		return appendElements(b, v)
	case []bool:
		return appendElements(b, v)
	case []string:
		return appendElements(b, v)
	case []uint64:
		return appendElements(b, v)
	case []int64:
		return appendElements(b, v)
	case []float64:
		return appendElements(b, v)
	case Nested:
		b = binary.LittleEndian.AppendUint64(b, uint64(len(v)))
		for _, inner := range v {
			b = appendArray(b, inner)
		}
	}
	return b
}

func appendElements[T any](b []byte, v []T) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(v)))
	for _, x := range v {
		b = appendValue(b, x)
	}
	return b
}
