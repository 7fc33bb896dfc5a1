package remote

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// Stats is how a teacher is doing, for a status line.
type Stats struct {
	Sent, Answered int64            // attempts, and those that gave an answer
	Failures       map[string]int64 // attempts that gave none, by cause: "429", "500", "reset", "idle", …
	PromptTokens   int64
	OutputTokens   int64
	USD            float64 // of answers; the budget counts failed attempts too
	InFlight       int     // attempts on a lane now
	Window         int     // attempts that the pace allows at once now
	Waiting        int     // calls waiting for their turn
	Down           string  // why no calls are made now; empty when the server is fine
	Spent          budget.Spending
}

// Stats returns a snapshot.
func (t *Teacher) Stats() Stats {
	s := Stats{
		Sent: t.stats.sent.Load(), Answered: t.stats.done.Load(),
		PromptTokens: t.stats.prompt.Load(), OutputTokens: t.stats.completion.Load(),
		USD:  float64(t.stats.nanoUSD.Load()) / 1e9,
		Down: t.breaker.state(), Spent: t.opts.Budget.Spent(),
	}
	s.Window, s.InFlight, s.Waiting = t.lanes.load()
	t.stats.mu.Lock()
	s.Failures = maps.Clone(t.stats.causes)
	t.stats.mu.Unlock()
	return s
}

// counters gather the statistics.
type counters struct {
	sent, done, refused atomic.Int64
	prompt, completion  atomic.Int64
	nanoUSD             atomic.Int64

	mu     sync.Mutex
	causes map[string]int64
	mean   float64 // moving average of completion tokens
}

func (s *counters) answered(a *answer, usd *float64) {
	s.done.Add(1)
	s.prompt.Add(a.usage.prompt)
	s.completion.Add(a.usage.completion)
	if usd != nil {
		s.nanoUSD.Add(int64(*usd * 1e9))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := float64(a.usage.completion); s.mean == 0 {
		s.mean = n
	} else {
		s.mean += (n - s.mean) / 16
	}
}

func (s *counters) failed(f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.causes == nil {
		s.causes = map[string]int64{}
	}
	s.causes[f.cause]++
}

// expected is the length to expect of a completion: the recent mean, or at first half of what is allowed.
func (s *counters) expected(maxTokens int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mean > 0 {
		return int(s.mean)
	}
	if maxTokens > 0 {
		return maxTokens / 2
	}
	return 512
}
