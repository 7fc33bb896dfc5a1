package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/internal/watch"
)

// barMonitor draws on a terminal, one line for each piece of work that goes on.
type barMonitor struct {
	bars    *mpb.Progress
	retries func() string // how many attempts had to be repeated and why, or ""
}

func newBarMonitor(w io.Writer) *barMonitor {
	return &barMonitor{bars: mpb.New(mpb.WithOutput(w), mpb.WithWidth(32), mpb.WithRefreshRate(200*time.Millisecond), mpb.WithAutoRefresh())}
}

func (m *barMonitor) writer() io.Writer { return m.bars }
func (m *barMonitor) stop()             { m.bars.Shutdown() }

type barMeter struct {
	*watch.Pace
	bar  *mpb.Bar
	once sync.Once
}

func (m *barMonitor) Start(title, unit string, total, done int64) progress.Meter {
	p := watch.NewPace(title, unit, total, done)
	text := func(f func() string) decor.Decorator { return decor.Any(func(decor.Statistics) string { return f() }) }
	bar := m.bars.AddBar(total,
		mpb.BarRemoveOnComplete(), // the log says what came of it
		mpb.PrependDecorators(text(func() string { return p.Title + " " })),
		mpb.AppendDecorators(
			decor.CountersNoUnit(" %d/%d"),
			text(func() string {
				perSecond, left := p.Rate()
				if perSecond == 0 {
					return ""
				}
				s := fmt.Sprintf("  %s %s/s", watch.RateText(perSecond), unit)
				if left > 0 {
					s += fmt.Sprintf("  %s left", left)
				}
				return s
			}),
			text(func() string {
				s := ""
				for _, part := range []string{p.Words(), p.Spark(), m.retries()} {
					if part != "" {
						s += "  " + part
					}
				}
				return s
			}),
		))
	bar.SetCurrent(done)
	return &barMeter{Pace: p, bar: bar}
}

func (m *barMeter) Add(n int64) {
	m.Pace.Add(n)
	m.bar.SetCurrent(m.Done())
}

func (m *barMeter) Stop() {
	m.once.Do(func() { m.bar.Abort(true); m.bar.Wait() })
}

// lineMonitor writes a log line now and then.
type lineMonitor struct {
	log     *slog.Logger
	every   time.Duration
	retries func() string // as of barMonitor
}

type lineMeter struct {
	*watch.Pace
	lines *lineMonitor
	quit  chan struct{}
	gone  chan struct{}
	once  sync.Once
}

func (m *lineMonitor) Start(title, unit string, total, done int64) progress.Meter {
	meter := &lineMeter{Pace: watch.NewPace(title, unit, total, done), lines: m, quit: make(chan struct{}), gone: make(chan struct{})}
	go meter.run()
	return meter
}

func (m *lineMeter) run() {
	defer close(m.gone)
	ticker := time.NewTicker(m.lines.every)
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
	perSecond, left := m.Rate()
	args := []any{"done", m.Done(), "of", m.Total, m.Unit + "_per_s", watch.RateText(perSecond)}
	if left > 0 {
		args = append(args, "left", left.String())
	}
	if w := m.Words(); w != "" {
		args = append(args, "note", w)
	}
	if r := m.lines.retries(); r != "" {
		args = append(args, "retries", r)
	}
	m.lines.log.Info(m.Title, args...)
}

func (m *lineMeter) Stop() {
	m.once.Do(func() { close(m.quit); <-m.gone })
}
