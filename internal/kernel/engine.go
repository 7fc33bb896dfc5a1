package kernel

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
	words  []float32 // either memory or, where A is used in place, part of the operand
	memory []float32
	k      int
	strip  int // words from one strip to the next
	strips int
	next   fetch // what will be packed next
	rs, cs int   // bytes from one row and one k to the next within a strip; float32 only
}

// fetch is memory to bring to the L2 cache while a block is multiplied: runs of cache lines, step
// elements from one to the next, of which so many lines are done.
type fetch struct {
	data        []float32
	lines, step int
	done        int
}

const lineWords = 16 // elements of a cache line

// fetchOf describes rows [i, i+rows) of a factor over [k0, k0+k).
func fetchOf(a operand, i, rows, k0, k int) fetch {
	if a.transposed {
		i, rows, k0, k = k0, k, i, rows
	}
	return fetch{data: a.Data[i*a.Stride+k0 : (i+rows-1)*a.Stride+k0+k], lines: blockCount(k, lineWords), step: a.Stride}
}

// take returns what a kernel should fetch in each of so many units of work of one strip, when that
// many strips are left to share the rest: count lines from next on, of which first end a run, and
// after that runs of f.lines, skip bytes apart.
func (f *fetch) take(strips, units int) (next *float32, count, first, lines, skip int) {
	if f.lines == 0 {
		return nil, 0, 0, 0, 0
	}
	left := blockCount(len(f.data), f.step)*f.lines - f.done
	at := f.done/f.lines*f.step + f.done%f.lines*lineWords
	if left <= 0 || at >= len(f.data) {
		return nil, 0, 0, 0, 0
	}
	count = blockCount(left, strips*units)
	first = f.lines - f.done%f.lines
	f.done += count * units
	return &f.data[at], count, first, f.lines, (f.step - f.lines*lineWords) * 4
}

// edgeTile receives a tile of C that sticks out of its matrix.
type edgeTile [32 * 32]float32

// engineFor returns the engine of a precision.
func engineFor(prec Precision) engine {
	if prec == BF16 {
		if active.tiles != nil {
			return active.tiles
		}
		return vectorEngine{round: true}
	}
	return vectorEngine{}
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
