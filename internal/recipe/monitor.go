package recipe

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

// Silent shows nothing.
var Silent Monitor = silent{}

type silent struct{}

func (silent) Start(string, string, int64, int64) Meter { return silent{} }
func (silent) Add(int64)                                {}
func (silent) Note(string)                              {}
func (silent) Stop()                                    {}
