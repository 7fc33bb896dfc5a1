package model

import (
	"fmt"
	"unsafe"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Tensor is a weight as it is stored. Data is little-endian, row after row; it may alias a memory map and must not be
// written to.
type Tensor struct {
	Name  string // canonical
	Type  quant.Type
	Shape []int // (rows, columns) or (n)
	Data  []byte
}

// Elements returns the number of values.
func (t Tensor) Elements() int { return Spec{Shape: t.Shape}.Elements() }

// Columns returns the length of a row.
func (t Tensor) Columns() int { return t.Shape[len(t.Shape)-1] }

// Rows returns the number of rows; a vector has one.
func (t Tensor) Rows() int { return t.Elements() / t.Columns() }

// RowBytes returns the bytes of a row.
func (t Tensor) RowBytes() int { return t.Type.RowBytes(t.Columns()) }

// Float32 returns the values as they are stored, in memory of their own.
func (t Tensor) Float32() ([]float32, error) {
	if len(t.Data) != t.Rows()*t.RowBytes() {
		return nil, fmt.Errorf("model: tensor %q: %d bytes for %s %v", t.Name, len(t.Data), t.Type, t.Shape)
	}
	dst := make([]float32, t.Elements())
	quant.Decode(t.Type, dst, t.Data)
	return dst, nil
}

// View returns the values of an F32 tensor without copying them; ok is false for any other type and where the data is
// not aligned to four bytes. The result must not be written to.
func (t Tensor) View() (values []float32, ok bool) {
	p := unsafe.SliceData(t.Data)
	if t.Type != quant.F32 || uintptr(unsafe.Pointer(p))%4 != 0 {
		return nil, false
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), len(t.Data)/4), true
}

// fromFloats returns an F32 tensor over values, which it aliases. Every supported machine is little-endian.
func fromFloats(s Spec, values []float32) Tensor {
	data := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values))
	return Tensor{Name: s.Name, Type: quant.F32, Shape: s.Shape, Data: data}
}

// Release tells the system that the bytes of a weight, where they lie in a file's map, are not needed for now; they are read
// again when touched. Weights in memory stay as they are.
func (m *Model) Release(name string) {
	if t, ok := m.tensors[name]; ok && m.mapped && m.made[name] == nil {
		release(t.Data)
	}
}
