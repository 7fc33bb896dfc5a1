//go:build !purego && (amd64 || arm64)

package panel

import (
	"sync"
	"unsafe"
)

// floatArgs are the arguments of an assembly product of floats; lengths between things are in bytes.
type floatArgs struct {
	y, x, w  unsafe.Pointer
	ldy, ldx int
	stride   int // between panels
	k        int // columns, at least 1
	ahead    int // from a panel to what is fetched meanwhile
	groups   int // of the routine's number of panels, at least 1
}

// intArgs are the arguments of an assembly product of levels.
type intArgs struct {
	y, x                 unsafe.Pointer
	levels, scales, mins unsafe.Pointer // mins may be nil
	ldy, ldx             int
	blocks               int // of 32 columns, at least 1
	panels               int // at least 1
	shift                uint32
	flip                 uint32
}

// quantizeArgs are the arguments of an assembly routine that quantizes activations.
type quantizeArgs struct {
	x, blocks unsafe.Pointer
	n         int // blocks, at least 1
}

// Arguments are reused: behind a function value the compiler cannot see that the assembly keeps no pointer, and would
// allocate them for every product.
var (
	floatCalls = sync.Pool{New: func() any { return new(floatArgs) }}
	intCalls   = sync.Pool{New: func() any { return new(intArgs) }}
	quantCalls = sync.Pool{New: func() any { return new(quantizeArgs) }}
)

// floatTile is a routine for a number of rows and a group of panels.
type floatTile struct {
	rows, panels int
	run          func(*floatArgs)
}

// intTile is a routine for a number of rows.
type intTile struct {
	rows int
	run  func(*intArgs)
}

// mulFloats covers the product with tiles, which are ordered from many rows to few and, among equal rows, from many
// panels to few; the last of each number of rows takes one panel. Panels are the outer loop where rows need several
// tiles, so that a panel is read from memory once.
func mulFloats(tiles []floatTile, size int, y []float32, ldy int, x []float32, ldx, rows int, w unsafe.Pointer, stride, k, panels, ahead int) {
	if k == 0 {
		for r := range rows {
			clear(y[r*ldy : r*ldy+panels*Width])
		}
		return
	}
	a := floatCalls.Get().(*floatArgs)
	defer floatCalls.Put(a)
	*a = floatArgs{ldy: 4 * ldy, ldx: 4 * ldx, stride: size * stride, k: k, ahead: size * ahead}
	group := panels
	if rows > tiles[0].rows {
		group = tiles[0].panels
	}
	for p := 0; p < panels; p += group {
		some := min(group, panels-p)
		for r := 0; r < rows; {
			done := 0
			n := 0
			for i := range tiles {
				t := &tiles[i]
				if t.rows > rows-r || n != 0 && t.rows != n || t.panels > some-done {
					continue
				}
				n = t.rows
				a.groups = (some - done) / t.panels
				a.y = unsafe.Pointer(&y[r*ldy+(p+done)*Width])
				a.x = unsafe.Pointer(&x[r*ldx])
				a.w = unsafe.Add(w, size*(p+done)*stride)
				t.run(a)
				done += a.groups * t.panels
				if done == some {
					break
				}
			}
			r += n
		}
	}
}

// mulLevels covers the product with tiles, ordered from many rows to few.
func mulLevels(tiles []intTile, a *intArgs, y []float32, ldy int, in *Input, m *Matrix, lo, hi int) {
	perPanel := m.Cols * Width
	if m.layout == layoutNibble {
		perPanel /= 2
	}
	scales := m.Cols / m.group() * Width
	blocks := m.Cols / 32
	a.ldy, a.ldx, a.blocks = 4*ldy, int(unsafe.Sizeof(block{}))*blocks, blocks
	group := hi - lo
	if in.Rows > tiles[0].rows {
		group = 1
	}
	for p := lo; p < hi; p += group {
		a.panels = group
		a.levels = unsafe.Pointer(&m.levels[p*perPanel])
		a.scales = unsafe.Pointer(&m.scales[p*scales])
		if m.mins != nil {
			a.mins = unsafe.Pointer(&m.mins[p*scales])
		}
		for r := 0; r < in.Rows; {
			for _, t := range tiles {
				if t.rows <= in.Rows-r {
					a.y = unsafe.Pointer(&y[r*ldy+p*Width])
					a.x = unsafe.Pointer(&in.blocks[r*blocks])
					t.run(a)
					r += t.rows
					break
				}
			}
		}
	}
}

// floats makes the three float products of an implementation from its tiles.
func (r *routines) floats(f32, f16, bf16 []floatTile) {
	r.mulF32 = func(y []float32, ldy int, x []float32, ldx, rows int, w []float32, stride, k, panels int) {
		mulFloats(f32, 4, y, ldy, x, ldx, rows, unsafe.Pointer(unsafe.SliceData(w)), stride, k, panels, 0)
	}
	r.mulF16 = func(y []float32, ldy int, x []float32, ldx, rows int, w []uint16, stride, k, panels, ahead int) {
		mulFloats(f16, 2, y, ldy, x, ldx, rows, unsafe.Pointer(unsafe.SliceData(w)), stride, k, panels, ahead)
	}
	r.mulBF16 = func(y []float32, ldy int, x []float32, ldx, rows int, w []uint16, stride, k, panels int) {
		mulFloats(bf16, 2, y, ldy, x, ldx, rows, unsafe.Pointer(unsafe.SliceData(w)), stride, k, panels, 0)
	}
}

// ints makes the products of levels, by layout, from their tiles. Signed routines take levels centred at 128 as signed
// bytes, by flipping their upper bit; the others subtract the centre through the sum of the activations.
func (r *routines) ints(signed bool, bytes, bytes16, nibbles []intTile) {
	r.mulInt = func(y []float32, ldy int, in *Input, m *Matrix, lo, hi int) {
		a := intCalls.Get().(*intArgs)
		defer intCalls.Put(a)
		*a = intArgs{shift: shiftOf(m.zero)}
		if signed && m.zero == 128 {
			a.shift, a.flip = noShift, 0x80808080
		}
		tiles := bytes
		switch m.layout {
		case layoutByte16:
			tiles = bytes16
		case layoutNibble:
			tiles = nibbles
		}
		mulLevels(tiles, a, y, ldy, in, m, lo, hi)
	}
}

// quantizes makes the quantization of activations from its routine.
func (r *routines) quantizes(run func(*quantizeArgs)) {
	r.quantize = func(blocks []block, x []float32) {
		if len(blocks) == 0 {
			return
		}
		a := quantCalls.Get().(*quantizeArgs)
		defer quantCalls.Put(a)
		*a = quantizeArgs{unsafe.Pointer(&x[:len(blocks)*32][0]), unsafe.Pointer(&blocks[0]), len(blocks)}
		run(a)
	}
}

// noShift moves every bit of 32 out.
const noShift = 32

// shiftOf returns the shift that multiplies with zero, which is 0 or a power of two.
func shiftOf(zero int32) uint32 {
	for s := range uint32(31) {
		if zero == 1<<s {
			return s
		}
	}
	return noShift
}
