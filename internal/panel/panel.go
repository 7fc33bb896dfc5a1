// Package panel multiplies activations with weights as inference wants them: matrices of any ggml type, packed once into
// panels of sixteen rows, against one activation row or hundreds.
//
//	w := panel.Pack(pool, quant.Q4_0, rows, columns, data, nil)
//	in.Set(x, rows, columns, w.Quantized())   // activations, with their 8-bit form if a weight needs it
//	w.Mul(y, stride, &in, 0, w.Panels())      // y = x·wᵀ
//
// # Layout
//
// A panel holds sixteen rows side by side, so that one vector register holds the same column of all of them and no sum
// ever crosses lanes. Floats lie column by column, sixteen to a column. Levels of quantized types lie in chunks of four
// columns, sixteen rows of four levels: what one integer dot product instruction takes. They keep their bits, in planes
// of 8, 4, 2 or 1 of them, and their scales: a packed matrix takes what its file takes, Q3_K, Q4_K and Q5_K 1/8 bit a weight more, Q2_K 1/2. A last
// panel that is not full is padded with zeros, and a product writes all sixteen outputs of it.
//
// # Arithmetic
//
// Quantized weights are multiplied as integers: activations are quantized in blocks of 32 to 8 bits as llama.cpp does,
// levels are summed exactly, and each block's sum is scaled and added in float32. For every output the order of
// additions is that of the columns, whatever the number of activation rows or threads: a row's result does not depend on
// what else is in the batch, down to the last bit.
//
// Routines exist in plain Go, the reference, and in assembly for AVX2, AVX-512 with VNNI, AMX tiles of signed bytes, and
// NEON with and without dot products; package kernel's DISTILL_KERNEL chooses here too.
package panel

import (
	"encoding/binary"
	"math"
	"runtime"
	"sync"

	"github.com/seed-d24fde5f/distill/internal/half"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Width is the number of rows of a panel.
const Width = 16

// Panics of this package: a caller's bug, never a file's content.
const (
	errData  = "panel: weights have the wrong number of bytes"
	errInput = "panel: activations do not match the weights"
	errRange = "panel: product outside its output or weights"
)

// layout says how the weights of a Matrix lie.
type layout uint8

const (
	layoutF32    layout = iota // floats, column by column
	layoutF16                  // binary16 bits, column by column
	layoutBF16                 // bfloat16 bits, column by column
	layoutLevels               // levels and their scales: see levels.go
)

// Matrix is a packed weight matrix of shape (Rows, Cols). It is read-only after Pack, but for Repack, and safe for
// concurrent use.
type Matrix struct {
	Rows, Cols int
	Type       quant.Type // that was packed

	layout layout
	floats []float32 // layoutF32: (panels, Cols, 16)
	halves []uint16  // layoutF16, layoutBF16: the same shape
	packed           // layoutLevels
}

// Panels returns how many panels cover the rows.
func (m *Matrix) Panels() int { return (m.Rows + Width - 1) / Width }

// Bytes returns the memory that the weights take.
func (m *Matrix) Bytes() int {
	return 4*len(m.floats) + 2*len(m.halves) + len(m.levels) + 2*len(m.floats16) + len(m.integers)
}

// Quantized reports whether the matrix is multiplied with the 8-bit form of the activations.
func (m *Matrix) Quantized() bool { return m.layout == layoutLevels }

// Pack packs a row-major matrix of type t, with the threads of the pool. Row i of the result is row order[i] of data, or
// i without an order. The data is not kept. It panics unless data has rows·t.RowBytes(columns) bytes.
func Pack(pool *kernel.Pool, t quant.Type, rows, columns int, data []byte, order []int) *Matrix {
	m := &Matrix{Rows: rows, Cols: columns, Type: t}
	m.check(data, order)
	m.allocate(t)
	m.Repack(pool, data, order)
	return m
}

func (m *Matrix) check(data []byte, order []int) {
	size := m.Type.RowBytes(m.Cols)
	if size == 0 || len(data) != m.Rows*size || order != nil && len(order) != m.Rows {
		panic(errData)
	}
}

// Repack replaces the values by others of the same type and shape, in the memory that there is. No product may be under
// way. It panics unless data has as many bytes as Pack was given.
func (m *Matrix) Repack(pool *kernel.Pool, data []byte, order []int) {
	m.check(data, order)
	size := m.Type.RowBytes(m.Cols)
	pool.For(m.Panels(), func(p int) {
		s := rowScratches.Get().(*rowScratch)
		defer rowScratches.Put(s)
		for i := p * Width; i < min(m.Rows, (p+1)*Width); i++ {
			from := i
			if order != nil {
				from = order[i]
			}
			m.packRow(i, data[from*size:(from+1)*size], s)
		}
	})
	runtime.KeepAlive(m)
}

var rowScratches = sync.Pool{New: func() any { return new(rowScratch) }}

// allocate chooses the layout of a type and makes room.
func (m *Matrix) allocate(t quant.Type) {
	n := m.Panels() * m.Cols * Width
	switch t {
	case quant.F32:
		m.layout, m.floats = layoutF32, outside[float32](m, n)
	case quant.F16:
		m.layout, m.halves = layoutF16, outside[uint16](m, n)
	case quant.BF16:
		m.layout, m.halves = layoutBF16, outside[uint16](m, n)
	default:
		m.layout, m.packed = layoutLevels, packedFor(t)
		m.levels = outside[byte](m, m.Panels()*m.levelBytes(m.Cols))
		m.floats16 = outside[uint16](m, m.Panels()*m.packed.floats(m.Cols))
		m.integers = outside[int8](m, m.Panels()*m.integerBytes(m.Cols))
	}
}

// packRow packs the bytes of row i.
func (m *Matrix) packRow(i int, b []byte, s *rowScratch) {
	at := i/Width*m.Cols*Width + i%Width
	switch m.layout {
	case layoutF32:
		for k := range m.Cols {
			m.floats[at+k*Width] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*k:]))
		}
	case layoutF16, layoutBF16:
		for k := range m.Cols {
			m.halves[at+k*Width] = binary.LittleEndian.Uint16(b[2*k:])
		}
	default:
		m.pack(m.Type, i/Width, i%Width, m.Cols, b, s)
	}
}

// Row writes row i of the matrix to dst, decoded. It is how a tied embedding is looked up without a second copy.
func (m *Matrix) Row(dst []float32, i int) {
	if i < 0 || i >= m.Rows || len(dst) < m.Cols {
		panic(errRange)
	}
	p, lane := i/Width, i%Width
	switch m.layout {
	case layoutF32:
		for k := range m.Cols {
			dst[k] = m.floats[(p*m.Cols+k)*Width+lane]
		}
	case layoutF16:
		for k := range m.Cols {
			dst[k] = half.FromF16(m.halves[(p*m.Cols+k)*Width+lane])
		}
	case layoutBF16:
		for k := range m.Cols {
			dst[k] = half.FromBF16(m.halves[(p*m.Cols+k)*Width+lane])
		}
	default:
		m.decode(dst[:m.Cols], p, lane)
	}
	runtime.KeepAlive(m)
}
