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
	group := m.group()
	groups := m.Cols / group
	levels := make([]int32, Width*m.Cols)
	for p := lo; p < hi; p++ {
		for k := range m.Cols {
			for l := range Width {
				levels[k*Width+l] = m.level(p, l, k)
			}
		}
		for r := range in.Rows {
			var acc [Width]float32
			for g := range groups {
				b := &in.blocks[r*m.Cols/32+g*group/32]
				total, scaled := b.sum, b.dsum
				if group == 16 {
					total, scaled = b.sum16[g%2], b.dsum16[g%2]
				}
				var dot [Width]int32
				for k := g * group; k < (g+1)*group; k++ {
					for l := range dot {
						dot[l] += levels[k*Width+l] * int32(b.q[k%32])
					}
				}
				at := (p*groups + g) * Width
				for l := range acc {
					acc[l] += m.scales[at+l] * b.d * float32(dot[l]+m.zero*total)
					if m.mins != nil {
						acc[l] -= m.mins[at+l] * scaled
					}
				}
			}
			copy(y[r*ldy+p*Width:], acc[:])
		}
	}
}

func roundToFloat16(x float32) float32 { return half.FromF16(half.F16(x)) }
