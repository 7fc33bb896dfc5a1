package kernel

// Matrix is a row-major view of a slice: element (i, j) is Data[i*Stride+j].
//
// It owns nothing. A block of columns of a wider matrix is the same Stride with an offset slice.
type Matrix struct {
	Data       []float32
	Rows, Cols int
	Stride     int // elements from one row to the next, at least Cols
}

// NewMatrix returns the dense (rows, cols) view of data. It panics if data is too short.
func NewMatrix(data []float32, rows, cols int) Matrix {
	m := Matrix{Data: data, Rows: rows, Cols: cols, Stride: cols}
	m.check()
	return m
}

// Row returns row i, of length Cols.
func (m Matrix) Row(i int) []float32 {
	o := i * m.Stride
	return m.Data[o : o+m.Cols : o+m.Cols]
}

// Slice returns rows [lo, hi) as a view.
func (m Matrix) Slice(lo, hi int) Matrix {
	if lo == hi {
		return Matrix{Cols: m.Cols, Stride: m.Stride}
	}
	return Matrix{Data: m.Data[lo*m.Stride : (hi-1)*m.Stride+m.Cols], Rows: hi - lo, Cols: m.Cols, Stride: m.Stride}
}

// Columns returns columns [lo, hi) as a view with the same stride.
func (m Matrix) Columns(lo, hi int) Matrix {
	if lo < 0 || hi > m.Cols || lo > hi {
		panic(errShape)
	}
	if m.Rows == 0 || lo == hi {
		return Matrix{Rows: m.Rows, Cols: hi - lo, Stride: m.Stride}
	}
	return Matrix{Data: m.Data[lo : (m.Rows-1)*m.Stride+hi], Rows: m.Rows, Cols: hi - lo, Stride: m.Stride}
}

const (
	errLength = "kernel: slice lengths disagree"
	errShape  = "kernel: matrix shapes disagree"
	errView   = "kernel: matrix is larger than its slice"
)

// check panics unless the view lies within its slice.
func (m Matrix) check() {
	if m.Rows < 0 || m.Cols < 0 || m.Stride < m.Cols {
		panic(errView)
	}
	if m.Rows > 0 && m.Cols > 0 && (m.Rows-1)*m.Stride+m.Cols > len(m.Data) {
		panic(errView)
	}
}

// checkShape panics unless m is a valid (rows, cols) view.
func (m Matrix) checkShape(rows, cols int) {
	if m.Rows != rows || m.Cols != cols {
		panic(errShape)
	}
	m.check()
}
