package model

import (
	"fmt"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Tensor is one weight of a model as it is stored. A matrix has shape (out, in) and lies row by row; Data may be a view
// of a mapped file and is read only.
type Tensor struct {
	Name  string
	Type  quant.Type
	Shape []int
	Data  []byte
}

// Rows returns the number of rows: 1 for a vector.
func (t Tensor) Rows() int {
	rows := 1
	for _, d := range t.Shape[:len(t.Shape)-1] {
		rows *= d
	}
	return rows
}

// Columns returns the length of a row.
func (t Tensor) Columns() int { return t.Shape[len(t.Shape)-1] }

// Float32 decodes the whole tensor into a new slice.
func (t Tensor) Float32() ([]float32, error) {
	n := t.Rows() * t.Columns()
	if want := t.Rows() * t.Type.RowBytes(t.Columns()); len(t.Data) != want {
		return nil, fmt.Errorf("model: tensor %q has %d bytes, want %d for %v as %v", t.Name, len(t.Data), want, t.Shape, t.Type)
	}
	out := make([]float32, n)
	quant.Decode(t.Type, out, t.Data)
	return out, nil
}
