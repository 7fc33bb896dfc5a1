package kernel

import "unsafe"

// fetch is memory to bring to the L2 cache while other blocks are multiplied: runs of cache lines,
// step elements from one to the next. It is spread evenly over so many parts.
type fetch struct {
	data        []float32
	lines, step int // lines of a run, elements from one to the next
	done        int // lines
	parts       int
}

const lineWords = 16 // elements of a cache line

// fetchOf describes a part of a left factor, to be fetched in so many parts.
func fetchOf(p part, parts int) fetch {
	i, rows, k0, k := p.i, p.rows, p.k0, p.k
	if p.a.transposed {
		i, rows, k0, k = k0, k, i, rows
	}
	if rows == 0 || k == 0 || (rows > 64 && p.a.Stride%2048 == 0) { // these fall on a few sets of the cache and push one another out
		return fetch{}
	}
	data, stride := p.a.Data, p.a.Stride
	if halves := p.a.BF16; halves != nil {
		if stride%2 != 0 {
			return fetch{}
		}
		data, stride, k0, k = unsafe.Slice((*float32)(unsafe.Pointer(&halves[0])), len(halves)/2), stride/2, k0/2, k/2
	}
	return fetch{data: data[i*stride+k0 : (i+rows-1)*stride+k0+k], lines: blockCount(k, lineWords), step: stride, parts: parts}
}

// due returns the lines of the next part.
func (f *fetch) due() int {
	if f.parts == 0 || f.lines == 0 {
		return 0
	}
	return blockCount(max(0, blockCount(len(f.data), f.step)*f.lines-f.done), f.parts)
}

// take begins a part and tells a kernel to fetch it, or as much as `most` lines.
func (f *fetch) take(s *soon, most int) {
	count, at := min(f.due(), most), 0
	if count > 0 {
		at = f.done/f.lines*f.step + f.done%f.lines*lineWords
	}
	f.parts = max(0, f.parts-1)
	if count <= 0 || at >= len(f.data) {
		return
	}
	s.next, s.fetch, s.first = &f.data[at], count, f.lines-f.done%f.lines
	s.lines, s.skip = f.lines, (f.step-f.lines*lineWords)*4
	f.done += count
}
