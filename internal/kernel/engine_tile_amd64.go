//go:build !purego

package kernel

// tileEngine is bf16 on AMX tiles with float32 sums. Strips and panels are 32 wide; products are
// packed in blocks of 32, padded with zeros, one word holding a pair. _asm/amx.go has the layouts.
type tileEngine struct{}

const (
	tileSide  = 32
	blockSize = 512 // words of one block of a strip or panel
)

func (tileEngine) tile() (rows, columns int) { return tileSide, tileSide }
func (tileEngine) grain() int                { return 32 }

// cache is for the 2 MiB of L2 that every processor with tiles has.
func (tileEngine) cache() cacheShares { return cacheShares{depth: 512, b: 192 << 10, c: 96 << 10} }

// group is whole cache lines of several rows where A is transposed: few pages at a time.
func (tileEngine) group(transposed bool) int {
	if transposed {
		return 128
	}
	return tileSide
}

func (tileEngine) panel(k int) int { return blockCount(k, 32) * blockSize }

func (e tileEngine) packA(dst *blockA, a operand, i, rows, k0, k int) {
	blocks := blockCount(k, 32)
	dst.k, dst.strip = k, e.panel(k)
	dst.memory = grow(dst.memory, blockCount(rows, tileSide)*dst.strip)
	dst.words = dst.memory
	whole := rows / tileSide
	switch {
	case k%32 != 0:
		whole = 0
	case !a.transposed:
		whole = blockCount(rows, tileSide) // a short strip is no trouble here
		for s := range whole {
			src := a.Data[(i+s*tileSide)*a.Stride+k0:]
			n := min(tileSide, rows-s*tileSide)
			_ = src[(n-1)*a.Stride+k-1]
			packRowsA(&dst.words[s*dst.strip], &src[0], a.Stride*4, n, blocks)
		}
	case whole > 0:
		for b := range blocks {
			src := a.Data[(k0+b*32)*a.Stride+i:]
			_ = src[31*a.Stride+whole*tileSide-1]
			packColumnsA(&dst.words[b*blockSize], &src[0], a.Stride*4, whole, dst.strip*4)
		}
	}
	for s := whole; s*tileSide < rows; s++ {
		pad := pads.get()
		words := pad.gather(a, i+s*tileSide, min(tileSide, rows-s*tileSide), k0, k, blocks)
		packRowsA(&dst.words[s*dst.strip], &words[0], blocks*128, tileSide, blocks)
		pads.put(pad)
	}
}

func (e tileEngine) packB(dst []float32, b operand, j, columns, k0, k int) {
	blocks, panel := blockCount(k, 32), e.panel(k)
	whole := columns / tileSide
	_ = dst[blockCount(columns, tileSide)*panel-1]
	switch {
	case k%32 != 0:
		whole = 0
	case b.transposed:
		for h := range whole * 2 {
			src := b.Data[(j+h*16)*b.Stride+k0:]
			_ = src[15*b.Stride+k-1]
			packRowsB(&dst[h/2*panel+h%2*blockSize/2], &src[0], b.Stride*4, blocks)
		}
	case whole > 0:
		for p := range blocks {
			src := b.Data[(k0+p*32)*b.Stride+j:]
			_ = src[31*b.Stride+whole*tileSide-1]
			packColumnsB(&dst[p*blockSize], &src[0], b.Stride*4, whole, panel*4)
		}
	}
	flipped := operand{Matrix: b.Matrix, transposed: !b.transposed}
	for q := whole; q*tileSide < columns; q++ {
		pad := pads.get()
		words := pad.gather(flipped, j+q*tileSide, min(tileSide, columns-q*tileSide), k0, k, blocks)
		packRowsB(&dst[q*panel], &words[0], blocks*128, blocks)
		packRowsB(&dst[q*panel+blockSize/2], &words[16*blocks*32], blocks*128, blocks)
		pads.put(pad)
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
		if !a.transposed {
			copy(row, a.Data[(i+r)*a.Stride+k0:])
			continue
		}
		for q := range row {
			row[q] = a.Data[(k0+q)*a.Stride+i+r]
		}
	}
	return p.words
}

func (e tileEngine) multiply(c Matrix, a *blockA, strip int, b []float32, accumulate bool, edge *edgeTile) {
	blocks, panel := blockCount(a.k, 32), e.panel(a.k)
	words := &a.words[strip*a.strip : (strip+1)*a.strip][0]
	full := c.Cols / tileSide
	if c.Rows < tileSide {
		full = 0
	}
	if full > 0 {
		_ = b[full*panel-1]
		_ = c.Data[31*c.Stride+full*tileSide-1]
		// B is not fetched: A alone takes all that the memory gives.
		a.soon = soon{}
		a.nextA.take(&a.soon, a.nextA.due())
		tileMultiply(blocks, words, &b[0], full, &c.Data[0], c.Stride*4, toInt(accumulate),
			a.soon.next, blockCount(a.soon.fetch, full*blocks), a.soon.first, a.soon.lines, a.soon.skip)
	}
	for j := full * tileSide; j < c.Cols; j += tileSide {
		at := j / tileSide * panel
		tileMultiply(blocks, words, &b[at : at+panel][0], 1, &edge[0], tileSide*4, 0, nil, 0, 0, 0, 0)
		mergeEdge(c, j, edge[:], tileSide, accumulate)
	}
}
