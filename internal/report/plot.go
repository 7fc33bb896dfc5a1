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
	"gonum.org/v1/plot/vg/vgsvg"
)

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

// drawLines draws curves; steep ones on a logarithmic axis: on a linear one, most of a training would lie on the bottom.
func drawLines(c chart) (template.HTML, error) {
	p := newPlot(c.x, c.y)
	drawn := false
	for _, l := range c.lines {
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
	switch least, most := reach(c.lines); {
	case c.steep && least > 0 && most > 30*least:
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(decades)
	case least >= 0:
		p.Y.Min = 0
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
				ticks = append(ticks, plot.Tick{Value: v, Label: tickText(v, power)})
			}
		}
	}
	return ticks
}

// round marks multiples of 1, 2 or 5 times a power of ten, about five of them.
func round(least, most float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((most-least)/4)))
	for _, m := range []float64{5, 2} {
		if (most-least)/(m*step) >= 3 {
			step *= m
			break
		}
	}
	var ticks []plot.Tick
	for i := int(math.Ceil(least/step - 1e-9)); float64(i)*step <= most+1e-9*step; i++ {
		ticks = append(ticks, plot.Tick{Value: float64(i) * step, Label: tickText(float64(i)*step, step)})
	}
	return ticks
}

// tickText writes v with no more decimals than a step has, and 20000 as 20 k.
func tickText(v, step float64) string {
	unit := ""
	if math.Max(math.Abs(v), step) >= 1e4 {
		v, step, unit = v/1000, step/1000, " k"
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	return strconv.FormatFloat(v, 'f', decimals, 64) + unit
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
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(round), plot.TickerFunc(round)
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
