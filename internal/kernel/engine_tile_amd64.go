//go:build !purego

package kernel

import "unsafe"

// tileEngine multiplies on AMX tiles, with float32 sums: bf16 numbers, or float32 ones as sums of
// three in bf16. Strips and panels are 32 wide; products are packed in blocks of 32, padded with zeros,
// one word holding a pair. _asm/amx.go and _asm/parts.go have the layouts.
type tileEngine struct {
	parts            int // in bf16 of a number
	shares           cacheShares
	slots            int // chances to fetch beside the products of a block
	run              tileRoutine
	rowsA            func(dst, src *float32, stride, rows, blocks int)
	rowsB            func(dst, src *float32, stride, blocks int)
	columnsA         func(dst, src *float32, stride, panels, step int)
	columnsB         func(dst, src *float32, stride, panels, step int)
	halvesA, halvesB func(dst *float32, src *uint16, stride, panels, step int) // of columns in bf16
}

// tileRoutine multiplies a strip by panels.
type tileRoutine func(blocks int, a *float32, lda, step int, b *float32, panels int, c *float32, ldc, acc int, next *float32, fetch, first, lines, skip int)

const (
	tileSide  = 32
	blockSize = 512 // words of one part of a block of a strip or panel
)

// The tile engines; their shares are for the 2 MiB of L2 that every processor with tiles has.
var (
	bf16Tiles = &tileEngine{
		parts: 1, shares: cacheShares{depth: 256, b: 192 << 10, c: 192 << 10}, run: tileMultiply, slots: 1,
		rowsA: packRowsA, rowsB: packRowsB, columnsA: packColumnsA, columnsB: packColumnsB,
		halvesA: packColumnsHalvesA, halvesB: packColumnsHalvesB,
	}
	floatTiles = &tileEngine{
		parts: 3, shares: cacheShares{depth: 128, b: 192 << 10, c: 192 << 10}, run: tileMultiplyParts, slots: 6,
		rowsA: packRowsPartsA, rowsB: packRowsPartsB, columnsA: packColumnsPartsA, columnsB: packColumnsPartsB,
	}
)

func (*tileEngine) tile() (rows, columns int) { return tileSide, tileSide }
func (*tileEngine) grain() int                { return 32 }
func (e *tileEngine) cache() cacheShares      { return e.shares }

// group is whole cache lines of several rows where A is transposed: few pages at a time.
func (*tileEngine) group(transposed bool) int {
	if transposed {
		return 128
	}
	return tileSide
}

// block is the words of a block of 32 products.
func (e *tileEngine) block() int      { return e.parts * blockSize }
func (e *tileEngine) panel(k int) int { return blockCount(k, 32) * e.block() }

func (e *tileEngine) packA(dst *blockA, a operand, i, rows, k0, k int) {
	blocks := blockCount(k, 32)
	dst.k, dst.strip, dst.halves = k, e.panel(k), nil
	if !a.transposed && a.BF16 != nil && k%32 == 0 && rows%tileSide == 0 && a.Stride%1024 != 0 {
		dst.halves, dst.stride = a.BF16[i*a.Stride+k0:(i+rows-1)*a.Stride+k0+k], a.Stride
		return
	}
	dst.memory = grow(dst.memory, blockCount(rows, tileSide)*dst.strip)
	dst.words = dst.memory
	whole := rows / tileSide
	switch {
	case k%32 != 0:
		whole = 0
	case !a.transposed:
		whole = blockCount(rows, tileSide) // a short strip is no trouble here
		for s := range whole {
			n := min(tileSide, rows-s*tileSide)
			at := (i+s*tileSide)*a.Stride + k0
			last := at + (n-1)*a.Stride + k - 1
			if a.BF16 != nil {
				_ = a.BF16[last]
				packRowsHalvesA(&dst.words[s*dst.strip], &a.BF16[at], a.Stride*2, n, blocks)
			} else {
				_ = a.Data[last]
				e.rowsA(&dst.words[s*dst.strip], &a.Data[at], a.Stride*4, n, blocks)
			}
		}
	case whole > 0:
		e.packColumns(dst.words, a.Matrix, i, k0, blocks, whole, dst.strip, e.columnsA, e.halvesA)
	}
	for s := whole; s*tileSide < rows; s++ {
		pad := pads.get()
		words := pad.gather(a, i+s*tileSide, min(tileSide, rows-s*tileSide), k0, k, blocks)
		e.rowsA(&dst.words[s*dst.strip], &words[0], blocks*128, tileSide, blocks)
		pads.put(pad)
	}
}

func (e *tileEngine) packB(dst []float32, b operand, j, columns, k0, k int) {
	blocks, panel := blockCount(k, 32), e.panel(k)
	whole := columns / tileSide
	_ = dst[blockCount(columns, tileSide)*panel-1]
	switch {
	case k%32 != 0:
		whole = 0
	case b.transposed && b.BF16 != nil:
		for h := range whole * 2 {
			src := b.BF16[(j+h*16)*b.Stride+k0:]
			_ = src[15*b.Stride+k-1]
			packRowsHalvesB(&dst[h/2*panel+h%2*blockSize/2], &src[0], b.Stride*2, blocks)
		}
	case b.transposed:
		for h := range whole * 2 {
			src := b.Data[(j+h*16)*b.Stride+k0:]
			_ = src[15*b.Stride+k-1]
			e.rowsB(&dst[h/2*panel+h%2*blockSize/2], &src[0], b.Stride*4, blocks)
		}
	case whole > 0:
		e.packColumns(dst, b.Matrix, j, k0, blocks, whole, panel, e.columnsB, e.halvesB)
	}
	flipped := operand{Matrix: b.Matrix, transposed: !b.transposed}
	for q := whole; q*tileSide < columns; q++ {
		pad := pads.get()
		words := pad.gather(flipped, j+q*tileSide, min(tileSide, columns-q*tileSide), k0, k, blocks)
		e.rowsB(&dst[q*panel], &words[0], blocks*128, blocks)
		e.rowsB(&dst[q*panel+blockSize/2], &words[16*blocks*32], blocks*128, blocks)
		pads.put(pad)
	}
}

// packColumns packs panels of 32 columns of m, from column j and row k0 on, a block of 32 rows at a time.
func (e *tileEngine) packColumns(dst []float32, m Matrix, j, k0, blocks, panels, panel int,
	wide func(dst, src *float32, stride, panels, step int), halves func(dst *float32, src *uint16, stride, panels, step int)) {
	for b := range blocks {
		at := (k0+b*32)*m.Stride + j
		last := at + 31*m.Stride + panels*tileSide - 1
		if m.BF16 != nil {
			_ = m.BF16[last]
			halves(&dst[b*e.block()], &m.BF16[at], m.Stride*2, panels, panel*4)
		} else {
			_ = m.Data[last]
			wide(&dst[b*e.block()], &m.Data[at], m.Stride*4, panels, panel*4)
		}
	}
}

// padded is memory for a ragged strip or panel.
type padded struct{ words []float32 }

var pads = newRecycler[padded]()

// gather copies rows of the factor over [k0, k0+k) to 32 rows of whole blocks, with zeros around.
func (p *padded) gather(a operand, i, rows, k0, k, blocks int) []float32 {
	width := blocks * 32
	p.words = grow(p.words, tileSide*width)
	clear(p.words)
	for r := range rows {
		row := p.words[r*width:][:k]
		switch at := (i+r)*a.Stride + k0; {
		case !a.transposed && a.BF16 != nil:
			FromBF16(row, a.BF16[at:at+k])
		case !a.transposed:
			copy(row, a.Data[at:])
		case a.BF16 != nil:
			for q := range row {
				row[q] = fromBF16(a.BF16[(k0+q)*a.Stride+i+r])
			}
		default:
			for q := range row {
				row[q] = a.Data[(k0+q)*a.Stride+i+r]
			}
		}
	}
	return p.words
}

func (e *tileEngine) multiply(c Matrix, a *blockA, strip int, b []float32, accumulate bool, edge *edgeTile) {
	blocks, panel := blockCount(a.k, 32), e.panel(a.k)
	words, lda, step := e.tiles(a, strip)
	full := c.Cols / tileSide
	if c.Rows < tileSide {
		full = 0
	}
	if full > 0 {
		_ = b[full*panel-1]
		_ = c.Data[31*c.Stride+full*tileSide-1]
		// B is not fetched: A alone takes all that the memory gives, and where it does not, it gains nothing.
		a.soon = soon{}
		a.nextA.take(&a.soon, a.nextA.due())
		e.run(blocks, words, lda, step, &b[0], full, &c.Data[0], c.Stride*4, toInt(accumulate),
			a.soon.next, blockCount(a.soon.fetch, full*blocks*e.slots), a.soon.first, a.soon.lines, a.soon.skip)
	}
	for j := full * tileSide; j < c.Cols; j += tileSide {
		at := j / tileSide * panel
		e.run(blocks, words, lda, step, &b[at : at+panel][0], 1, &edge[0], tileSide*4, 0, nil, 0, 0, 0, 0)
		mergeEdge(c, j, edge[:], tileSide, accumulate)
	}
}

// tiles returns where the tiles of a strip are: their first row, and the bytes from row to row and
// from one block of 32 products to the next.
func (e *tileEngine) tiles(a *blockA, strip int) (first *float32, row, block int) {
	if a.halves != nil {
		return (*float32)(unsafe.Pointer(&a.halves[strip*tileSide*a.stride])), a.stride * 2, 64
	}
	return &a.words[strip*a.strip : (strip+1)*a.strip][0], 64, e.block() * 4
}

// narrowTiles rounds as the packing of tiles does. dst may be the memory of x.
func narrowTiles(dst []uint16, x []float32) {
	blocks := len(x) / 32
	if blocks > 0 {
		narrowBlocks(&dst[:len(x)][0], &x[0], blocks)
	}
	toBF16Reference(dst[blocks*32:], x[blocks*32:])
}
