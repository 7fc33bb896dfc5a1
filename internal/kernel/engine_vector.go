package kernel

import "unsafe"

// microKernel multiplies a strip of A by packed panels of B, with strides in bytes:
//
//	for each panel j:  C[r][j·NR + q] (+)= Σ_p A[r·rs + p·cs] · B[j][p][q]
//
// The rows of the strip are the kernel's own; acc 0 overwrites C and 1 adds to it. Meanwhile it does
// what soon says, as far as k and panels leave time for it.
type microKernel func(k int, a *float32, rs, cs int, b, c *float32, ldc, panels, acc int, soon *soon)

// tile describes the float32 micro-kernels of an implementation.
type tile struct {
	rows, columns int
	cache         cacheShares
	byRows        []microKernel // for strips of 1 … rows rows whose products are contiguous: cs is 4
	byColumns     []microKernel // the same with contiguous rows: rs is 4
	unroll        int           // products for each line that is fetched or row that is copied; 0 if none is
	copyA, copyB  panelCopier   // for strips and panels; nil in plain Go
}

// panelCopier copies k rows of panels·width floats to panels, step bytes apart, of k rows of width.
type panelCopier func(dst *float32, step int, src *float32, stride, panels, k int)

// vectorEngine is float32 on vector registers. A panel of B is packed as k rows of the panel's width.
// A strip of A is packed as its rows, or, from a transposed factor, as its columns.
type vectorEngine struct {
	round bool // inputs to bf16: what tiles compute, on machines without them
}

// rowPad keeps the rows of a strip from falling on the same cache sets.
const rowPad = 16

func (vectorEngine) tile() (rows, columns int) { return active.tile.rows, active.tile.columns }
func (vectorEngine) grain() int                { return 1 }
func (vectorEngine) cache() cacheShares        { return active.tile.cache }
func (vectorEngine) panel(k int) int           { return active.tile.columns * k }
func (vectorEngine) group(bool) int            { return active.tile.rows } // a strip stays in the L1 cache

func (e vectorEngine) packA(dst *blockA, a operand, i, rows, k0, k int) {
	strip := active.tile.rows
	dst.k, dst.columns = k, a.transposed
	if !e.round && inPlace(a, k) {
		dst.stride = a.Stride * 4
		if a.transposed {
			dst.strip, dst.words = strip, a.Data[k0*a.Stride+i:]
		} else {
			dst.strip, dst.words = strip*a.Stride, a.Data[i*a.Stride+k0:]
		}
		return
	}
	if e.packedAhead(dst, part{a: a, i: i, rows: rows, k0: k0, k: k}) {
		return
	}
	if a.transposed {
		dst.strip, dst.stride = strip*k, strip*4
	} else {
		dst.strip, dst.stride = strip*(k+rowPad), (k+rowPad)*4
	}
	dst.memory = grow(dst.memory, blockCount(rows, strip)*dst.strip)
	dst.words = dst.memory
	if a.transposed {
		packRows(dst.words, strip, active.tile.copyA, a.Data[k0*a.Stride+i:], a.Stride, rows, k)
	} else {
		for r := range rows {
			at := r/strip*dst.strip + r%strip*(k+rowPad)
			copy(dst.words[at:at+k], a.Data[(i+r)*a.Stride+k0:])
		}
	}
	if e.round {
		roundWords(dst.words)
	}
}

// packedAhead finishes a strip that the kernel began to copy when it multiplied the one before.
func (e vectorEngine) packedAhead(dst *blockA, p part) bool {
	if dst.packed == 0 {
		return false
	}
	done := dst.packed
	dst.packed = 0
	if n := dst.next; n.i != p.i || n.rows != p.rows || n.k0 != p.k0 || n.k != p.k {
		return false
	}
	strip := p.rows
	dst.memory, dst.ahead = dst.ahead, dst.memory
	dst.words, dst.strip, dst.stride = dst.memory, strip*p.k, strip*4
	if done < p.k {
		packRows(dst.words[done*strip:], strip, active.tile.copyA, p.a.Data[(p.k0+done)*p.a.Stride+p.i:], p.a.Stride, strip, p.k-done)
	}
	return true
}

// beside sets a.soon to what the kernel has time for beside panels [lo, hi), and returns hi: the next
// strip, copied if it consists of columns, and then a share of what comes after the last strip.
func (e vectorEngine) beside(a *blockA, rows, lo, panels int) (hi int) {
	a.soon, a.packed = soon{}, 0
	if active.tile.unroll == 0 {
		return panels
	}
	slots := a.k/active.tile.unroll - rows // lines or rows beside one panel
	switch n := &a.next; {
	case slots <= 0:
	case lo > 0 || n.rows == 0:
		a.nextB.take(&a.soon, (panels-lo)*slots)
	case a.columns && e.copies(n) && rows == n.rows:
		e.copyAhead(a, n, panels*slots/2) // beside every other line
		a.nextB.take(&a.soon, panels*slots-a.packed)
	default:
		hi = panels
		if a.nextB.due() > 0 {
			hi = max(1, min(panels, blockCount(a.nextA.due(), slots)))
		}
		a.nextA.take(&a.soon, hi*slots)
		return hi
	}
	return panels
}

// copies reports whether a kernel can copy a part.
func (e vectorEngine) copies(n *part) bool {
	return n.a.transposed && !n.later && n.rows == active.tile.rows && !e.round && !inPlace(n.a, n.k)
}

// copyAhead lets the kernel copy as many products of the next strip as it has time for.
func (e vectorEngine) copyAhead(a *blockA, n *part, most int) {
	a.ahead = grow(a.ahead, n.rows*n.k)
	a.packed = min(most, n.k)
	src := n.a.Data[n.k0*n.a.Stride+n.i:]
	_ = src[(a.packed-1)*n.a.Stride+n.rows-1]
	a.soon.to, a.soon.from, a.soon.stride, a.soon.rows = &a.ahead[0], &src[0], n.a.Stride*4, a.packed
}

// inPlace reports whether a strip of A is as good where it lies as in a copy. Rows 4 KiB apart fall
// on the same sets of the L1 cache, columns 256 bytes apart soon do, and columns far apart lie on as
// many pages as there are products.
func inPlace(a operand, k int) bool {
	if a.transposed {
		return a.Stride <= 512 && a.Stride%64 != 0
	}
	return a.Stride%1024 != 0 || k == a.Stride
}

func (e vectorEngine) packB(dst []float32, b operand, j, columns, k0, k int) {
	width := active.tile.columns
	dst = dst[:blockCount(columns, width)*width*k]
	if b.transposed {
		for q := 0; q < columns; q += width {
			active.transpose(dst[q*k:][:width*k], width, b.Data[(j+q)*b.Stride+k0:], b.Stride, min(width, columns-q), k)
		}
	} else {
		packRows(dst, width, active.tile.copyB, b.Data[k0*b.Stride+j:], b.Stride, columns, k)
	}
	if e.round {
		roundWords(dst)
	}
}

// packRows copies k rows of n elements to panels of k rows of width, with zeros behind the last.
func packRows(dst []float32, width int, copier panelCopier, src []float32, stride, n, k int) {
	whole := n / width
	if copier == nil {
		whole = 0
	} else if whole > 0 {
		_, _ = dst[whole*width*k-1], src[(k-1)*stride+whole*width-1]
		copier(&dst[0], width*k*4, &src[0], stride*4, whole, k)
	}
	for q := whole * width; q < n; q += width {
		panel, count := dst[q*k:], min(width, n-q)
		for p := range k {
			row := panel[p*width : (p+1)*width]
			clear(row[copy(row, src[p*stride+q:][:count]):])
		}
	}
}

func roundWords(x []float32) {
	for i, v := range x {
		x[i] = roundBF16(v)
	}
}

func (e vectorEngine) multiply(c Matrix, a *blockA, strip int, b []float32, accumulate bool, edge *edgeTile) {
	rows, width := c.Rows, active.tile.columns
	kernel, rs, cs := active.tile.byRows[rows-1], a.stride, 4
	if a.columns {
		kernel, rs, cs = active.tile.byColumns[rows-1], 4, a.stride
	}
	words := &a.words[strip*a.strip]
	full := c.Cols / width
	if full > 0 {
		_ = b[full*width*a.k-1]
		_ = c.Data[(rows-1)*c.Stride+full*width-1]
	}
	for lo, hi := 0, 0; lo < full; lo = hi {
		hi = e.beside(a, rows, lo, full)
		kernel(a.k, words, rs, cs, &b[lo*width*a.k], &c.Data[lo*width], c.Stride*4, hi-lo, toInt(accumulate), &a.soon)
	}
	if rest := c.Cols - full*width; rest > 0 {
		kernel(a.k, words, rs, cs, &b[full*width*a.k], &edge[0], width*4, 1, 0, &nothing)
		mergeEdge(c, full*width, edge[:], width, accumulate)
	}
}

// mergeEdge stores or adds the part of a tile that lies within c, whose first column is `from`.
func mergeEdge(c Matrix, from int, edge []float32, ld int, accumulate bool) {
	for r := range c.Rows {
		row := c.Row(r)[from:]
		row = row[:min(len(row), ld)]
		if accumulate {
			for q := range row {
				row[q] += edge[r*ld+q]
			}
		} else {
			copy(row, edge[r*ld:])
		}
	}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The micro-kernels of plain Go: 4×4, one row at a time.
var goKernels = []microKernel{sgemmGo1, sgemmGo2, sgemmGo3, sgemmGo4}

func sgemmGo1(k int, a *float32, rs, cs int, b, c *float32, ldc, panels, acc int, _ *soon) {
	sgemmGo(1, k, a, rs, cs, b, c, ldc, panels, acc)
}
func sgemmGo2(k int, a *float32, rs, cs int, b, c *float32, ldc, panels, acc int, _ *soon) {
	sgemmGo(2, k, a, rs, cs, b, c, ldc, panels, acc)
}
func sgemmGo3(k int, a *float32, rs, cs int, b, c *float32, ldc, panels, acc int, _ *soon) {
	sgemmGo(3, k, a, rs, cs, b, c, ldc, panels, acc)
}
func sgemmGo4(k int, a *float32, rs, cs int, b, c *float32, ldc, panels, acc int, _ *soon) {
	sgemmGo(4, k, a, rs, cs, b, c, ldc, panels, acc)
}

func sgemmGo(rows, k int, a *float32, rs, cs int, b, c *float32, ldc, panels, acc int) {
	rs, cs, ldc = rs/4, cs/4, ldc/4
	aa := unsafe.Slice(a, (rows-1)*rs+max(k-1, 0)*cs+1)
	bb := unsafe.Slice(b, panels*k*4)
	cc := unsafe.Slice(c, (rows-1)*ldc+panels*4)
	for j := range panels {
		for r := range rows {
			var s0, s1, s2, s3 float32
			at := r * rs
			for p := j * k * 4; p < (j+1)*k*4; p += 4 {
				v, row := aa[at], bb[p:p+4]
				s0 += v * row[0]
				s1 += v * row[1]
				s2 += v * row[2]
				s3 += v * row[3]
				at += cs
			}
			out := cc[r*ldc+j*4:][:4]
			if acc == 0 {
				out[0], out[1], out[2], out[3] = s0, s1, s2, s3
			} else {
				out[0] += s0
				out[1] += s1
				out[2] += s2
				out[3] += s3
			}
		}
	}
}
