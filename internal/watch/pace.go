package watch

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// maxPoints bounds a curve; a full one drops every second point and takes half as many from then on.
const maxPoints = 512

// Point is one value of a curve.
type Point struct {
	Step  int     `json:"step"`
	Value float64 `json:"value"`
}

// Pace measures how fast a piece of work goes, over its whole time and not counting what was there before, and keeps the
// curves of what is measured on the way. It is a [progress.Gauge] but for Stop, and safe for many goroutines.
type Pace struct {
	Title, Unit string
	Total       int64

	before int64
	start  time.Time

	mu     sync.Mutex
	done   int64
	note   string
	cost   float64 // USD
	priced bool
	curves map[string]*curve
}

// NewPace begins a piece of work of total units, of which done are there already.
func NewPace(title, unit string, total, done int64) *Pace {
	return &Pace{Title: title, Unit: unit, Total: total, before: done, done: done, start: time.Now(), curves: map[string]*curve{}}
}

// Add counts n units more, or fewer.
func (p *Pace) Add(n int64) {
	p.mu.Lock()
	p.done += n
	p.mu.Unlock()
}

// Note replaces the words beside the count.
func (p *Pace) Note(text string) {
	p.mu.Lock()
	p.note = text
	p.mu.Unlock()
}

// Measure takes one number: cost_usd is the money spent so far, everything else a point of the curve of that name.
func (p *Pace) Measure(step int, name string, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "cost_usd" {
		p.cost, p.priced = value, true
		return
	}
	c := p.curves[name]
	if c == nil {
		c = &curve{every: 1}
		p.curves[name] = c
	}
	c.add(Point{step, value})
}

// Done returns how many units are there.
func (p *Pace) Done() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Words returns the last note.
func (p *Pace) Words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.note
}

// Spark returns a sparkline of the recent losses, or "".
func (p *Pace) Spark() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.curves["loss"]; c != nil && len(c.recent) > 1 {
		return Sparkline(c.recent)
	}
	return ""
}

// Rate is in units a second; left is 0 where it cannot be said.
func (p *Pace) Rate() (perSecond float64, left time.Duration) {
	done := p.Done()
	worked := done - p.before
	if worked <= 0 {
		return 0, 0
	}
	perSecond = float64(worked) / time.Since(p.start).Seconds()
	if rest := p.Total - done; rest > 0 {
		left = time.Duration(float64(rest) / perSecond * float64(time.Second)).Round(time.Second)
	}
	return perSecond, left
}

// RateText writes a rate with about three digits.
func RateText(perSecond float64) string {
	switch {
	case perSecond >= 100:
		return fmt.Sprintf("%.0f", perSecond)
	case perSecond >= 1:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return fmt.Sprintf("%.2g", perSecond)
}

// recentPoints is the width of a sparkline.
const recentPoints = 16

// curve is a series of bounded size, and its end undiminished.
type curve struct {
	points []Point
	every  int // of so many values one is kept
	seen   int
	recent []float64
}

func (c *curve) add(p Point) {
	for len(c.points) > 0 && c.points[len(c.points)-1].Step >= p.Step { // training went back to a checkpoint
		c.points = c.points[:len(c.points)-1]
	}
	if c.seen%c.every == 0 {
		c.points = append(c.points, p)
	}
	c.seen++
	if len(c.points) > maxPoints {
		for i := range len(c.points) / 2 {
			c.points[i] = c.points[2*i]
		}
		c.points = c.points[:len(c.points)/2]
		c.every *= 2
	}
	c.recent = append(c.recent, p.Value)
	if len(c.recent) > recentPoints {
		c.recent = append(c.recent[:0], c.recent[1:]...)
	}
}

// Sparkline draws values as blocks of five heights between their least and their greatest.
func Sparkline(values []float64) string {
	blocks := []rune("▁▂▃▅▇")
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	line := make([]rune, len(values))
	for i, v := range values {
		at := 0
		if high > low {
			at = int((v-low)/(high-low)*float64(len(blocks)-1) + 0.5)
		}
		line[i] = blocks[at]
	}
	return string(line)
}
