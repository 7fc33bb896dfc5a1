package remote

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"
)

// lanes are the roads to the server, one a key. A call takes the emptiest lane that is open and waits in line when none
// is; each lane paces itself.
type lanes struct {
	mu      sync.Mutex
	all     []*lane
	waiting []*ticket // first come, first served
	closed  bool
}

// lane is the pace of one key. Its window, the number of calls that may be in flight, grows by one per window of answers
// and falls by 30 % on a refusal for rate (additive increase, multiplicative decrease); until the first refusal it grows
// by one per answer, as TCP's slow start does.
type lane struct {
	key      key
	requests *rate.Limiter // nil is no limit
	tokens   *rate.Limiter

	// Guarded by lanes.mu.
	window      float64
	ceiling     float64
	slowStart   bool
	inFlight    int
	lastCut     time.Time
	closedUntil time.Time
	most        int       // calls that the server lets through in a period; 0 is not known
	left        int       // of them in this one,
	leftUntil   time.Time // which ends then
	timer       *time.Timer
	dead        *fault          // the key was refused
	credit      int             // tokens charged to the limiter and not used
	jitter      backoff.BackOff // pauses after refusals that name no time
	leastPause  time.Duration   // before it
}

// ticket is a place in line; its channel gets the lane.
type ticket struct{ lane chan *lane }

const (
	firstWindow = 16
	cutTo       = 0.7
	// cutPause keeps a burst of refusals, all of calls sent before the first came back, from counting as many.
	cutPause = time.Second
)

func newLanes(keys []key, concurrency, requestsPerMinute, tokensPerMinute int, delay time.Duration) *lanes {
	p := &lanes{}
	for _, k := range keys {
		p.all = append(p.all, &lane{
			key:        k,
			requests:   perMinute(requestsPerMinute),
			tokens:     perMinute(tokensPerMinute),
			window:     min(firstWindow, float64(concurrency)),
			ceiling:    float64(concurrency),
			slowStart:  true,
			leastPause: delay / 2,
			jitter:     fullJitter(2*delay, time.Minute),
		})
	}
	return p
}

// perMinute returns a limiter that lets through at most n in any minute. A bucket of b tokens refilled at r lets through
// b + r·60 in the worst minute, so r is (n−b+1)/60 and not n/60, less a hair for rounding; b is the share of one second.
func perMinute(n int) *rate.Limiter {
	if n <= 0 {
		return nil
	}
	burst := 1 + n/60
	return rate.NewLimiter(rate.Limit(float64(n-burst+1)/60*(1-1e-6)), burst)
}

// capacity returns how many calls may be in flight at most.
func (p *lanes) capacity() int {
	n := 0
	for _, l := range p.all {
		n += int(l.ceiling)
	}
	return n
}

// acquire returns a lane for a call of about the given number of tokens. The call must release it. It fails when every
// key has been refused, or with the context.
func (p *lanes) acquire(ctx context.Context, tokens int) (*lane, error) {
	p.mu.Lock()
	l, err := p.open()
	if err == nil && (l == nil || len(p.waiting) > 0) {
		t := &ticket{lane: make(chan *lane, 1)}
		p.waiting = append(p.waiting, t)
		p.grant()
		p.mu.Unlock()
		l, err = p.wait(ctx, t)
	} else {
		if l != nil {
			l.inFlight++
		}
		p.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	if err := l.pace(ctx, p, tokens); err != nil {
		p.release(l)
		return nil, err
	}
	return l, nil
}

// wait waits for the ticket's turn.
func (p *lanes) wait(ctx context.Context, t *ticket) (*lane, error) {
	select {
	case l := <-t.lane:
		if l != nil {
			return l, nil
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed {
			return nil, errClosed
		}
		return nil, p.allDead()
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, w := range p.waiting {
			if w == t {
				p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
				return nil, context.Cause(ctx)
			}
		}
		if l := <-t.lane; l != nil { // granted at the same moment
			l.inFlight--
			p.grant()
		}
		return nil, context.Cause(ctx)
	}
}

// open returns the emptiest lane that takes a call now, or nil. The caller holds the lock.
func (p *lanes) open() (*lane, error) {
	if p.closed {
		return nil, errClosed
	}
	var best *lane
	now := time.Now()
	for _, l := range p.all {
		if l.dead != nil || now.Before(l.closedUntil) || l.inFlight >= l.room(now) {
			continue
		}
		if best == nil || float64(l.inFlight)/l.window < float64(best.inFlight)/best.window {
			best = l
		}
	}
	if best == nil {
		return nil, p.allDead()
	}
	return best, nil
}

// room is how many calls may be in flight: the window, and no more than the server says it will take. It is never below
// one, so that an answer comes that tells how things are.
func (l *lane) room(now time.Time) int {
	n := int(l.window)
	if l.most > 0 {
		n = min(n, l.most)
	}
	if now.Before(l.leftUntil) {
		n = min(n, l.left)
	}
	return max(n, 1)
}

// allDead returns the first key's refusal when all keys were refused.
func (p *lanes) allDead() error {
	for _, l := range p.all {
		if l.dead == nil {
			return nil
		}
	}
	return p.all[0].dead
}

// grant serves those waiting for as long as there is room. The caller holds the lock.
func (p *lanes) grant() {
	for len(p.waiting) > 0 {
		l, err := p.open()
		if l == nil && err == nil {
			return
		}
		if l != nil {
			l.inFlight++
		}
		p.waiting[0].lane <- l
		p.waiting = p.waiting[1:]
	}
}

// release gives the lane back.
func (p *lanes) release(l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.inFlight--
	p.grant()
}

// answered grows the lane's window and corrects its token account by what the call really used.
func (p *lanes) answered(l *lane, estimate, used int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.slowStart {
		l.window++
	} else {
		l.window += 1 / l.window
	}
	l.window = min(l.window, l.ceiling)
	l.jitter.Reset()
	if l.tokens == nil || used == 0 {
		return
	}
	l.credit += estimate - used
	if l.credit < 0 {
		debt := min(-l.credit, l.tokens.Burst())
		l.tokens.ReserveN(time.Now(), debt)
		l.credit += debt
	}
}

// refused shrinks the lane's window and closes it until the server will take more: for the time it named, or for a
// while that grows as long as nothing but refusals comes back.
func (p *lanes) refused(l *lane, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	l.slowStart = false
	if now.Sub(l.lastCut) > cutPause {
		l.lastCut = now
		l.window = max(1, l.window*cutTo)
	}
	if wait == 0 && !now.Before(l.closedUntil) {
		wait = l.leastPause + l.jitter.NextBackOff()
	}
	p.closeUntil(l, now.Add(wait))
}

// allow takes note of what the server says it will take.
func (p *lanes) allow(l *lane, a allowance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.most > 0 {
		l.most = a.most
	}
	switch now := time.Now(); {
	case a.wait == 0:
	case now.Before(l.leftUntil): // answers come in any order, and what remains of a period only falls
		l.left = min(l.left, a.left)
	default:
		l.left, l.leftUntil = a.left, now.Add(a.wait)
	}
}

// pause closes the lane for a while, as when the server says that nothing remains of its limit.
func (p *lanes) pause(l *lane, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeUntil(l, time.Now().Add(wait))
}

// closeUntil closes the lane at least until then. The caller holds the lock.
func (p *lanes) closeUntil(l *lane, then time.Time) {
	if !then.After(l.closedUntil) || p.closed {
		return
	}
	l.closedUntil = then
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(time.Until(then), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.grant()
	})
}

// kill takes the lane's key out of use and returns how many keys are left.
func (p *lanes) kill(l *lane, why *fault) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.dead = why
	left := 0
	for _, l := range p.all {
		if l.dead == nil {
			left++
		}
	}
	p.grant()
	return left
}

// close lets nobody in any more.
func (p *lanes) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, l := range p.all {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
	p.grant()
}

// pace waits until the lane's limits per minute let the call through.
func (l *lane) pace(ctx context.Context, p *lanes, tokens int) error {
	if l.requests != nil {
		if err := wait(ctx, l.requests, 1); err != nil {
			return err
		}
	}
	if l.tokens == nil {
		return nil
	}
	p.mu.Lock()
	if l.credit > 0 {
		use := min(l.credit, tokens)
		l.credit -= use
		tokens -= use
	}
	p.mu.Unlock()
	return wait(ctx, l.tokens, tokens)
}

// wait takes n from the limiter in portions: rate.Limiter.WaitN above the burst is an error. It also waits where WaitN
// would refuse because the context ends before its turn: the caller wants the context's own error.
func wait(ctx context.Context, l *rate.Limiter, n int) error {
	for n > 0 {
		portion := min(n, l.Burst())
		r := l.ReserveN(time.Now(), portion)
		timer := time.NewTimer(r.Delay())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			r.Cancel()
			return context.Cause(ctx)
		}
		n -= portion
	}
	return nil
}

// window returns the calls that may be in flight now, and how many are, over all lanes.
func (p *lanes) load() (window, inFlight, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.all {
		if l.dead == nil {
			window += int(l.window)
		}
		inFlight += l.inFlight
	}
	return window, inFlight, len(p.waiting)
}
