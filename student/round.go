package student

import (
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Rounding sets dst to what is left of a matrix src, with rows of cols elements, after export.
type Rounding func(dst, src []float32, cols int)

// RoundTo trains against a block format: the forward pass uses weights as they will be after encoding and decoding, and
// the gradient passes through as if they had not been rounded (straight-through). Rows that the format cannot hold, those
// that are no multiple of its block, stay exact.
func RoundTo(t quant.Type) Option {
	return func(s *settings) { s.round = rounding(t) }
}

func rounding(t quant.Type) Rounding {
	var buf []byte
	return func(dst, src []float32, cols int) {
		if cols%t.BlockSize() != 0 {
			copy(dst, src)
			return
		}
		buf = append(buf[:0], make([]byte, t.RowBytes(cols))...)
		for lo := 0; lo < len(src); lo += cols {
			quant.Encode(t, buf, src[lo:lo+cols], nil)
			quant.Decode(t, dst[lo:lo+cols], buf)
		}
	}
}
