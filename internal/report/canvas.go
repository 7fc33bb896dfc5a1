package report

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// newCanvas wraps c with a margin, so that the last tick label is not cut.
func newCanvas(c vg.CanvasSizer) draw.Canvas {
	return draw.Crop(draw.New(c), 4, -12, 4, -4)
}
