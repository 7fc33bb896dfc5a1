package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/seed-d24fde5f/distill/internal/recipe"
)

// pace measures how fast a piece of work goes: over its whole time, not counting what was there before.
type pace struct {
	title, unit string
	total       int64
	before      int64
	done        atomic.Int64
	note        atomic.Value // string
	start       time.Time
}

func (p *pace) Add(n int64)      { p.done.Add(n) }
func (p *pace) Note(text string) { p.note.Store(text) }

func (p *pace) words() string {
	s, _ := p.note.Load().(string)
	return s
}

// rate is in units a second; left is 0 where it cannot be said.
func (p *pace) rate() (perSecond float64, left time.Duration) {
	worked := p.done.Load() - p.before
	if worked <= 0 {
		return 0, 0
	}
	perSecond = float64(worked) / time.Since(p.start).Seconds()
	if rest := p.total - p.done.Load(); rest > 0 {
		left = time.Duration(float64(rest) / perSecond * float64(time.Second)).Round(time.Second)
	}
	return perSecond, left
}

func newPace(title, unit string, total, done int64) *pace {
	p := &pace{title: title, unit: unit, total: total, before: done, start: time.Now()}
	p.done.Store(done)
	return p
}

// rateText writes a rate with about three digits.
func rateText(perSecond float64) string {
	switch {
	case perSecond >= 100:
		return fmt.Sprintf("%.0f", perSecond)
	case perSecond >= 1:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return fmt.Sprintf("%.2g", perSecond)
}

// barMonitor draws bars on a terminal.
type barMonitor struct{ bars *mpb.Progress }

func newBarMonitor(w io.Writer) *barMonitor {
	return &barMonitor{mpb.New(mpb.WithOutput(w), mpb.WithWidth(32), mpb.WithRefreshRate(200*time.Millisecond), mpb.WithAutoRefresh())}
}

func (m *barMonitor) writer() io.Writer { return m.bars }
func (m *barMonitor) stop()             { m.bars.Shutdown() }

type barMeter struct {
	*pace
	bar  *mpb.Bar
	once sync.Once
}

func (m *barMonitor) Start(title, unit string, total, done int64) recipe.Meter {
	p := newPace(title, unit, total, done)
	text := func(f func() string) decor.Decorator { return decor.Any(func(decor.Statistics) string { return f() }) }
	bar := m.bars.AddBar(total,
		mpb.PrependDecorators(text(func() string { return p.title + " " })),
		mpb.AppendDecorators(
			decor.CountersNoUnit(" %d/%d"),
			text(func() string {
				perSecond, left := p.rate()
				if perSecond == 0 {
					return ""
				}
				s := fmt.Sprintf("  %s %s/s", rateText(perSecond), unit)
				if left > 0 {
					s += fmt.Sprintf("  %s left", left)
				}
				return s
			}),
			text(func() string {
				if w := p.words(); w != "" {
					return "  " + w
				}
				return ""
			}),
		))
	bar.SetCurrent(done)
	return &barMeter{pace: p, bar: bar}
}

func (m *barMeter) Add(n int64) {
	m.pace.Add(n)
	m.bar.SetCurrent(m.done.Load())
}

func (m *barMeter) Stop() {
	m.once.Do(func() { m.bar.Abort(true); m.bar.Wait() })
}

// lineMonitor writes a log line now and then.
type lineMonitor struct {
	log   *slog.Logger
	every time.Duration
}

type lineMeter struct {
	*pace
	log  *slog.Logger
	quit chan struct{}
	gone chan struct{}
	once sync.Once
}

func (m *lineMonitor) Start(title, unit string, total, done int64) recipe.Meter {
	meter := &lineMeter{pace: newPace(title, unit, total, done), log: m.log, quit: make(chan struct{}), gone: make(chan struct{})}
	go meter.run(m.every)
	return meter
}

func (m *lineMeter) run(every time.Duration) {
	defer close(m.gone)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-ticker.C:
			m.line()
		}
	}
}

func (m *lineMeter) line() {
	perSecond, left := m.rate()
	args := []any{"done", m.done.Load(), "of", m.total, m.unit + "_per_s", rateText(perSecond)}
	if left > 0 {
		args = append(args, "left", left.String())
	}
	if w := m.words(); w != "" {
		args = append(args, "note", w)
	}
	m.log.Info(m.title, args...)
}

func (m *lineMeter) Stop() {
	m.once.Do(func() { close(m.quit); <-m.gone })
}
