package report

import (
	"html/template"

	"gonum.org/v1/plot/plotter"
)

// figure is a plot ready to stand in a page.
type figure struct {
	Title string
	SVG   template.HTML
}

// chart is what a figure of curves is drawn from.
type chart struct {
	title, x, y string
	steep       bool // falls by orders of magnitude
	lines       []line
}

// figures draws the models, the curves of training, and the data; a figure without points is left out.
func figures(r *Report) ([]figure, error) {
	figs, err := modelFigures(r.Models)
	if err != nil {
		return nil, err
	}
	for _, c := range append(trainingCharts(&r.Training), spendingChart(&r.Dataset)) {
		svg, err := drawLines(c)
		if err != nil {
			return nil, err
		}
		if svg != "" {
			figs = append(figs, figure{c.title, svg})
		}
	}
	svg, err := drawBins("completion tokens", "rows", r.Dataset.LengthHistogram)
	if err == nil && svg != "" {
		figs = append(figs, figure{"Length of the answers", svg})
	}
	return figs, err
}

// trainingCharts are the curves over the tokens that were learnt from.
func trainingCharts(t *Training) []chart {
	pick := func(y func(*Point) *float64) plotter.XYs {
		var xys plotter.XYs
		for i := range t.Curve {
			if v := y(&t.Curve[i]); v != nil {
				xys = append(xys, plotter.XY{X: float64(t.Curve[i].Tokens) / 1e6, Y: *v})
			}
		}
		return xys
	}
	const x = "million tokens learnt from"
	return []chart{
		{"Loss", x, "nats a token", true, []line{
			{"training", pick(func(p *Point) *float64 { return &p.Loss }), blue, 1.2},
			{"held out", pick(func(p *Point) *float64 { return p.HeldoutLoss }), orange, 2}}},
		{"KL to the teacher while training", x, "nats a token", true, []line{{"", pick(func(p *Point) *float64 { return p.Divergence }), blue, 1.2}}},
		{"Learning rate", x, "learning rate", false, []line{{"", pick(func(p *Point) *float64 { return &p.LearningRate }), blue, 1.5}}},
		{"Speed of training", x, "tokens/s", false, []line{{"", pick(func(p *Point) *float64 { return positiveOf(p.TokensPerS) }), blue, 1.2}}},
		{"Gradient norm", x, "norm", true, []line{{"", pick(func(p *Point) *float64 { return &p.GradNorm }), blue, 1.2}}},
	}
}

func positiveOf(v float64) *float64 {
	if v > 0 {
		return &v
	}
	return nil
}

// spendingChart shows how the money went over time or, where the answers cost nothing, how they came.
func spendingChart(d *Dataset) chart {
	if len(d.Spent) == 0 {
		return chart{}
	}
	last := d.Spent[len(d.Spent)-1]
	unit, name := 1.0, "seconds since the first answer"
	switch {
	case last.Seconds > 2*3600:
		unit, name = 3600, "hours since the first answer"
	case last.Seconds > 120:
		unit, name = 60, "minutes since the first answer"
	}
	c := chart{title: "Answers over time", x: name, y: "answers"}
	if last.USD > 0 {
		c.title, c.y = "Cost over time", "US dollars"
	}
	var xys plotter.XYs
	for _, s := range d.Spent {
		y := float64(s.Rows)
		if last.USD > 0 {
			y = s.USD
		}
		xys = append(xys, plotter.XY{X: s.Seconds / unit, Y: y})
	}
	c.lines = []line{{"", xys, blue, 1.5}}
	return c
}
