package kernel

// Matrix is a row-major view of a slice: element (i, j) is Data[i*Stride+j].
//
// It owns nothing. A block of columns of a wider matrix is the same Stride with an offset slice.
//
// A matrix that only products in BF16 read may hold its elements in BF16 instead of Data, already
// rounded: products take it, and the functions that make such matrices say so. See [KeepsBF16].
type Matrix struct {
	Data       []float32
	BF16       []uint16 // bfloat16; Data is nil then
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
	return m.view(lo*m.Stride, (hi-1)*m.Stride+m.Cols, hi-lo, m.Cols)
}

// Columns returns columns [lo, hi) as a view with the same stride.
func (m Matrix) Columns(lo, hi int) Matrix {
	if lo < 0 || hi > m.Cols || lo > hi {
		panic(errShape)
	}
	if m.Rows == 0 || lo == hi {
		return Matrix{Rows: m.Rows, Cols: hi - lo, Stride: m.Stride}
	}
	return m.view(lo, (m.Rows-1)*m.Stride+hi, m.Rows, hi-lo)
}

// view returns (rows, cols) elements from lo on, whose last is before hi.
func (m Matrix) view(lo, hi, rows, cols int) Matrix {
	v := Matrix{Rows: rows, Cols: cols, Stride: m.Stride}
	if m.BF16 != nil {
		v.BF16 = m.BF16[lo:hi]
	} else {
		v.Data = m.Data[lo:hi]
	}
	return v
}

const (
	errLength = "kernel: slice lengths disagree"
	errShape  = "kernel: matrix shapes disagree"
	errView   = "kernel: matrix is larger than its slice"
	errBF16   = "kernel: a bf16 matrix where only float32 is taken"
)

// check panics unless the view is of float32 numbers and lies within its slice.
func (m Matrix) check() {
	if m.BF16 != nil {
		panic(errBF16)
	}
	m.checkFactor()
}

// checkFactor is check for a matrix that may be in bf16.
func (m Matrix) checkFactor() {
	if m.Rows < 0 || m.Cols < 0 || m.Stride < m.Cols {
		panic(errView)
	}
	if m.Rows > 0 && m.Cols > 0 && (m.Rows-1)*m.Stride+m.Cols > max(len(m.Data), len(m.BF16)) {
		panic(errView)
	}
}

// checkShape panics unless m is a valid (rows, cols) view of float32 numbers.
func (m Matrix) checkShape(rows, cols int) {
	if m.Rows != rows || m.Cols != cols {
		panic(errShape)
	}
	m.check()
}

// checkFactorShape is checkShape for a matrix that may be in bf16.
func (m Matrix) checkFactorShape(rows, cols int) {
	if m.Rows != rows || m.Cols != cols {
		panic(errShape)
	}
	m.checkFactor()
}
