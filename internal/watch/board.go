// Package watch keeps where a run is and shows it: as a line for a person who asks, and as a local page that follows it.
//
//	board := watch.NewBoard(display)    // is a progress.Monitor, passes on to display
//	log := slog.New(board.Tap(handler)) // keeps the last lines too
//	listener, err := watch.Listen("127.0.0.1:0")
//	err = board.Serve(ctx, listener)    // until ctx ends
//
// The page is one file without anything from a network. It is fed by server-sent events (WHATWG HTML, section 9.2), each
// the whole [State], so that a page opened late or again needs no history. It is for the one at this machine: only loopback
// addresses are listened at, and requests that name another host are refused, so that no web site can read it by rebinding
// its own name. It can change nothing about the run.
package watch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-d24fde5f/distill/internal/progress"
)

// maxLines is how many log lines are kept.
const maxLines = 40

// Board is a [progress.Monitor] that knows where a run is. It passes everything on to another monitor.
type Board struct {
	name string
	next progress.Monitor

	mu      sync.Mutex
	stages  []Stage
	works   []*work
	lines   []string
	retries map[string]int // by cause
	outcome string
}

// Stage is one stage of a run and its state: waiting, running, done or failed.
type Stage struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// work is a piece of work and whether it still goes on.
type work struct {
	*Pace
	next  progress.Meter
	board *Board
	ended bool // guarded by the board
}

// NewBoard returns a board that passes on to next.
func NewBoard(next progress.Monitor) *Board { return &Board{next: next, retries: map[string]int{}} }

// Begin says what run it is, and of which stages.
func (b *Board) Begin(name string, stages []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.name, b.stages = name, nil
	for _, s := range stages {
		b.stages = append(b.stages, Stage{s, "waiting"})
	}
}

// Start implements [progress.Monitor].
func (b *Board) Start(title, unit string, total, done int64) progress.Meter {
	w := &work{Pace: NewPace(title, unit, total, done), next: b.next.Start(title, unit, total, done), board: b}
	b.mu.Lock()
	b.works = append(b.works, w)
	b.mu.Unlock()
	return w
}

// Stage implements [progress.StageMonitor].
func (b *Board) Stage(name, state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.stages {
		if b.stages[i].Name == name {
			b.stages[i].State = state
		}
	}
}

// Finish says how the run ended.
func (b *Board) Finish(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcome = "done"
	if err != nil {
		b.outcome, _, _ = strings.Cut(err.Error(), "\n")
		for i := range b.stages {
			if b.stages[i].State == "running" {
				b.stages[i].State = "failed"
			}
		}
	}
}

func (w *work) Add(n int64)      { w.Pace.Add(n); w.next.Add(n) }
func (w *work) Note(text string) { w.Pace.Note(text); w.next.Note(text) }

func (w *work) Measure(step int, name string, value float64) {
	w.Pace.Measure(step, name, value)
	if g, ok := w.next.(progress.Gauge); ok {
		g.Measure(step, name, value)
	}
}

func (w *work) Stop() {
	w.board.mu.Lock()
	w.ended = true
	w.board.mu.Unlock()
	w.next.Stop()
}

// Line says in one line where the run is: stage, count, rate, time left, last words, retries.
func (b *Board) Line() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.name
	for _, s := range b.stages {
		if s.State == "running" {
			at = b.name + ", " + s.Name
		}
	}
	parts := []string{at}
	for _, w := range slices.Backward(b.works) {
		if w.ended {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %d/%d %s", w.Title, w.Done(), w.Total, w.Unit))
		if perSecond, left := w.Rate(); perSecond > 0 {
			parts = append(parts, RateText(perSecond)+" "+w.Unit+"/s")
			if left > 0 {
				parts = append(parts, left.String()+" left")
			}
		}
		if words := w.Words(); words != "" {
			parts = append(parts, words)
		}
		break
	}
	if r := b.retryText(); r != "" {
		parts = append(parts, r)
	}
	return strings.Join(parts, "  ")
}

// Retries says how many attempts had to be repeated, and for what causes; "" for none.
func (b *Board) Retries() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.retryText()
}

func (b *Board) retryText() string {
	total := 0
	var causes []string
	for _, cause := range slices.Sorted(maps.Keys(b.retries)) {
		total += b.retries[cause]
		causes = append(causes, cause)
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("%d retried (%s)", total, strings.Join(causes, ", "))
}

// State is everything the page shows.
type State struct {
	Name    string   `json:"name"`
	Outcome string   `json:"outcome"` // "" while it runs, "done", or the error
	Stages  []Stage  `json:"stages"`
	Works   []Work   `json:"works"` // in the order of their beginning
	Retries string   `json:"retries"`
	Lines   []string `json:"lines"`
}

// Work is how one piece of work goes.
type Work struct {
	Title     string             `json:"title"`
	Unit      string             `json:"unit"`
	Total     int64              `json:"total"`
	Done      int64              `json:"done"`
	PerSecond float64            `json:"per_second"` // 0 where it cannot be said, and once it has ended
	Left      string             `json:"left"`       // likewise ""
	Note      string             `json:"note"`
	CostUSD   *float64           `json:"cost_usd"`
	Ended     bool               `json:"ended"`
	Curves    map[string][]Point `json:"curves"`
}

// State returns a copy of what is known now.
func (b *Board) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := State{Name: b.name, Outcome: b.outcome, Stages: slices.Clone(b.stages), Retries: b.retryText(), Lines: slices.Clone(b.lines), Works: []Work{}}
	for _, w := range b.works {
		s.Works = append(s.Works, w.state(w.ended))
	}
	return s
}

// shownCurves are those that the page draws; the others would only make its events long.
var shownCurves = []string{"loss", "heldout_loss"}

func (p *Pace) state(ended bool) Work {
	w := Work{Title: p.Title, Unit: p.Unit, Total: p.Total, Ended: ended, Curves: map[string][]Point{}}
	if perSecond, left := p.Rate(); !ended {
		w.PerSecond = perSecond
		if left > 0 {
			w.Left = left.Round(time.Second).String()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Done, w.Note = p.done, p.note
	if p.priced {
		cost := p.cost
		w.CostUSD = &cost
	}
	for _, name := range shownCurves {
		if c := p.curves[name]; c != nil {
			w.Curves[name] = slices.Clone(c.points)
		}
	}
	return w
}
