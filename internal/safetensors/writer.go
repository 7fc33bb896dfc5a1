package safetensors

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Writer streams a file: NewWriter writes the header, Write takes the tensors' bytes in the header's order, Close says
// whether all of them came.
type Writer struct {
	out  *bufio.Writer
	left int64 // bytes that are still to come
	err  error
}

// NewWriter writes the header of a file with the given metadata, which may be nil, and tensors to w, which the caller
// keeps and closes. The data starts at a multiple of eight bytes, as the reference implementation has it.
func NewWriter(w io.Writer, metadata map[string]string, tensors []Info) (*Writer, error) {
	header, total, err := encodeHeader(metadata, tensors)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	out := &Writer{out: bufio.NewWriterSize(w, 1<<16), left: total}
	out.out.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))
	_, out.err = out.out.Write(header)
	return out, out.err
}

func encodeHeader(metadata map[string]string, tensors []Info) (header []byte, total int64, err error) {
	b := []byte{'{'}
	add := func(name string, value any) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		key, _ := json.Marshal(name) // texts and plain structs cannot fail
		text, _ := json.Marshal(value)
		b = append(append(append(b, key...), ':'), text...)
	}
	if metadata != nil {
		add(metadataKey, metadata)
	}
	seen := map[string]bool{metadataKey: true}
	for _, t := range tensors {
		if seen[t.Name] || t.DType.Size() == 0 {
			return nil, 0, fmt.Errorf("tensor %q: the name is given twice, or %q is no dtype", t.Name, t.DType)
		}
		seen[t.Name] = true
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		add(t.Name, entry{t.DType, shape, &[2]int64{total, total + t.Bytes()}})
		total += t.Bytes()
	}
	b = append(b, '}')
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	return b, total, nil
}

// Write takes the next bytes of the tensors; one call may span several of them.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err == nil && int64(len(p)) > w.left {
		w.err = errors.New("safetensors: more data than the header's tensors take")
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.out.Write(p)
	w.left -= int64(n)
	w.err = err
	return n, err
}

// Close writes what is buffered and returns an error if data is missing or anything failed before.
func (w *Writer) Close() error {
	if w.err == nil && w.left > 0 {
		w.err = fmt.Errorf("safetensors: %d bytes of data are missing", w.left)
	}
	if w.err != nil {
		return w.err
	}
	return w.out.Flush()
}
