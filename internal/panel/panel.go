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
// columns, sixteen rows of four bytes (or nibbles, two chunks to 64 bytes): what one integer dot product instruction
// takes. A last panel that is not full is padded with zeros, and a product writes all sixteen outputs of it.
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
	layoutByte                 // 8-bit levels, a scale for 32 columns
	layoutByte16               // 8-bit levels, a scale for 16 columns
	layoutNibble               // 4-bit levels, a scale for 32 columns
)

// Matrix is a packed weight matrix of shape (Rows, Cols). It is read-only after Pack, but for Repack, and safe for
// concurrent use.
type Matrix struct {
	Rows, Cols int
	Type       quant.Type // that was packed

	layout layout
	floats []float32 // layoutF32: (panels, Cols, 16)
	halves []uint16  // layoutF16, layoutBF16: the same shape
	levels []byte    // (panels, Cols/4, 16, 4) bytes, or nibbles: see packNibbles
	scales []float32 // (panels, Cols/group, 16)
	mins   []float32 // the same shape; nil for a symmetric type
	zero   int32     // the level of a symmetric type that means 0
}

// Panels returns how many panels cover the rows.
func (m *Matrix) Panels() int { return (m.Rows + Width - 1) / Width }

// Quantized reports whether the matrix is multiplied with the 8-bit form of the activations.
func (m *Matrix) Quantized() bool { return m.layout >= layoutByte }

// group returns the number of columns under one scale.
func (m *Matrix) group() int {
	if m.layout == layoutByte16 {
		return 16
	}
	return 32
}

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
		for i := p * Width; i < min(m.Rows, (p+1)*Width); i++ {
			from := i
			if order != nil {
				from = order[i]
			}
			m.packRow(m.Type, i, data[from*size:(from+1)*size])
		}
	})
}

// allocate chooses the layout of a type and makes room. Four-bit types keep nibbles; other quantized ones take a byte a
// level.
func (m *Matrix) allocate(t quant.Type) {
	n := m.Panels() * m.Cols * Width
	switch t {
	case quant.F32:
		m.layout, m.floats = layoutF32, make([]float32, n)
		return
	case quant.F16:
		m.layout, m.halves = layoutF16, make([]uint16, n)
		return
	case quant.BF16:
		m.layout, m.halves = layoutBF16, make([]uint16, n)
		return
	}
	form := quant.FormOf(t)
	m.zero = int32(form.Zero)
	switch {
	case form.Group == 16:
		m.layout = layoutByte16
	case form.Levels <= 16:
		m.layout = layoutNibble
		n /= 2
	default:
		m.layout = layoutByte
	}
	m.levels = make([]byte, n)
	m.scales = make([]float32, m.Panels()*m.Cols/form.Group*Width)
	if form.Affine {
		m.mins = make([]float32, len(m.scales))
	}
}

// packRow packs the bytes of row i.
func (m *Matrix) packRow(t quant.Type, i int, b []byte) {
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
		m.packLevels(t, i, b)
	}
}

// packLevels packs the integer form of a quantized row.
func (m *Matrix) packLevels(t quant.Type, i int, b []byte) {
	groups := m.Cols / m.group()
	levels := make([]uint8, m.Cols)
	scale, low := make([]float32, groups), make([]float32, groups)
	quant.Levels(t, b, levels, scale, low)
	p, lane := i/Width, i%Width
	if m.layout == layoutNibble {
		packNibbles(m.levels[p*m.Cols*Width/2:], lane, levels)
	} else {
		packBytes(m.levels[p*m.Cols*Width:], lane, levels)
	}
	for g := range groups {
		at := (p*groups+g)*Width + lane
		m.scales[at] = scale[g]
		if m.mins != nil {
			m.mins[at] = low[g]
		}
	}
}

// packBytes puts level k of a row at byte k%4 of its lane in chunk k/4.
func packBytes(out []byte, lane int, levels []uint8) {
	for k := 0; k < len(levels); k += 4 {
		copy(out[k*Width+lane*4:][:4], levels[k:])
	}
}

// packNibbles puts the levels of a block of 32 columns in four runs of 64 bytes; run r holds chunk r in the low nibbles
// and chunk r+4 in the high ones.
func packNibbles(out []byte, lane int, levels []uint8) {
	for b := 0; b < len(levels); b += 32 {
		for k, v := range levels[b : b+16] {
			out[b*Width/2+k/4*64+lane*4+k%4] = v | levels[b+16+k]<<4
		}
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
		m.levelRow(dst, p, lane)
	}
}

// levelRow decodes a row of levels, chunk by chunk of four columns.
func (m *Matrix) levelRow(dst []float32, p, lane int) {
	group := m.group()
	for k := 0; k < m.Cols; k += 4 {
		at := (p*(m.Cols/group)+k/group)*Width + lane
		scale, low := m.scales[at], float32(0)
		if m.mins != nil {
			low = m.mins[at]
		}
		chunk, shift := p*m.Cols*Width+k/4*64, 0
		if m.layout == layoutNibble {
			chunk, shift = p*m.Cols*Width/2+k/32*256+k%16/4*64, k%32/16*4
		}
		for j, b := range m.levels[chunk+lane*4:][:4] {
			l := int32(b)
			if m.layout == layoutNibble {
				l = l >> shift & 15
			}
			dst[k+j] = float32(scale*float32(l-m.zero)) - low // as quant decodes: not fused
		}
	}
}

// level returns the level of lane and column k of panel p.
func (m *Matrix) level(p, lane, k int) int32 {
	if m.layout == layoutNibble {
		b := m.levels[p*m.Cols*Width/2+k/32*16*Width+k%16/4*64+lane*4+k%4]
		return int32(b >> (k % 32 / 16 * 4) & 15)
	}
	return int32(m.levels[p*m.Cols*Width+k/4*64+lane*4+k%4])
}
