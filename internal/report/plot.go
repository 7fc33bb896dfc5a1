package report

import (
	"bytes"
	"html/template"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// figure is a plot ready to stand in a page.
type figure struct {
	Title string
	SVG   template.HTML
}

// line is one curve of a plot.
type line struct {
	name   string
	points plotter.XYs
	tint   color.Color
	width  vg.Length
}

// Colours chosen to read on white and on near black alike.
var (
	blue   = color.RGBA{R: 0x3b, G: 0x82, B: 0xc4, A: 0xff}
	orange = color.RGBA{R: 0xe0, G: 0x7b, B: 0x39, A: 0xff}
)

// figures draws the curves of training and the lengths of the data; a figure without points is left out.
func figures(r *Report) ([]figure, error) {
	pick := func(y func(*Point) (float64, bool)) plotter.XYs {
		var xys plotter.XYs
		for i := range r.Training.Curve {
			if v, ok := y(&r.Training.Curve[i]); ok {
				xys = append(xys, plotter.XY{X: float64(r.Training.Curve[i].Tokens) / 1e6, Y: v})
			}
		}
		return xys
	}
	loss := pick(func(p *Point) (float64, bool) { return p.Loss, true })
	heldout := pick(func(p *Point) (float64, bool) {
		if p.HeldoutLoss == nil {
			return 0, false
		}
		return *p.HeldoutLoss, true
	})
	curves := []struct {
		title, unit string
		steep       bool
		lines       []line
	}{
		{"Loss", "nats a token", true, []line{{"training", loss, blue, 1.2}, {"held out", heldout, orange, 2}}},
		{"Learning rate", "", false, []line{{"", pick(func(p *Point) (float64, bool) { return p.LearningRate, true }), blue, 1.5}}},
		{"Speed", "tokens/s", false, []line{{"", pick(func(p *Point) (float64, bool) { return p.TokensPerS, p.TokensPerS > 0 }), blue, 1.2}}},
		{"Gradient norm", "", true, []line{{"", pick(func(p *Point) (float64, bool) { return p.GradNorm, true }), blue, 1.2}}},
	}
	var figs []figure
	svg, err := drawModels(r.Models)
	if err != nil {
		return nil, err
	}
	if svg != "" {
		figs = append(figs, figure{"Quality against size", svg})
	}
	for _, c := range curves {
		svg, err := drawLines("million tokens", c.unit, c.steep, c.lines)
		if err != nil {
			return nil, err
		}
		if svg != "" {
			figs = append(figs, figure{c.title, svg})
		}
	}
	svg, err = drawBins("completion tokens", "rows", r.Dataset.LengthHistogram)
	if err == nil && svg != "" {
		figs = append(figs, figure{"Length of the answers", svg})
	}
	return figs, err
}

// drawLines draws curves; steep ones, where they fall by orders of magnitude, on a logarithmic axis: on a linear one, most of
// a training would lie on the bottom.
func drawLines(xLabel, yLabel string, steep bool, lines []line) (template.HTML, error) {
	p := newPlot(xLabel, yLabel)
	drawn := false
	for _, l := range lines {
		if len(l.points) < 2 {
			continue
		}
		curve, err := plotter.NewLine(l.points)
		if err != nil {
			return "", err
		}
		curve.Color, curve.Width = l.tint, l.width
		p.Add(curve)
		if l.name != "" {
			p.Legend.Add(l.name+"    ", curve) // apart from its line, also in a wider font
		}
		drawn = true
	}
	if !drawn {
		return "", nil
	}
	if least, most := reach(lines); steep && least > 0 && most > 30*least {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(decades)
	}
	return render(p)
}

// reach returns the least and the greatest value of lines.
func reach(lines []line) (least, most float64) {
	least = math.Inf(1)
	for _, l := range lines {
		for _, at := range l.points {
			least, most = min(least, at.Y), max(most, at.Y)
		}
	}
	return least, most
}

func drawBins(xLabel, yLabel string, bins []Bin) (template.HTML, error) {
	if len(bins) == 0 {
		return "", nil
	}
	h := &plotter.Histogram{FillColor: blue}
	h.Width = bins[0].To - bins[0].From
	for _, b := range bins {
		h.Bins = append(h.Bins, plotter.HistogramBin{Min: b.From, Max: b.To, Weight: float64(b.Count)})
	}
	p := newPlot(xLabel, yLabel)
	p.Add(h)
	return render(p)
}

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

// drawModels sets the first quality that two models have against their size in bytes, with its 95 % interval.
func drawModels(models []Model) (template.HTML, error) {
	for _, q := range qualities {
		svg, err := drawQuality(models, q)
		if err != nil || svg != "" {
			return svg, err
		}
	}
	return "", nil
}

func drawQuality(models []Model, q quality) (template.HTML, error) {
	var points struct {
		plotter.XYs
		plotter.YErrors
	}
	var labels plotter.XYLabels
	for i := range models {
		m := &models[i]
		value, low, high, ok := q.values(m)
		if !ok || m.Bytes == 0 {
			continue
		}
		at := plotter.XY{X: float64(m.Bytes) / 1e6, Y: value}
		points.XYs = append(points.XYs, at)
		points.YErrors = append(points.YErrors, struct{ Low, High float64 }{value - low, high - value})
		labels.XYs = append(labels.XYs, at)
		labels.Labels = append(labels.Labels, shortLabel(m))
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
	names, err := plotter.NewLabels(labels)
	if err != nil {
		return "", err
	}
	for i := range names.TextStyle {
		names.TextStyle[i].Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 9}
	}
	names.Offset = vg.Point{X: 5, Y: 3}
	p := newPlot("size in MB", q.axis)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(decades)
	p.Add(bars, dots, names)
	p.Y.Min = q.least
	if q.most > 0 {
		p.Y.Max = q.most
	}
	p.X.Min, p.X.Max = p.X.Min/1.3, p.X.Max*2.5 // room for the names
	return render(p)
}

// decades marks 1, 2 and 5 times the powers of ten; the powers alone where there are many.
func decades(least, most float64) []plot.Tick {
	marks := []float64{1, 2, 5}
	if most > 300*least {
		marks = marks[:1]
	}
	var ticks []plot.Tick
	for power := math.Pow(10, math.Floor(math.Log10(least))); power <= most; power *= 10 {
		for _, m := range marks {
			v := m * power
			if least <= v && v <= most {
				ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 3, 64)})
			}
		}
	}
	return ticks
}

func newPlot(xLabel, yLabel string) *plot.Plot {
	p := plot.New()
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	for _, style := range []*font.Font{
		&p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		size := style.Size
		*style = sans
		style.Size = size
	}
	p.X.Label.Text, p.Y.Label.Text = xLabel, yLabel
	p.BackgroundColor = color.Transparent
	p.Legend.Top, p.Legend.Padding, p.Legend.XOffs = true, vg.Points(3), vg.Points(-4)
	return p
}

// render draws p as an SVG element that scales with its column and takes the page's own text colour, so that it reads in
// light and in dark.
func render(p *plot.Plot) (template.HTML, error) {
	c := vgsvg.New(vg.Points(420), vg.Points(240))
	p.Draw(newCanvas(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", err
	}
	svg := b.String()
	if at := strings.Index(svg, "<svg"); at > 0 {
		svg = svg[at:]
	}
	svg = strings.NewReplacer(
		`width="420pt"`, `role="img"`, `height="240pt"`, ``,
		"stroke:#000000", "stroke:currentColor", "fill:#000000", "fill:currentColor",
		"Liberation Sans", "system-ui,'Liberation Sans',sans-serif",
	).Replace(svg)
	return template.HTML(svg), nil // drawn from numbers and our own labels: nothing of the user's text is in it
}
