package panel

import "github.com/seed-d24fde5f/distill/internal/half"

// routines are the innermost loops of one implementation. A product computes, for rows r and panels p,
//
//	y[r·ldy + 16p + l] = Σ_k x[r·ldx + k]·w[p·stride + 16k + l]
//
// adding in the order of k. The references below are their definition.
type routines struct {
	name     string
	mulF32   func(y []float32, ldy int, x []float32, ldx, rows int, w []float32, stride, k, panels int)
	mulF16   func(y []float32, ldy int, x []float32, ldx, rows int, w []uint16, stride, k, panels, ahead int)
	mulBF16  func(y []float32, ldy int, x []float32, ldx, rows int, w []uint16, stride, k, panels int)
	mulInt   func(y []float32, ldy int, in *Input, m *Matrix, lo, hi int)
	quantize func(blocks []block, x []float32)
}

var reference = routines{
	name:     "purego",
	mulF32:   mulF32Reference,
	mulF16:   mulF16Reference,
	mulBF16:  mulBF16Reference,
	mulInt:   mulIntReference,
	quantize: quantizeReference,
}

func mulF32Reference(y []float32, ldy int, x []float32, ldx, rows int, w []float32, stride, k, panels int) {
	for p := range panels {
		for r := range rows {
			var acc [Width]float32
			for i, v := range x[r*ldx : r*ldx+k] {
				column := (*[Width]float32)(w[p*stride+i*Width:])
				for l := range acc {
					acc[l] += v * column[l]
				}
			}
			copy(y[r*ldy+p*Width:], acc[:])
		}
	}
}

func mulF16Reference(y []float32, ldy int, x []float32, ldx, rows int, w []uint16, stride, k, panels, _ int) {
	mulHalves(half.FromF16, y, ldy, x, ldx, rows, w, stride, k, panels)
}

func mulBF16Reference(y []float32, ldy int, x []float32, ldx, rows int, w []uint16, stride, k, panels int) {
	mulHalves(half.FromBF16, y, ldy, x, ldx, rows, w, stride, k, panels)
}

func mulHalves(decode func(uint16) float32, y []float32, ldy int, x []float32, ldx, rows int, w []uint16, stride, k, panels int) {
	column := make([]float32, k*Width) // a panel is decoded once for all rows
	for p := range panels {
		for i, h := range w[p*stride : p*stride+k*Width] {
			column[i] = decode(h)
		}
		mulF32Reference(y[p*Width:], ldy, x, ldx, rows, column, 0, k, 1)
	}
}

// mulIntReference computes, block by block of columns,
//
//	y += (s·d)·float32(Σ q·x − zero·Σ x) [− min·(d·Σ x)]
//
// with integer sums exact.
func mulIntReference(y []float32, ldy int, in *Input, m *Matrix, lo, hi int) {
	group := m.form.Group
	row := make([]float32, Width*m.Cols) // levels less their zero
	scales, lows := make([]float32, m.Cols/group*Width), make([]float32, m.Cols/group*Width)
	for p := lo; p < hi; p++ {
		for l := range Width {
			for k := 0; k < m.Cols; k += 4 {
				for i, v := range m.chunk(m.levels[p*m.levelBytes(m.Cols)+k/32*64*(m.low+m.high):], l, k%32/4) {
					row[l*m.Cols+k+i] = float32(v - int32(m.form.Zero))
				}
			}
			for g := range m.Cols / group {
				scales[g*Width+l], lows[g*Width+l] = m.scale(p, l, g, m.Cols)
			}
		}
		for r := range in.Rows {
			for l := range Width {
				y[r*ldy+p*Width+l] = mulLevelsReference(in.blocks[r*m.Cols/32:], row[l*m.Cols:(l+1)*m.Cols], scales[l:], lows[l:], group)
			}
		}
	}
}

// mulLevelsReference is the product of one row with one; sums of at most 32 levels times activations are exact in float32.
func mulLevelsReference(x []block, row, scales, lows []float32, group int) (acc float32) {
	for g := range len(row) / group {
		b := &x[g*group/32]
		scaled := b.dsum
		if group == 16 {
			scaled = b.dsum16[g%2]
		}
		var dot float32
		for k := g * group; k < (g+1)*group; k++ {
			dot += row[k] * float32(b.q[k%32])
		}
		acc += scales[g*Width] * b.d * dot
		acc -= lows[g*Width] * scaled
	}
	return acc
}

func roundToFloat16(x float32) float32 { return half.FromF16(half.F16(x)) }
