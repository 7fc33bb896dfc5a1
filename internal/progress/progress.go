// Package progress is how long work tells whoever watches it: a [Monitor] is told of each piece of work and hands out a
// [Meter] for it. Work knows these interfaces alone; terminals, logs and pages implement them.
package progress

// Monitor shows how long work is going. Its methods are called from many goroutines.
type Monitor interface {
	// Start begins a piece of work of total units, of which done are there already. Unit is the plural of what is counted.
	Start(title, unit string, total, done int64) Meter
}

// Meter is told how one piece of work is going.
type Meter interface {
	Add(n int64)
	// Note shows a few words beside the count: a loss, a price.
	Note(text string)
	// Stop ends the display; the work need not have been completed.
	Stop()
}

// Gauge is a [Meter] that takes the numbers behind the words too: those of the curve, and cost_usd, the money spent so far.
type Gauge interface {
	Measure(step int, name string, value float64)
}

// Measure tells a meter of a number, if it is one that takes them.
func Measure(m Meter, step int, name string, value float64) {
	if g, ok := m.(Gauge); ok {
		g.Measure(step, name, value)
	}
}

// StageMonitor is a [Monitor] that is told how the stages go: running, done.
type StageMonitor interface {
	Stage(name, state string)
}

// Announce tells a monitor how a stage goes, if it is one that is told of stages.
func Announce(m Monitor, stage, state string) {
	if s, ok := m.(StageMonitor); ok {
		s.Stage(stage, state)
	}
}

// Silent shows nothing.
var Silent Monitor = silent{}

type silent struct{}

func (silent) Start(string, string, int64, int64) Meter { return silent{} }
func (silent) Add(int64)                                {}
func (silent) Note(string)                              {}
func (silent) Stop()                                    {}
