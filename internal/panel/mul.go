package panel

import "runtime"

// Mul sets y = in·mᵀ for the panels lo to hi of m: row r of in gives y[r·stride + 16·lo …]. Sixteen outputs are written
// for every panel, so y needs room for a padded last one. It panics unless in has m.Cols columns and, for a quantized
// matrix, its 8-bit form.
func (m *Matrix) Mul(y []float32, stride int, in *Input, lo, hi int) {
	switch {
	case in.Cols != m.Cols || m.Quantized() && len(in.blocks) != in.Rows*in.Cols/32:
		panic(errInput)
	case lo < 0 || hi > m.Panels() || hi*Width > stride && in.Rows > 1:
		panic(errRange)
	case lo >= hi || in.Rows == 0:
		return
	case len(y) < (in.Rows-1)*stride+hi*Width:
		panic(errRange)
	}
	size := m.Cols * Width
	switch m.layout {
	case layoutF32:
		active.mulF32(y[lo*Width:], stride, in.X, in.Cols, in.Rows, m.floats[lo*size:], size, m.Cols, hi-lo)
	case layoutF16:
		active.mulF16(y[lo*Width:], stride, in.X, in.Cols, in.Rows, m.halves[lo*size:], size, m.Cols, hi-lo, 0)
	case layoutBF16:
		active.mulBF16(y[lo*Width:], stride, in.X, in.Cols, in.Rows, m.halves[lo*size:], size, m.Cols, hi-lo)
	default:
		active.mulInt(y, stride, in, m, lo, hi)
	}
	runtime.KeepAlive(m) // which keeps its weights
}

// MulF16 is the product with panels of binary16 bits that the caller keeps, such as a KV cache:
//
//	y[r·ldy + 16p + l] = Σ_{i<k} x[r·ldx + i]·w[p·stride + 16i + l]   for r < rows, p < panels
//
// adding in the order of i. What lies ahead of w by that many elements is what will be multiplied next: where the product
// waits for memory it is brought nearer meanwhile. It may lie outside of w; 0 is nothing.
func MulF16(y []float32, ldy int, x []float32, ldx, rows int, w []uint16, stride, k, panels, ahead int) {
	if rows <= 0 || panels <= 0 {
		return
	}
	if len(y) < (rows-1)*ldy+panels*Width || len(x) < (rows-1)*ldx+k || len(w) < (panels-1)*stride+k*Width {
		panic(errRange)
	}
	active.mulF16(y, ldy, x, ldx, rows, w, stride, k, panels, ahead)
}
