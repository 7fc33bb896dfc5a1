package remote

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/seed-d24fde5f/distill/teacher"
)

// breaker stops the calls to a server that is down. After a row of failures with no answer between them it opens: all
// calls wait, but for one at a time that probes whether the server is back. Failures while it is open are not held
// against the calls that met them.
type breaker struct {
	when     WhenDown
	patience time.Duration
	delay    time.Duration // the longest first wait

	mu       sync.Mutex
	failures int // in a row
	open     bool
	since    time.Time // of being open
	until    time.Time // no probe before
	probing  bool
	last     error
	pause    backoff.BackOff
	changed  chan struct{}
}

// failuresToOpen is above what one bad request can cause by its own retries, and below what a hundred calls in flight
// cause at once when a server goes away.
const failuresToOpen = 10

func newBreaker(when WhenDown, patience, delay time.Duration) *breaker {
	return &breaker{when: when, patience: patience, delay: delay, changed: make(chan struct{})}
}

// enter waits until calls may be made. It returns a [teacher.Fatal] error when the server stayed down for longer than
// patience, or is down and the run is to stop.
func (b *breaker) enter(ctx context.Context) error {
	for {
		b.mu.Lock()
		if !b.open {
			b.mu.Unlock()
			return nil
		}
		if err := b.down(); err != nil {
			b.mu.Unlock()
			return err
		}
		if !b.probing && !time.Now().Before(b.until) {
			b.probing = true
			b.mu.Unlock()
			return nil
		}
		changed, sleep := b.changed, time.Until(b.until)
		b.mu.Unlock()
		if err := b.sleep(ctx, changed, sleep); err != nil {
			return err
		}
	}
}

// sleep waits for a change, or for the time of the next probe if that is still to come.
func (b *breaker) sleep(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	var timeout <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-changed:
	case <-timeout:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// down returns the error to give up with, or nil while waiting is right. The caller holds the lock.
func (b *breaker) down() error {
	if b.when == Stop {
		return teacher.Errorf(teacher.Fatal, "start it, or check the base URL, and run again; everything answered is kept",
			"remote: server is down: %d failures in a row: %w", b.failures, b.last)
	}
	if time.Since(b.since) > b.patience {
		return teacher.Errorf(teacher.Fatal, "start it, or check the base URL, and run again; everything answered is kept",
			"remote: server has been down for %v: %w", time.Since(b.since).Round(time.Second), b.last)
	}
	return nil
}

// plan says in words what an open breaker means.
func (b *breaker) plan() string {
	if b.when == Stop {
		return "the run stops"
	}
	return fmt.Sprintf("waiting for it, %v at most", b.patience)
}

// succeeded closes the breaker, since the server answers, be it with a refusal, and reports whether it was open.
func (b *breaker) succeeded() (wasOpen bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
	wasOpen = b.open
	if wasOpen {
		b.open, b.probing = false, false
		b.wake()
	}
	return wasOpen
}

// failed counts a failure of the server and reports whether it is considered down now, and whether that is news.
func (b *breaker) failed(err error) (open, news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.last = err
	now := time.Now()
	if !b.open && b.failures >= failuresToOpen {
		b.open, b.since, news = true, now, true
		b.pause = fullJitter(b.delay, time.Minute)
	} else if !b.open || !b.probing {
		return b.open, false
	}
	b.probing = false
	b.until = now.Add(b.pause.NextBackOff())
	b.wake()
	return true, news
}

// abandoned tells that a call which may have been the probe ended without finding out.
func (b *breaker) abandoned() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probing {
		b.probing = false
		b.wake()
	}
}

// wake lets those who wait look again. The caller holds the lock.
func (b *breaker) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// state describes the breaker for a status line; empty when the server is fine.
func (b *breaker) state() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return ""
	}
	return fmt.Sprintf("server down for %v: %v", time.Since(b.since).Round(time.Second), b.last)
}

// fullJitter returns waits drawn evenly from [0, w], where w doubles from first to most (M. Brooker, "Exponential
// Backoff and Jitter", AWS Architecture Blog, 2015). The library draws from interval ± factor·interval, so half the
// interval with factor 1 is the same.
func fullJitter(first, most time.Duration) backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first/2, most/2
	b.RandomizationFactor, b.Multiplier = 1, 2
	b.Reset()
	return b
}
