package report

import (
	"html/template"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// quality is a measure that models can be compared by in a picture.
type quality struct {
	axis   string
	least  float64 // of the axis
	most   float64 // 0 for what the values need
	values func(*Model) (value, low, high float64, ok bool)
}

// qualities in the order of preference: what the student is for, then how near it is to the teacher.
var qualities = []quality{
	{"exact match in %", 0, 100, func(m *Model) (float64, float64, float64, bool) {
		if m.ExactMatch == nil {
			return 0, 0, 0, false
		}
		return 100 * m.ExactMatch.Value, 100 * m.ExactMatch.Low, 100 * m.ExactMatch.High, true
	}},
	{"KL to the teacher in nats a token", 0, 0, func(m *Model) (float64, float64, float64, bool) {
		if m.KLToTeacher == nil || m.Role == Untouched {
			return 0, 0, 0, false
		}
		return *m.KLToTeacher, *m.KLToTeacher, *m.KLToTeacher, true
	}},
}

// price is what a model costs to keep or to run, which its quality is set against.
type price struct {
	title, axis string
	value       func(*Model) float64 // 0 where it was not measured
}

var prices = []price{
	{"Quality against size", "size in MB", func(m *Model) float64 { return float64(m.Bytes) / 1e6 }},
	{"Quality against speed", "tokens/s of decoding", func(m *Model) float64 {
		if m.DecodeTokensPS == nil {
			return 0
		}
		return *m.DecodeTokensPS
	}},
}

// modelFigures sets the first quality that two models have against each price.
func modelFigures(models []Model) ([]figure, error) {
	var figs []figure
	for _, c := range prices {
		for _, q := range qualities {
			svg, err := drawQuality(models, q, c)
			if err != nil {
				return nil, err
			}
			if svg != "" {
				figs = append(figs, figure{c.title, svg})
				break
			}
		}
	}
	return figs, nil
}

// drawQuality draws a point a model, with the 95 % interval of its quality.
func drawQuality(models []Model, q quality, c price) (template.HTML, error) {
	var points struct {
		plotter.XYs
		plotter.YErrors
	}
	var names []string
	for i := range models {
		m := &models[i]
		value, low, high, ok := q.values(m)
		x := c.value(m)
		if !ok || x == 0 || m.MeasuredOn != "" {
			continue
		}
		points.XYs = append(points.XYs, plotter.XY{X: x, Y: value})
		points.YErrors = append(points.YErrors, struct{ Low, High float64 }{value - low, high - value})
		names = append(names, shortLabel(m))
	}
	if len(points.XYs) < 2 {
		return "", nil
	}
	bars, err := plotter.NewYErrorBars(points)
	if err != nil {
		return "", err
	}
	bars.Color = orange
	dots, err := plotter.NewScatter(points.XYs)
	if err != nil {
		return "", err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: blue, Radius: 3, Shape: draw.CircleGlyph{}}
	p := newPlot(c.axis, q.axis)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(decades)
	p.Add(bars, dots)
	p.Y.Min = q.least
	if q.most > 0 {
		p.Y.Max = q.most
	}
	p.X.Min, p.X.Max = p.X.Min/1.3, p.X.Max*2.5 // room for the names
	if err := nameDots(p, points.XYs, names); err != nil {
		return "", err
	}
	return render(p)
}

// nameDots writes a name beside each dot, and below or above one that stands there already. p has its axes.
func nameDots(p *plot.Plot, dots plotter.XYs, names []string) error {
	const width, height, letter, size = 350.0, 190.0, 4.6, 9.0 // of the plot's inside and of a name, in points, about
	var taken []vg.Rectangle
	for i, at := range dots {
		corner := vg.Point{
			X: vg.Length(width * math.Log(at.X/p.X.Min) / math.Log(p.X.Max/p.X.Min)),
			Y: vg.Length(height * (at.Y - p.Y.Min) / (p.Y.Max - p.Y.Min)),
		}
		box := func(offset vg.Length) vg.Rectangle {
			least := corner.Add(vg.Point{X: 5, Y: offset})
			return vg.Rectangle{Min: least, Max: least.Add(vg.Point{X: vg.Length(letter * float64(len(names[i]))), Y: size})}
		}
		offset := vg.Length(3)
		for _, try := range []vg.Length{3, -7, -17, -27, -37, 13, 23} {
			if !slices.ContainsFunc(taken, func(r vg.Rectangle) bool { return overlaps(r, box(try)) }) {
				offset = try
				break
			}
		}
		taken = append(taken, box(offset))
		name, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{at}, Labels: names[i : i+1]})
		if err != nil {
			return err
		}
		name.TextStyle[0].Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
		name.Offset = vg.Point{X: 5, Y: offset}
		p.Add(name)
	}
	return nil
}

func overlaps(a, b vg.Rectangle) bool {
	return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
}
