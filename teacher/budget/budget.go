// Package budget holds a run to hard limits on money, tokens, calls and time.
//
// Before a call is made, the most it can cost is reserved; after it, what it did cost is settled. The sum of what is
// spent and what is reserved never passes a limit, however many calls are in flight. A reservation that does not fit
// now but may fit once calls in flight have settled for less waits for them; one that can never fit fails with a
// [teacher.Limit] error. So a run uses up its budget, and stops cleanly at it.
//
//	b := budget.New(budget.Limits{USD: 5}, budget.Spending{})
//	r, err := b.Reserve(ctx, budget.Spending{USD: worst, Calls: 1})
//	...
//	r.Settle(budget.Spending{USD: actual, Calls: 1})
//
// Money is counted in whole billionths of a dollar, rounded against the spender, so that no sum of roundings can pass
// the limit either. All methods may be called on a nil *Budget, which has no limits, and from many goroutines.
package budget

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/seed-d24fde5f/distill/teacher"
)

// Limits are what may be spent at most; zero means no limit.
type Limits struct {
	USD    float64
	Tokens int64         // prompt and completion together
	Calls  int64         // requests sent, those that failed included
	Time   time.Duration // from New on
}

// Spending is an amount of each limited thing but time.
type Spending struct {
	USD    float64
	Tokens int64
	Calls  int64
}

// Budget keeps the account.
type Budget struct {
	limits   Limits
	start    time.Time
	mu       sync.Mutex
	spent    amount
	reserved amount
	changed  chan struct{} // closed and replaced at every settlement somebody waits for
	waiting  int
}

// amount is a spending in whole units.
type amount struct{ nanoUSD, tokens, calls int64 }

// New makes a budget of which spent is already gone, as when a run continues.
func New(limits Limits, spent Spending) *Budget {
	return &Budget{limits: limits, start: time.Now(), spent: amountOf(spent), changed: make(chan struct{})}
}

// Limits returns the limits the budget was made with.
func (b *Budget) Limits() Limits {
	if b == nil {
		return Limits{}
	}
	return b.limits
}

// Spent returns what has been settled so far.
func (b *Budget) Spent() Spending {
	if b == nil {
		return Spending{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spent.spending()
}

// Reserved returns what calls in flight may cost at most.
func (b *Budget) Reserved() Spending {
	if b == nil {
		return Spending{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reserved.spending()
}

// ErrTimeUp is the cause of a context that ended at the limit on time.
var ErrTimeUp = errors.New("time limit reached")

// Context returns a context that ends, with [ErrTimeUp] as its cause, when the limit on time is reached.
func (b *Budget) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	if b == nil || b.limits.Time <= 0 {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, b.start.Add(b.limits.Time), ErrTimeUp)
}

// TimeUp returns a [teacher.Limit] error when the limit on time is reached, else nil.
func (b *Budget) TimeUp() error {
	if b == nil || b.limits.Time <= 0 || time.Since(b.start) < b.limits.Time {
		return nil
	}
	return limitError("time", b.limits.Time)
}

// Reservation is room set aside for one call.
type Reservation struct {
	b    *Budget
	room amount
	done bool
}

// Reserve sets worst aside, waiting for calls in flight to settle where that may make room. It returns a
// [teacher.Limit] error when worst cannot fit any more, or the context's error.
func (b *Budget) Reserve(ctx context.Context, worst Spending) (*Reservation, error) {
	if b == nil {
		return nil, nil
	}
	want := amountOf(worst)
	for {
		if err := b.TimeUp(); err != nil {
			return nil, err
		}
		b.mu.Lock()
		if what, limit := b.over(b.spent.plus(want)); what != "" {
			b.mu.Unlock()
			return nil, limitError(what, limit)
		}
		if what, _ := b.over(b.spent.plus(b.reserved).plus(want)); what == "" {
			b.reserved = b.reserved.plus(want)
			b.mu.Unlock()
			return &Reservation{b: b, room: want}, nil
		}
		changed := b.changed
		b.waiting++
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Settle replaces the reservation by what was really spent. Only the first call counts. If a server bills more than it
// was allowed to, the whole of it is counted, and nothing more can be reserved.
func (r *Reservation) Settle(actual Spending) {
	if r == nil {
		return
	}
	b := r.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.done {
		return
	}
	r.done = true
	b.reserved = b.reserved.minus(r.room)
	b.spent = b.spent.plus(amountOf(actual))
	if b.waiting > 0 {
		b.waiting = 0
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

// over returns the name and the value of a limit that a passes, or "".
func (b *Budget) over(a amount) (string, any) {
	l := b.limits
	switch {
	case l.USD > 0 && a.nanoUSD > int64(math.Floor(l.USD*1e9)):
		return "money", fmt.Sprintf("$%.4g", l.USD)
	case l.Tokens > 0 && a.tokens > l.Tokens:
		return "tokens", l.Tokens
	case l.Calls > 0 && a.calls > l.Calls:
		return "calls", l.Calls
	}
	return "", nil
}

func limitError(what string, limit any) error {
	return teacher.Errorf(teacher.Limit, fmt.Sprintf("raise the limit on %s in the recipe's budget and run again; everything paid for is kept", what),
		"budget: limit on %s (%v) reached", what, limit)
}

// amountOf rounds money up; a hair is taken off first so that a sum such as 0.1+0.2 does not cost a unit more.
func amountOf(s Spending) amount {
	return amount{nanoUSD: int64(math.Ceil(s.USD*1e9 - 1e-4)), tokens: s.Tokens, calls: s.Calls}
}

func (a amount) spending() Spending {
	return Spending{USD: float64(a.nanoUSD) / 1e9, Tokens: a.tokens, Calls: a.calls}
}

func (a amount) plus(b amount) amount {
	return amount{a.nanoUSD + b.nanoUSD, a.tokens + b.tokens, a.calls + b.calls}
}

func (a amount) minus(b amount) amount {
	return amount{a.nanoUSD - b.nanoUSD, a.tokens - b.tokens, a.calls - b.calls}
}
