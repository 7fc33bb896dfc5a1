//go:build !purego

package panel

import (
	"runtime"
	"sync"
	"unsafe"
)

// stripRows is the number of activation rows that a tile holds. Strips that are less full are left to vectors, which
// need no unpacked weights: below fewestRows the tiles are no faster, and where every 16 columns have a scale, which
// leaves the tiles half as much to do for each sum, below fewestFine.
const (
	stripRows  = 16
	fewestRows = 12
	fewestFine = 64
)

// unpackArgs are the arguments of an assembly routine that unpacks levels and scales.
type unpackArgs struct {
	levels, scales, shared  unsafe.Pointer // as of intArgs
	bytes, scales32, mins32 unsafe.Pointer // the last is used of affine types alone
	blocks                  int            // of 32 columns, at least 1
}

// tileArgs are the arguments of an assembly product on tiles, which walks with some of them past the ends of what they
// point to: they are numbers, and the caller keeps the things alive. The mins may be 0.
type tileArgs struct {
	y, x                       uintptr
	levels, scales, mins       uintptr // mins may be 0
	sums                       uintptr // of four groups
	levelsAt, scalesAt, minsAt uintptr // the routine's own: of the panel at hand
	out                        uintptr // the routine's own: of the strip and panel at hand
	levelsStep, scalesStep     int     // between panels
	ldy, ldx                   int
	blocks                     int     // of 32 columns, at least 1
	accumulate                 int     // 1 adds to y
	panels                     int     // at least 1
	strips                     int     // at least 1
	rows                       int     // of a strip, 1 to 16; several strips have 16
	left                       int     // the routine's own: panels
	ahead                      uintptr // what is fetched meanwhile; it advances
	config                     [64]byte
}

// tileScratch is what one product on tiles needs.
type tileScratch struct {
	args   tileArgs
	unpack unpackArgs
	rest   Input // rows that fill no strip
	sums   []byte
	bytes  []byte    // unpacked panels
	scales []float32 // theirs
	mins   []float32 // theirs, of affine types
}

// A strip's activations stay in the nearest cache while the panels, unpacked, come from the second: at most so many
// blocks and bytes.
const (
	sumsBytes      = 4 << 10
	unpackedBytes  = 64 << 10
	blocksTogether = 16
)

var tileScratches = sync.Pool{New: func() any {
	s := &tileScratch{sums: make([]byte, 2*sumsBytes)}
	at := -address(&s.sums[0]) % sumsBytes
	s.args.sums = address(&s.sums[at])
	return s
}}

// configure sets the shapes of the tiles: 0 to 3 hold sums, 4 and 5 rows of activations, 6 and 7 levels.
func (a *tileArgs) configure(group int) {
	const palette, columns, height = 0, 16, 48 // offsets; columns are bytes, in words
	a.config[palette] = 1
	for t := range 4 {
		a.config[columns+2*t], a.config[height+t] = 64, byte(a.rows)
	}
	for t := 4; t < 6; t++ {
		a.config[columns+2*t], a.config[height+t] = byte(group), byte(a.rows)
	}
	for t := 6; t < 8; t++ {
		a.config[columns+2*t], a.config[height+t] = 64, byte(group/4)
	}
}

// onTiles makes the products of levels run on tiles, as far as rows fill strips of them.
func (r *routines) onTiles() {
	vectors := r.mulInt
	r.mulInt = func(y []float32, ldy int, in *Input, m *Matrix, lo, hi int) {
		rest := in.Rows % stripRows
		if rest >= fewestRows {
			rest = 0
		}
		tiled := in.Rows - rest
		if tiled == 0 || m.form.Group == 16 && tiled < fewestFine {
			vectors(y, ldy, in, m, lo, hi)
			return
		}
		s := tileScratches.Get().(*tileScratch)
		defer tileScratches.Put(s)
		s.multiply(y, ldy, in, m, tiled, lo, hi)
		if rest > 0 {
			s.rest = Input{Rows: rest, Cols: in.Cols, blocks: in.blocks[tiled*in.Cols/32:]}
			vectors(y[tiled*ldy:], ldy, &s.rest, m, lo, hi)
			s.rest.blocks = nil
		}
	}
}

// multiply unpacks panels, some at a time, and multiplies the first rows of in with them.
func (s *tileScratch) multiply(y []float32, ldy int, in *Input, m *Matrix, rows, lo, hi int) {
	a := &s.args
	some := min(hi-lo, max(1, unpackedBytes/(m.Cols*Width)))
	multiply := mulGroups32AMX
	if m.form.Group == 16 {
		multiply = mulGroups16AMX
	}
	for p := lo; p < hi; p += some {
		n := min(some, hi-p)
		s.unpackPanels(m, p, n)
		a.ahead = address(&m.levels[min((p+n)*m.levelBytes(m.Cols), len(m.levels)-1)])
		for block := 0; block < m.Cols/32; block += blocksTogether {
			for row := 0; row < rows; {
				s.set(y[row*ldy+p*Width:], ldy, in, row, m, block)
				a.panels, a.strips, a.rows = n, (rows-row)/stripRows, stripRows
				if a.strips == 0 {
					a.strips, a.rows = 1, rows-row
				}
				row += a.strips * a.rows
				a.configure(m.form.Group)
				multiply(a)
			}
		}
	}
	runtime.KeepAlive(y)
	runtime.KeepAlive(in)
	runtime.KeepAlive(m)
}

// unpackPanels unpacks n panels from p on.
func (s *tileScratch) unpackPanels(m *Matrix, p, n int) {
	elements := n * m.Cols * Width
	bytes, scales := resize(&s.bytes, elements), resize(&s.scales, elements/m.form.Group)
	u := &s.unpack
	u.levels, u.blocks = unsafe.Pointer(&m.levels[p*m.levelBytes(m.Cols)]), n*m.Cols/32
	u.scales, u.shared = m.scalesAt(p)
	u.bytes, u.scales32, u.mins32 = unsafe.Pointer(&bytes[0]), unsafe.Pointer(&scales[0]), nil
	if m.form.Affine {
		u.mins32 = unsafe.Pointer(&resize(&s.mins, len(scales))[0])
	}
	unpackAMX[m.Type](u)
	*u = unpackArgs{}
}

func resize[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n)
	}
	*s = (*s)[:n]
	return *s
}

// set prepares the product of the rows from row on with the panels unpacked, in some blocks of columns.
func (s *tileScratch) set(y []float32, ldy int, in *Input, row int, m *Matrix, block int) {
	a, blocks, groups := &s.args, m.Cols/32, m.Cols/m.form.Group
	scales := block * 32 / m.form.Group * Width
	a.y, a.x = address(&y[0]), address(&in.blocks[row*blocks+block])
	a.levels, a.scales, a.mins = address(&s.bytes[block*32*Width]), address(&s.scales[scales]), 0
	if m.form.Affine {
		a.mins = address(&s.mins[scales])
	}
	a.levelsAt, a.scalesAt, a.minsAt, a.out, a.left = 0, 0, 0, 0, 0 // the routine's own
	a.levelsStep, a.scalesStep = m.Cols*Width, groups*Width*4
	a.ldy, a.ldx = 4*ldy, int(unsafe.Sizeof(in.blocks[0]))*blocks
	a.blocks, a.accumulate = min(blocks-block, blocksTogether), min(block, 1)
}

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }
