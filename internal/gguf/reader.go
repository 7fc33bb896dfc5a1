package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unsafe"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

var errTruncated = errors.New("the file ends too early")

// reader walks over a file's head. Its methods return errors without the field's name; callers add it.
type reader struct {
	data []byte
	at   int
}

func (r *reader) file() (*File, error) {
	head, err := r.take(8)
	if err != nil {
		return nil, fmt.Errorf("magic: %w", err)
	}
	if string(head) == "version " {
		return nil, errors.New("not a GGUF file but a pointer of Git LFS: git lfs pull fetches what it points to")
	}
	if string(head[:4]) != magic {
		return nil, fmt.Errorf("not a GGUF file: it starts with %q", head[:4])
	}
	f := &File{Version: binary.LittleEndian.Uint32(head[4:]), Metadata: new(Metadata), Alignment: defaultAlignment}
	switch {
	case f.Version&0xffff == 0 && f.Version != 0:
		return nil, errors.New("version: big-endian files are not supported")
	case f.Version < 2 || f.Version > 3:
		return nil, fmt.Errorf("version %d is not supported; versions 2 and 3 are", f.Version)
	}
	// A tensor takes at least 24 bytes of the table (name length, dimensions, type, offset), an entry 13.
	tensors, err := r.count(24)
	if err != nil {
		return nil, fmt.Errorf("tensor count: %w", err)
	}
	entries, err := r.count(13)
	if err != nil {
		return nil, fmt.Errorf("metadata count: %w", err)
	}
	for i := range entries {
		if err := r.entry(f.Metadata); err != nil {
			return nil, fmt.Errorf("metadata entry %d: %w", i, err)
		}
	}
	if err := f.setAlignment(); err != nil {
		return nil, err
	}
	for i := range tensors {
		t, err := r.tensor()
		if err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
		f.Tensors = append(f.Tensors, t)
	}
	if start := padded(r.at, f.Alignment); start < len(r.data) {
		f.data = r.data[start:]
	}
	return f, f.index()
}

func (f *File) setAlignment() error {
	if _, ok := f.Metadata.Get(keyAlignment); !ok {
		return nil
	}
	a, ok := f.Metadata.Int(keyAlignment)
	if !ok || a <= 0 || a > maxAlignment || a&(a-1) != 0 {
		return fmt.Errorf("%s: must be a power of two up to %d", keyAlignment, maxAlignment)
	}
	f.Alignment = a
	return nil
}

func (r *reader) entry(m *Metadata) error {
	key, err := r.text()
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if _, twice := m.Get(key); twice {
		return fmt.Errorf("key %q: given twice", clip(key))
	}
	kind, err := r.uint32()
	if err != nil {
		return fmt.Errorf("key %q: type: %w", clip(key), err)
	}
	value, err := r.value(valueType(kind), 0)
	if err != nil {
		return fmt.Errorf("key %q: %w", clip(key), err)
	}
	m.Set(key, value)
	return nil
}

func (r *reader) value(t valueType, depth int) (any, error) {
	switch t {
	case typeString:
		return r.text()
	case typeArray:
		return r.array(depth + 1)
	}
	b, err := r.take(t.width())
	if err != nil {
		return nil, err
	}
	switch t {
	case typeUint8:
		return b[0], nil
	case typeInt8:
		return int8(b[0]), nil
	case typeBool:
		return b[0] != 0, boolByte(b[0])
	case typeUint16:
		return binary.LittleEndian.Uint16(b), nil
	case typeInt16:
		return int16(binary.LittleEndian.Uint16(b)), nil
	case typeUint32:
		return binary.LittleEndian.Uint32(b), nil
	case typeInt32:
		return int32(binary.LittleEndian.Uint32(b)), nil
	case typeFloat32:
		return math.Float32frombits(binary.LittleEndian.Uint32(b)), nil
	case typeUint64:
		return binary.LittleEndian.Uint64(b), nil
	case typeInt64:
		return int64(binary.LittleEndian.Uint64(b)), nil
	case typeFloat64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
	}
	return nil, fmt.Errorf("unknown value type %d", t)
}

func (r *reader) array(depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("arrays are nested more than %d deep", maxNesting)
	}
	kind, err := r.uint32()
	if err != nil {
		return nil, fmt.Errorf("element type: %w", err)
	}
	t := valueType(kind)
	if t.width() == 0 {
		return nil, fmt.Errorf("unknown element type %d", kind)
	}
	n, err := r.count(t.width())
	if err != nil {
		return nil, fmt.Errorf("array length: %w", err)
	}
	switch t {
	case typeString:
		return r.texts(n)
	case typeArray:
		var nested Nested // grows as elements prove to be there
		for i := range n {
			v, err := r.array(depth + 1)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			nested = append(nested, v)
		}
		return nested, nil
	}
	b, err := r.take(n * t.width())
	if err != nil {
		return nil, err
	}
	return decodeArray(t, n, b)
}

func decodeArray(t valueType, n int, b []byte) (any, error) {
	le := binary.LittleEndian
	switch t {
	case typeUint8:
		return append(make([]uint8, 0, n), b...), nil
	case typeInt8:
		return collect(n, func(i int) int8 { return int8(b[i]) }), nil
	case typeBool:
		for _, x := range b {
			if err := boolByte(x); err != nil {
				return nil, err
			}
		}
		return collect(n, func(i int) bool { return b[i] != 0 }), nil
	case typeUint16:
		return collect(n, func(i int) uint16 { return le.Uint16(b[2*i:]) }), nil
	case typeInt16:
		return collect(n, func(i int) int16 { return int16(le.Uint16(b[2*i:])) }), nil
	case typeUint32:
		return collect(n, func(i int) uint32 { return le.Uint32(b[4*i:]) }), nil
	case typeInt32:
		return collect(n, func(i int) int32 { return int32(le.Uint32(b[4*i:])) }), nil
	case typeFloat32:
		return collect(n, func(i int) float32 { return math.Float32frombits(le.Uint32(b[4*i:])) }), nil
	case typeUint64:
		return collect(n, func(i int) uint64 { return le.Uint64(b[8*i:]) }), nil
	case typeInt64:
		return collect(n, func(i int) int64 { return int64(le.Uint64(b[8*i:])) }), nil
	default:
		return collect(n, func(i int) float64 { return math.Float64frombits(le.Uint64(b[8*i:])) }), nil
	}
}

func collect[T any](n int, at func(i int) T) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = at(i)
	}
	return s
}

func boolByte(b byte) error {
	if b > 1 {
		return fmt.Errorf("a truth value must be 0 or 1, not %d", b)
	}
	return nil
}

func (r *reader) tensor() (TensorInfo, error) {
	var t TensorInfo
	name, err := r.text()
	if err != nil {
		return t, fmt.Errorf("name: %w", err)
	}
	if len(name) >= maxNameBytes {
		return t, fmt.Errorf("name %q: longer than %d bytes", clip(name), maxNameBytes-1)
	}
	t.Name = name
	fail := func(field string, err error) (TensorInfo, error) {
		return t, fmt.Errorf("%q: %s: %w", name, field, err)
	}
	dims, err := r.uint32()
	if err != nil {
		return fail("dimensions", err)
	}
	if dims == 0 || dims > maxDims {
		return fail("dimensions", fmt.Errorf("%d of them, 1 to %d are known", dims, maxDims))
	}
	t.Shape = make([]int, dims)
	elements := uint64(1)
	for i := range t.Shape {
		d, err := r.uint64()
		if err != nil {
			return fail("shape", err)
		}
		// No element takes less than a bit, so nothing larger than this can lie in a file of this size.
		if d == 0 || elements > uint64(len(r.data))*8/d {
			return fail("shape", fmt.Errorf("a dimension of %d: no elements, or more than the file has bits", d))
		}
		elements *= d
		t.Shape[len(t.Shape)-1-i] = int(d)
	}
	kind, err := r.uint32()
	if err != nil {
		return fail("type", err)
	}
	t.Type = quant.Type(kind)
	if !t.Type.Known() {
		return fail("type", fmt.Errorf("unknown or unsupported number format %d", kind))
	}
	if row := rowLength(t.Shape); row%t.Type.BlockSize() != 0 {
		return fail("shape", fmt.Errorf("rows of %d elements are no multiple of %s's block of %d", row, t.Type, t.Type.BlockSize()))
	}
	offset, err := r.uint64()
	if err != nil {
		return fail("offset", err)
	}
	if offset > uint64(len(r.data)) {
		return fail("offset", fmt.Errorf("%d lies beyond the file", offset))
	}
	t.Offset = int64(offset)
	return t, nil
}

func rowLength(shape []int) int {
	if len(shape) == 0 {
		return 1
	}
	return shape[len(shape)-1]
}

// take returns the next n bytes.
func (r *reader) take(n int) ([]byte, error) {
	if n > len(r.data)-r.at {
		return nil, errTruncated
	}
	b := r.data[r.at : r.at+n]
	r.at += n
	return b, nil
}

func (r *reader) uint32() (uint32, error) {
	b, err := r.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (r *reader) uint64() (uint64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// count reads a number of things that take at least width bytes each, and refuses more than can follow.
func (r *reader) count(width int) (int, error) {
	n, err := r.uint64()
	if err != nil {
		return 0, err
	}
	if n > uint64((len(r.data)-r.at)/width) {
		return 0, fmt.Errorf("%d is more than the rest of the file can hold", n)
	}
	return int(n), nil
}

func (r *reader) bytes() ([]byte, error) {
	n, err := r.count(1)
	if err != nil {
		return nil, fmt.Errorf("text length: %w", err)
	}
	return r.take(n)
}

func (r *reader) text() (string, error) {
	b, err := r.bytes()
	return string(b), err
}

// texts reads n strings. All of them share one allocation, since a vocabulary has hundreds of thousands.
func (r *reader) texts(n int) ([]string, error) {
	start := r.at
	for i := range n {
		if _, err := r.bytes(); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	var all strings.Builder
	all.Grow(r.at - start - 8*n)
	end := r.at
	r.at = start
	list := make([]string, n)
	for i := range list {
		b, _ := r.bytes() // walked above
		list[i] = unsafe.String(unsafe.SliceData(b), len(b))
		all.WriteString(list[i])
	}
	r.at = end
	rest := all.String()
	for i, s := range list {
		list[i], rest = rest[:len(s)], rest[len(s):]
	}
	return list, nil
}

func padded(n, alignment int) int { return (n + alignment - 1) / alignment * alignment }

// clip shortens a text from a file for an error message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
