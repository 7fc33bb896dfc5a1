package nn

import (
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Source is a matrix that lies elsewhere, such as quantized in a mapped file, and is decoded a few rows at a time.
type Source interface {
	// Shape returns (out, in).
	Shape() (rows, cols int)
	// Decode sets dst to rows [lo, hi), one after another. It is called from several goroutines.
	Decode(dst []float32, lo, hi int)
}

// NewBase returns a frozen parameter whose elements stay in their source. Products with it decode a tile at a time; it has
// no Data, and is no input of the graph.
func NewBase(name string, s Source) *Param {
	return &Param{name: name, source: s, version: 1}
}

// tileElements bounds what of a source is decoded at a time: 4 MiB, which stays in the cache of a product's workers.
const tileElements = 1 << 20

// tileRows returns how many rows of a source are decoded at a time.
func tileRows(rows, cols int) int {
	return min(rows, max(64, tileElements/cols/64*64))
}

// tiles calls f with the rows of a source, decoded tile by tile in their order.
func (e *Engine) tiles(s Source, f func(tile kernel.Matrix, lo, hi int)) {
	rows, cols := s.Shape()
	step := tileRows(rows, cols)
	for lo := 0; lo < rows; lo += step {
		hi := min(rows, lo+step)
		tile := growMatrix(&e.scratch.tile, hi-lo, cols)
		e.scratch.tile = tile.Data
		e.decoding = decodeTask{s, tile, lo}
		e.Pool.Run((tile.Rows+rowsPerTask-1)/rowsPerTask, &e.decoding)
		e.decoding = decodeTask{}
		f(tile, lo, hi)
	}
}

// decodeTask decodes blocks of the rows from lo on into a tile.
type decodeTask struct {
	source Source
	tile   kernel.Matrix
	lo     int
}

// Do implements kernel.Task.
func (t *decodeTask) Do(block int) {
	from := block * rowsPerTask
	to := min(t.tile.Rows, from+rowsPerTask)
	t.source.Decode(t.tile.Data[from*t.tile.Cols:to*t.tile.Cols], t.lo+from, t.lo+to)
}

// forwardBase computes y = x·Wᵀ, or adds to y. A column of y is one product, so it does not depend on the tiles.
func (e *Engine) forwardBase(s Source, y, x kernel.Matrix, accumulate bool) {
	e.tiles(s, func(tile kernel.Matrix, lo, hi int) {
		kernel.GemmNT(e.Pool, e.Precision, y.Columns(lo, hi), x, tile, accumulate)
	})
}

// backwardBase computes dx = dy·W, or adds to dx: the sum over the tiles.
func (e *Engine) backwardBase(s Source, dx, dy kernel.Matrix, accumulate bool) {
	e.tiles(s, func(tile kernel.Matrix, lo, hi int) {
		kernel.GemmNN(e.Pool, e.Precision, dx, dy.Columns(lo, hi), tile, accumulate || lo > 0)
	})
}

// gatherBase sets the rows of y to those of a source that ids name.
func (e *Engine) gatherBase(s Source, y kernel.Matrix, ids []int32) {
	e.Pool.For((y.Rows+rowsPerTask-1)/rowsPerTask, func(block int) {
		for i := block * rowsPerTask; i < min(y.Rows, (block+1)*rowsPerTask); i++ {
			s.Decode(y.Row(i), int(ids[i]), int(ids[i])+1)
		}
	})
}
