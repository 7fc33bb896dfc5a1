package kernel

import "slices"

// engine multiplies packed blocks: the part of a matrix product that differs between float32 vectors
// and bf16 tiles. A product C (+)= A·B is done in strips of rows of A and panels of columns of B,
// over steps of the k products. Packed memory is counted in 4-byte words.
type engine interface {
	// tile returns the rows of a strip and the columns of a panel.
	tile() (rows, columns int)
	// grain is what the k of a block should be a multiple of.
	grain() int
	// cache returns how much of a product to work on at once, for the L1 and L2 caches: the products
	// per step, and the words of packed B and of C.
	cache() cacheShares
	// panel returns the words of one packed panel of B over k products.
	panel(k int) int
	// packB writes columns [j, j+columns) of B over [k0, k0+k), panel after panel.
	packB(dst []float32, b operand, j, columns, k0, k int)
	// group returns how many rows of A to pack at once, in whole strips.
	group(transposed bool) int
	// packA lays out rows [i, i+rows) of A over [k0, k0+k).
	packA(dst *blockA, a operand, i, rows, k0, k int)
	// multiply computes c (+)= a·b for one strip of a and as many panels of b as c has columns. edge
	// is memory for one tile.
	multiply(c Matrix, a *blockA, strip int, b []float32, accumulate bool, edge *edgeTile)
}

// cacheShares bounds what one task works on at once.
type cacheShares struct{ depth, b, c int }

// blockA is a packed block of A, strip after strip.
type blockA struct {
	words   []float32 // either memory or, where A is used in place, part of the operand
	memory  []float32
	k       int
	strip   int      // words from one strip to the next
	columns bool     // the rows of a strip are next to one another; else its products are. float32 only
	stride  int      // bytes from one product to the next, or from one row
	halves  []uint16 // of tiles: the part of the operand where it is used in place

	next   part      // what of A is packed next, if it is known
	nextA  fetch     // the same
	nextB  fetch     // what of B is needed after the last strip
	ahead  []float32 // memory for next, of which so many products are packed already
	packed int
	soon   soon
}

// part is rows [i, i+rows) of a left factor over [k0, k0+k).
type part struct {
	a              operand
	i, rows, k0, k int
	later          bool // than what the present task does
}

// soon is what a kernel does on the side: bring cache lines to the L2 cache, and copy rows of as many
// elements as its strip has. The assembly knows its layout. The zero value is nothing.
type soon struct {
	next         *float32
	fetch        int // lines
	first        int // lines from next on, and then runs of
	lines        int // lines,
	skip         int // bytes after one another
	to, from     *float32
	stride, rows int // bytes between rows of from
}

var nothing soon

// edgeTile receives a tile of C that sticks out of its matrix.
type edgeTile [32 * 32]float32

// engineFor returns the engine of a precision for a product of so many rows, columns or products, as
// far as they are known: float32 ones narrower than a tile are faster on vectors.
func engineFor(prec Precision, sides ...int) engine {
	if prec == FP32 && active.floats != nil && slices.Min(sides) >= 32 {
		return active.floats
	}
	return attentionEngine(prec)
}

// attentionEngine is the engine of a precision for attention, which uses scores where they lie: float32
// ones on vectors are as fast as on tiles, which have to split them.
func attentionEngine(prec Precision) engine {
	switch {
	case prec == FP32:
		return vectorEngine{}
	case active.tiles != nil:
		return active.tiles
	default:
		return vectorEngine{round: true}
	}
}

// operand is a matrix as a factor: Matrix, or its transpose.
type operand struct {
	Matrix
	transposed bool
}

// shape returns the rows and columns of the factor.
func (o operand) shape() (rows, columns int) {
	if o.transposed {
		return o.Cols, o.Rows
	}
	return o.Rows, o.Cols
}

func clearMatrix(m Matrix) {
	for i := range m.Rows {
		clear(m.Row(i))
	}
}
