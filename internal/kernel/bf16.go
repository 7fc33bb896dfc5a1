package kernel

import "unsafe"

// KeepsBF16 reports whether what only products in prec read should be kept in bf16 from the start:
// half the memory to write and to read, nothing to convert for each product, and the same results.
// Without tiles it would be converted back, so it is false then.
func KeepsBF16(prec Precision) bool { return prec == BF16 && active.tiles != nil }

// NewBF16 returns a (rows, cols) view of words in bf16. It needs BF16Words(rows, cols) of them: rows
// do not lie a multiple of 1 KiB apart, since whole columns would fall on a few sets of the caches.
func NewBF16(words []uint16, rows, cols int) Matrix {
	return Matrix{BF16: words[:rows*bf16Stride(cols)], Rows: rows, Cols: cols, Stride: bf16Stride(cols)}
}

// BF16Words returns how many words NewBF16 needs.
func BF16Words(rows, cols int) int { return rows * bf16Stride(cols) }

func bf16Stride(cols int) int {
	if cols > 512 && cols%512 == 0 {
		return cols + 32
	}
	return cols
}

// AsBF16 returns the memory of m as a bf16 matrix of its shape, each row at the beginning of m's. Its
// elements are those of m after NarrowRow.
func (m Matrix) AsBF16() Matrix {
	m.check()
	v := Matrix{Rows: m.Rows, Cols: m.Cols, Stride: 2 * m.Stride}
	if len(m.Data) > 0 {
		v.BF16 = unsafe.Slice((*uint16)(unsafe.Pointer(&m.Data[0])), 2*len(m.Data))
	}
	return v
}

// NarrowRow rounds row i of m to bf16, in its own memory: see AsBF16.
func (m Matrix) NarrowRow(i int) {
	if row := m.Row(i); len(row) > 0 {
		narrow(unsafe.Slice((*uint16)(unsafe.Pointer(&row[0])), len(row)), row)
	}
}

// Narrow rounds src to dst, a bf16 matrix of its shape; dst may be src.AsBF16().
func Narrow(p *Pool, dst, src Matrix) {
	src.check()
	dst.checkFactorShape(src.Rows, src.Cols)
	t := narrowTasks.get()
	*t = narrowTask{dst, src}
	p.Run(blockCount(src.Rows, narrowRows), t)
	*t = narrowTask{}
	narrowTasks.put(t)
}

const narrowRows = 64 // rows per task

type narrowTask struct{ dst, src Matrix }

var narrowTasks = newRecycler[narrowTask]()

func (t *narrowTask) Do(item int) {
	lo, hi := blockRange(item, narrowRows, t.src.Rows)
	for i := lo; i < hi; i++ {
		t.dst.setRow(i, t.src.Row(i))
	}
}

// narrow is ToBF16, by the means of the tile engine where there is one. dst may be the memory of x.
func narrow(dst []uint16, x []float32) {
	if active.narrow == nil {
		ToBF16(dst, x)
		return
	}
	active.narrow(dst, x)
}

// rowBuffer is memory for rows of float32 on their way to a bf16 matrix.
type rowBuffer struct{ first, second []float32 }

var rowBuffers = newRecycler[rowBuffer]()

// rowFor returns where to compute row i of m: the row itself, or buf if m is in bf16.
func (m Matrix) rowFor(i int, buf *[]float32) []float32 {
	if m.BF16 == nil {
		return m.Row(i)
	}
	*buf = grow(*buf, m.Cols)
	return *buf
}

// setRow stores a row that was computed where rowFor said.
func (m Matrix) setRow(i int, row []float32) {
	if m.BF16 != nil {
		narrow(m.BF16[i*m.Stride:][:m.Cols], row)
	}
}

// widened returns a factor in float32, in memory of buf where it is in bf16.
func (m Matrix) widened(buf *[]float32) Matrix {
	if m.BF16 == nil {
		return m
	}
	*buf = grow(*buf, m.Rows*m.Cols)
	wide := NewMatrix(*buf, m.Rows, m.Cols)
	for i := range m.Rows {
		FromBF16(wide.Row(i), m.BF16[i*m.Stride:][:m.Cols])
	}
	return wide
}
