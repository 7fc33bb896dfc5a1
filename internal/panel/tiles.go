//go:build !purego && (amd64 || arm64)

package panel

import (
	"sync"
	"unsafe"

	"github.com/seed-d24fde5f/distill/internal/quant"
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
	y, x     unsafe.Pointer
	levels   unsafe.Pointer
	scales   unsafe.Pointer // of groups: integers of a super-block type, else floats
	shared   unsafe.Pointer // floats of a super-block type
	ldy, ldx int
	blocks   int // of 32 columns, at least 1
	panels   int // at least 1
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

// scalesAt returns the scales of groups and the shared ones from a panel on; the latter are nil where groups have their own.
func (m *Matrix) scalesAt(p int) (scales, shared unsafe.Pointer) {
	floats := unsafe.Pointer(&m.floats16[p*m.packed.floats(m.Cols)])
	if !m.form.Super {
		return floats, nil
	}
	return unsafe.Pointer(&m.integers[p*m.integerBytes(m.Cols)]), floats
}

// mulLevels covers the product with tiles, ordered from many rows to few.
func mulLevels(tiles []intTile, a *intArgs, y []float32, ldy int, in *Input, m *Matrix, lo, hi int) {
	blocks := m.Cols / 32
	a.ldy, a.ldx, a.blocks = 4*ldy, int(unsafe.Sizeof(block{}))*blocks, blocks
	group := hi - lo
	if in.Rows > tiles[0].rows {
		group = 1
	}
	for p := lo; p < hi; p += group {
		a.panels = group
		a.levels = unsafe.Pointer(&m.levels[p*m.levelBytes(m.Cols)])
		a.scales, a.shared = m.scalesAt(p)
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

// ints makes the products of levels from the tiles of each type.
func (r *routines) ints(tiles map[quant.Type][]intTile) {
	r.mulInt = func(y []float32, ldy int, in *Input, m *Matrix, lo, hi int) {
		a := intCalls.Get().(*intArgs)
		defer intCalls.Put(a)
		mulLevels(tiles[m.Type], a, y, ldy, in, m, lo, hi)
		*a = intArgs{}
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
