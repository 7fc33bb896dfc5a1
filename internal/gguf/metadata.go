package gguf

import (
	"fmt"
	"math"
	"slices"
)

// Metadata is the typed key–value part of a file, in order. A value is one of the Go types
//
//	uint8 int8 uint16 int16 uint32 int32 uint64 int64 float32 float64 bool string
//
// a slice of one of these, or a [Nested] array. The zero Metadata is empty and ready for use.
type Metadata struct {
	keys   []string
	values map[string]any
}

// Nested is an array of arrays; its elements are slices of one of the plain types, or Nested.
type Nested []any

// Len returns the number of entries.
func (m *Metadata) Len() int { return len(m.keys) }

// Keys returns the keys in order. The slice must not be changed.
func (m *Metadata) Keys() []string { return m.keys }

// Get returns the value of key.
func (m *Metadata) Get(key string) (any, bool) {
	v, ok := m.values[key]
	return v, ok
}

// Set gives key a value, at its old place where it has one, else at the end. It panics on a value of a type that
// Metadata does not hold.
func (m *Metadata) Set(key string, value any) {
	if _, ok := typeOf(value); !ok {
		panic(fmt.Sprintf("gguf: metadata %q cannot hold a %T", key, value))
	}
	if _, ok := m.values[key]; !ok {
		if m.values == nil {
			m.values = make(map[string]any)
		}
		m.keys = append(m.keys, key)
	}
	m.values[key] = value
}

// Delete removes key.
func (m *Metadata) Delete(key string) {
	if _, ok := m.values[key]; ok {
		delete(m.values, key)
		m.keys = slices.DeleteFunc(m.keys, func(k string) bool { return k == key })
	}
}

// Clone returns a copy whose entries can be set apart; the values themselves are shared.
func (m *Metadata) Clone() *Metadata {
	c := new(Metadata)
	for _, k := range m.keys {
		c.Set(k, m.values[k])
	}
	return c
}

// String returns the text at key.
func (m *Metadata) String(key string) (string, bool) { return get[string](m, key) }

// Bool returns the truth value at key.
func (m *Metadata) Bool(key string) (value, ok bool) { return get[bool](m, key) }

// Strings returns the array of texts at key.
func (m *Metadata) Strings(key string) ([]string, bool) { return get[[]string](m, key) }

// Int returns the integer at key, of whatever width, if it fits an int.
func (m *Metadata) Int(key string) (int, bool) {
	switch v := m.values[key].(type) {
	case uint8:
		return int(v), true
	case int8:
		return int(v), true
	case uint16:
		return int(v), true
	case int16:
		return int(v), true
	case uint32:
		return int(v), int(v) >= 0
	case int32:
		return int(v), true
	case uint64:
		return int(v), v <= math.MaxInt
	case int64:
		return int(v), int64(int(v)) == v
	}
	return 0, false
}

// Float returns the number at key, integer or not.
func (m *Metadata) Float(key string) (float64, bool) {
	switch v := m.values[key].(type) {
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	i, ok := m.Int(key)
	return float64(i), ok
}

// Ints returns the array of integers at key, of 32 bits or fewer.
func (m *Metadata) Ints(key string) ([]int, bool) {
	switch v := m.values[key].(type) {
	case []int32:
		return widen(v), true
	case []uint32:
		return widen(v), true
	case []int8:
		return widen(v), true
	case []uint8:
		return widen(v), true
	case []int16:
		return widen(v), true
	case []uint16:
		return widen(v), true
	}
	return nil, false
}

// Floats returns the array of float32 at key.
func (m *Metadata) Floats(key string) ([]float32, bool) { return get[[]float32](m, key) }

func widen[T int8 | uint8 | int16 | uint16 | int32 | uint32](v []T) []int {
	w := make([]int, len(v))
	for i, x := range v {
		w[i] = int(x)
	}
	return w
}

func get[T any](m *Metadata, key string) (T, bool) {
	v, ok := m.values[key].(T)
	return v, ok
}

// valueType is a GGUF value type (gguf_metadata_value_type of the specification).
type valueType uint32

const (
	typeUint8 valueType = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// width is the encoded size of a value of fixed size, or the least size of another; 0 for an unknown type.
func (t valueType) width() int {
	switch t {
	case typeUint8, typeInt8, typeBool:
		return 1
	case typeUint16, typeInt16:
		return 2
	case typeUint32, typeInt32, typeFloat32:
		return 4
	case typeUint64, typeInt64, typeFloat64, typeString:
		return 8
	case typeArray:
		return 12 // element type and count
	}
	return 0
}

// typeOf returns the type under which v is written; for arrays, typeArray.
func typeOf(v any) (valueType, bool) {
	switch v.(type) {
	case uint8:
		return typeUint8, true
	case int8:
		return typeInt8, true
	case uint16:
		return typeUint16, true
	case int16:
		return typeInt16, true
	case uint32:
		return typeUint32, true
	case int32:
		return typeInt32, true
	case float32:
		return typeFloat32, true
	case bool:
		return typeBool, true
	case string:
		return typeString, true
	case uint64:
		return typeUint64, true
	case int64:
		return typeInt64, true
	case float64:
		return typeFloat64, true
	case Nested:
		return typeArray, true
	}
	_, ok := elemType(v)
	return typeArray, ok
}

// elemType returns the element type of an array value.
func elemType(v any) (valueType, bool) {
	switch v.(type) {
	case []uint8:
		return typeUint8, true
	case []int8:
		return typeInt8, true
	case []uint16:
		return typeUint16, true
	case []int16:
		return typeInt16, true
	case []uint32:
		return typeUint32, true
	case []int32:
		return typeInt32, true
	case []float32:
		return typeFloat32, true
	case []bool:
		return typeBool, true
	case []string:
		return typeString, true
	case []uint64:
		return typeUint64, true
	case []int64:
		return typeInt64, true
	case []float64:
		return typeFloat64, true
	case Nested:
		return typeArray, true
	}
	return 0, false
}
