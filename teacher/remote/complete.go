package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// Complete answers one request: see [teacher.Teacher]. A truncated answer is treated as the options say.
func (t *Teacher) Complete(ctx context.Context, req teacher.Request) (*distill.Completion, error) {
	started := time.Now()
	c, err := t.prepare(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := t.bound(ctx)
	defer cancel()
	a, err := t.ask(ctx, c)
	if err != nil {
		return nil, t.explain(err)
	}
	done := t.completion(a)
	for done.FinishReason == distill.FinishLength && t.opts.OnTruncated != Keep {
		next, ok := t.enlarge(c, done)
		if !ok {
			break
		}
		a, err := t.ask(ctx, next)
		if err != nil {
			return nil, t.explain(err)
		}
		done, c = join(done, t.completion(a), next.continuing()), next
	}
	done.Latency = time.Since(started)
	return done, nil
}

// bound joins the caller's context with the teacher's life and the budget's time.
func (t *Teacher) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, timeUp := t.opts.Budget.Context(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.closing, func() { cancel(errClosed) })
	return ctx, func() { stop(); cancel(nil); timeUp() }
}

// explain gives an error its kind where the context ended.
func (t *Teacher) explain(err error) error {
	if errors.Is(err, budget.ErrTimeUp) {
		if limit := t.opts.Budget.TimeUp(); limit != nil {
			return limit
		}
	}
	return err
}

// prepare checks a request against what the dialect and the model can do.
func (t *Teacher) prepare(req teacher.Request) (*call, error) {
	d, s := &t.dialect, req.Sampling
	if len(req.Messages) == 0 {
		return nil, teacher.Errorf(teacher.Permanent, "", "remote: request has no messages")
	}
	for _, field := range []struct {
		name string
		used bool
		has  string
	}{
		{"top_k", s.TopK > 0, d.TopK},
		{"min_p", s.MinP > 0, d.MinP},
		{"repetition_penalty", penalized(s), d.RepetitionPenalty},
	} {
		if field.used && field.has == "" {
			return nil, teacher.Errorf(teacher.Fatal, "take "+field.name+" out of the sampling settings", "remote: %s has no %s", d.Name, field.name)
		}
	}
	if len(s.Stop) > d.MaxStops {
		return nil, teacher.Errorf(teacher.Fatal, "", "remote: %s takes %d stop texts, not %d", d.Name, d.MaxStops, len(s.Stop))
	}
	if t.fixedSampling() && (s.Temperature != 0 || s.TopP != 0) {
		t.warnOnce("model %s takes no temperature, top_p and top_k: they are not sent", t.opts.Model)
	}
	if err := t.checkSignal(req.Signal); err != nil {
		return nil, err
	}
	c := &call{messages: req.Messages, sampling: s, spec: req.Signal, stream: !t.opts.NoSSE, maxTokens: s.MaxTokens}
	if c.continuing() && !t.continues() {
		return nil, teacher.Errorf(teacher.Permanent, "end the messages with a user's turn", "remote: %s cannot continue an assistant's turn with model %s", d.Name, t.opts.Model)
	}
	if d.MetaInfo && c.spec.Kind == distill.TopK {
		c.stream = false // it comes with whole answers only
	}
	if limits := t.opts.Budget.Limits(); c.maxTokens <= 0 && (limits.USD > 0 || limits.Tokens > 0 || d.Wire == Messages) {
		if c.maxTokens = t.opts.MaxOutput; c.maxTokens <= 0 {
			return nil, teacher.Errorf(teacher.Fatal, "set max_tokens in the sampling settings",
				"remote: a budget needs a limit on the length of an answer, and %s names none", d.Name)
		}
	}
	t.measure(c)
	return c, nil
}

// checkSignal refuses signals that the server cannot give by its own rules. A model without log-probabilities answers
// without a signal, as Info says beforehand.
func (t *Teacher) checkSignal(spec distill.SignalSpec) error {
	switch spec.Kind {
	case "", distill.NoSignal:
	case distill.Sampled:
		return teacher.Errorf(teacher.Fatal, "ask for topk, or score the answers with a local teacher afterwards", "remote: servers give no sampled signal")
	case distill.TopK:
		if t.dialect.ChosenIDs {
			t.warnOnce("%s gives ids and log-probabilities of the answer's own tokens, and no others with ids: answers come without a signal", t.dialect.Name)
		} else if !t.signals() {
			t.warnOnce("%s gives no log-probabilities with token ids for model %s: answers come without a signal", t.dialect.Name, t.opts.Model)
		} else if spec.K < 1 || spec.K > t.dialect.TopLogprobs {
			return teacher.Errorf(teacher.Fatal, "", "remote: %s gives 1 to %d alternatives a token, not %d", t.dialect.Name, t.dialect.TopLogprobs, spec.K)
		}
	default:
		return teacher.Errorf(teacher.Fatal, "", "remote: unknown signal %q", spec.Kind)
	}
	return nil
}

// refusalsToGiveUp is how many requests may be refused, with none answered, before it is clear that the settings are to
// blame and not the prompts.
const refusalsToGiveUp = 5

// measure fills in the call's sizes.
func (t *Teacher) measure(c *call) {
	c.promptBytes = 0
	for _, m := range c.messages {
		c.promptBytes += int64(len(m.Content) + len(m.Role))
	}
	c.estimate = int(float64(c.promptBytes)/bytesPerToken) + 8*len(c.messages) + t.stats.expected(c.maxTokens)
}

// bytesPerToken is what English text has with the usual vocabularies; the pace corrects itself by the counts that come
// back.
const bytesPerToken = 4

// ask sends a call until it is answered or nothing helps any more.
func (t *Teacher) ask(ctx context.Context, c *call) (*answer, error) {
	var (
		retries int
		jitter  backoff.BackOff
		limited time.Time // since when the server has been saying "slower" to this call
	)
	for {
		a, f, err := t.once(ctx, c)
		if err != nil {
			return nil, err
		}
		if f == nil {
			return a, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("remote: %w", context.Cause(ctx))
		}
		t.log.Debug("attempt failed", "cause", f.cause, "error", f.err, "retries", retries)
		switch f.remedy {
		case giveUpRequest, giveUpRun:
			if f.remedy == giveUpRequest && t.stats.done.Load() == 0 && t.stats.refused.Add(1) >= refusalsToGiveUp {
				f.remedy = giveUpRun
				f.err = fmt.Errorf("every request so far was refused, the last: %w", f.err)
			}
			return nil, f.final()
		case plainer:
			t.plain.Store(true)
			t.warnOnce("model %s takes no temperature, top_p and top_k: they are not sent", t.opts.Model)
			continue
		case anotherKey:
			continue // the next attempt finds out whether there is one
		case retrySlower:
			if limited.IsZero() {
				limited = time.Now()
			}
			if time.Since(limited)+f.wait > t.opts.Patience {
				f.err = fmt.Errorf("rate limit outlasted %v of patience: %w", t.opts.Patience, f.err)
				return nil, f.final()
			}
			continue // the lane is closed until it may go on
		}
		if f.free {
			continue
		}
		if retries++; retries > t.opts.Retries {
			f.err = fmt.Errorf("%d attempts failed: %w", retries, f.err)
			return nil, f.final()
		}
		if jitter == nil {
			jitter = fullJitter(t.opts.RetryDelay, 30*time.Second)
		}
		if err := sleep(ctx, max(jitter.NextBackOff(), min(f.wait, t.opts.Patience))); err != nil {
			return nil, fmt.Errorf("remote: %w", err)
		}
	}
}

// once makes one attempt, with everything that surrounds it: the budget, a key whose turn it is, a server that is up.
func (t *Teacher) once(ctx context.Context, c *call) (*answer, *fault, error) {
	worst := t.worst(c)
	room, err := t.opts.Budget.Reserve(ctx, worst)
	if err != nil {
		return nil, nil, err
	}
	spent := budget.Spending{}
	defer func() { room.Settle(spent) }()
	l, err := t.lanes.acquire(ctx, c.estimate)
	if err != nil {
		var f *fault
		if errors.As(err, &f) {
			return nil, nil, f.final()
		}
		return nil, nil, fmt.Errorf("remote: %w", err)
	}
	defer t.lanes.release(l)
	if err := t.breaker.enter(ctx); err != nil {
		return nil, nil, err
	}
	t.stats.sent.Add(1)
	a, header, f := t.attempt(ctx, l.key, c)
	if f == nil {
		if err := a.check(); err != nil && c.scored == nil {
			f = &fault{remedy: retryLater, cause: "inconsistent", billed: true, err: err}
		} else if failures[a.finish] {
			f = &fault{remedy: retryLater, cause: "gave up", billed: true, err: fmt.Errorf("server gave up in the middle of the answer (%s)", a.finish)}
		}
	}
	spent = t.spent(c, worst, a, f)
	t.report(l, c, a, f)
	t.lanes.allow(l, allowed(header, c.estimate, time.Now()))
	if wait := exhausted(header, time.Now()); wait > 0 {
		t.lanes.pause(l, min(wait, t.opts.Patience))
	}
	return a, f, nil
}

// report tells the lane, the breaker and the statistics how an attempt went.
func (t *Teacher) report(l *lane, c *call, a *answer, f *fault) {
	if f == nil {
		if t.breaker.succeeded() {
			t.log.Info("server is back")
		}
		t.lanes.answered(l, c.estimate, int(a.usage.prompt+a.usage.completion))
		t.stats.answered(a, t.cost(a))
		return
	}
	t.stats.failed(f)
	switch f.remedy {
	case retrySlower:
		t.breaker.succeeded()
		t.lanes.refused(l, f.wait)
	case anotherKey:
		t.breaker.succeeded()
		if left := t.lanes.kill(l, f); left > 0 {
			t.log.Warn("key refused; going on with the others", "key", l.key, "keys left", left, "error", f.err)
		}
	case giveUpRequest, giveUpRun, plainer:
		t.breaker.succeeded()
	case retryLater:
		if f.cause == "cancelled" {
			t.breaker.abandoned()
			return
		}
		if f.cause == "503" || f.cause == "529" {
			t.lanes.refused(l, f.wait)
		}
		var opened bool
		if f.free, opened = t.breaker.failed(f.err); opened {
			t.log.Warn("server is down", "error", f.err, "then", t.breaker.plan())
		}
	}
}

// spent is what an attempt cost: what the server counted; nothing where it refused; and everything that was reserved
// where it may have worked without telling for how long.
func (t *Teacher) spent(c *call, worst budget.Spending, a *answer, f *fault) budget.Spending {
	switch {
	case f != nil && f.billed:
		return worst
	case f != nil:
		return budget.Spending{Calls: 1}
	case !a.usage.known:
		return worst
	}
	s := budget.Spending{Calls: 1, Tokens: a.usage.prompt + a.usage.completion}
	if usd := t.cost(a); usd != nil {
		s.USD = *usd
	}
	return s
}

// cost is the price of an answer, the server's own statement first; nil when it is not known.
func (t *Teacher) cost(a *answer) *float64 {
	if a.usage.usd != nil && *a.usage.usd >= 0 {
		return a.usage.usd
	}
	if t.price == nil || !a.usage.known {
		return nil
	}
	usd := t.price.Cost(a.usage.prompt, a.usage.cached, a.usage.completion)
	return &usd
}

// sleep waits, or returns the cause why the context ended first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
