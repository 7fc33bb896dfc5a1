package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// BatchOptions say how requests are gathered. Zero values mean the defaults named.
type BatchOptions struct {
	// Name identifies the run on the server. Batches that an earlier process of this name left are found again, and what
	// they answered is used instead of being asked, and paid for, twice. Default "distill".
	Name     string
	Size     int           // requests in a batch at most; default 1000, at most 50,000
	Gather   time.Duration // a batch is sent when no request has come for so long; default 10 seconds
	Poll     time.Duration // between looks at a batch; default 30 seconds
	Discount float64       // share of the list price; default 0.5, as OpenAI and Groq charge
}

// Batch is a teacher that asks through a batch endpoint (OpenAI's files and batches): for half the price, and within a
// day. Complete blocks until the batch its request went into has ended, so it wants as many concurrent callers as a batch
// has requests: Info's concurrency says so. A batch that expires, fails or is cancelled midway gives the answers that it
// has; the others go into the next one.
type Batch struct {
	t    *Teacher
	o    BatchOptions
	work sync.WaitGroup

	mu        sync.Mutex
	gathering []*order
	timer     *time.Timer
	orders    map[string]*order // wanted and not yet answered, by id
	answered  map[string]openai.BatchResult
	found     chan struct{} // closed when batches of earlier processes have been looked for
	lost      error         // why that failed
}

// order is one distinct request, and all who wait for its answer.
type order struct {
	id    string
	body  json.RawMessage
	tries int
	done  chan struct{}

	answer *answer
	err    error
}

// NewBatch makes a batch teacher. It looks for batches of earlier processes at once, in the background.
func NewBatch(o Options, b BatchOptions) (*Batch, error) {
	o.NoSSE = true
	b.Name, b.Size = orDefault(b.Name, "distill"), min(orDefault(b.Size, 1000), openai.MaxBatchRequests)
	b.Gather, b.Poll, b.Discount = orDefault(b.Gather, 10*time.Second), orDefault(b.Poll, 30*time.Second), orDefault(b.Discount, 0.5)
	t, err := New(o)
	if err != nil {
		return nil, err
	}
	if !t.dialect.Batches {
		t.Close()
		return nil, teacher.Errorf(teacher.Fatal, "turn batching off for this teacher", "remote: %s has no batch endpoint that is known here", t.dialect.Name)
	}
	if t.price != nil {
		cheaper := t.price.Times(b.Discount)
		t.price = &cheaper
	}
	batch := &Batch{t: t, o: b, orders: map[string]*order{}, answered: map[string]openai.BatchResult{}, found: make(chan struct{})}
	batch.work.Go(batch.findEarlier)
	return batch, nil
}

// Info describes the teacher.
func (b *Batch) Info() teacher.Info {
	info := b.t.Info()
	info.Concurrency = b.o.Size
	return info
}

// Check asks the server, before anything is spent, whether address, key and model are right and whether it takes batches.
func (b *Batch) Check(ctx context.Context) error {
	if err := b.t.Check(ctx); err != nil {
		return err
	}
	select {
	case <-b.found:
	case <-ctx.Done():
		return fmt.Errorf("remote: %w", context.Cause(ctx))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost != nil && teacher.KindOf(b.lost) != teacher.Transient {
		return teacher.Errorf(teacher.Fatal, "turn batching off for this teacher", "remote: %s does not list batches: %w", b.t.base.Host, b.lost)
	}
	return b.lost
}

// Stats returns a snapshot of the requests that manage batches, and of the answers.
func (b *Batch) Stats() Stats { return b.t.Stats() }

// Close stops waiting. Batches go on at the server, and the next process of the same name finds them.
func (b *Batch) Close() error {
	err := b.t.Close()
	b.mu.Lock()
	if b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
	b.work.Wait()
	return err
}

// Complete answers one request: see [teacher.Teacher].
func (b *Batch) Complete(ctx context.Context, req teacher.Request) (*distill.Completion, error) {
	began := time.Now()
	c, err := b.t.prepare(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := b.t.bound(ctx)
	defer cancel()
	worst := b.t.worst(c)
	room, err := b.t.opts.Budget.Reserve(ctx, worst)
	if err != nil {
		return nil, b.t.explain(err)
	}
	spent := budget.Spending{}
	defer func() { room.Settle(spent) }()
	select {
	case <-b.found:
	case <-ctx.Done():
		return nil, b.t.explain(fmt.Errorf("remote: %w", context.Cause(ctx)))
	}
	o, err := b.order(c)
	if err != nil {
		return nil, err
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		spent = worst // it will be answered, and billed, though nobody listens
		return nil, b.t.explain(fmt.Errorf("remote: %w", context.Cause(ctx)))
	}
	if o.err != nil {
		return nil, o.err
	}
	spent = b.t.spent(c, worst, o.answer, nil)
	done := b.t.completion(o.answer)
	done.Latency = time.Since(began)
	return done, nil
}

// order puts a request into the next batch, unless it is in one already or an earlier process got its answer. Requests
// are one and the same when body and seed are: then they share the answer.
func (b *Batch) order(c *call) (*order, error) {
	_, v := b.t.wire.request(b.t, c)
	body, err := json.Marshal(v)
	if err == nil && len(b.t.opts.Extra) > 0 {
		body, err = merge(body, b.t.opts.Extra)
	}
	if err != nil {
		return nil, teacher.Errorf(teacher.Permanent, "", "remote: encode request: %w", err)
	}
	id := fmt.Sprintf("%016x-%x", xxhash.Sum64(body), c.sampling.Seed)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost != nil {
		return nil, b.lost
	}
	if o := b.orders[id]; o != nil {
		return o, nil
	}
	o := &order{id: id, body: body, done: make(chan struct{})}
	b.orders[id] = o
	if result, ok := b.answered[id]; ok {
		delete(b.answered, id)
		if b.settle(o, c.spec, result) {
			return o, nil
		}
	}
	b.gather(o)
	return o, nil
}

// gather adds an order to the next batch, which leaves when it is full or nothing more comes. The caller holds the lock.
func (b *Batch) gather(o *order) {
	b.gathering = append(b.gathering, o)
	if len(b.gathering) >= b.o.Size {
		b.send()
		return
	}
	if b.timer != nil {
		b.timer.Stop()
	}
	b.timer = time.AfterFunc(b.o.Gather, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.send()
	})
}

// send starts a batch of what was gathered. The caller holds the lock.
func (b *Batch) send() {
	orders := b.gathering
	b.gathering = nil
	if len(orders) == 0 || b.t.closing.Err() != nil {
		return
	}
	b.work.Go(func() { b.run(orders) })
}

// settle gives an order its answer or its final error, and reports false when it should be asked again. The caller holds
// the lock.
func (b *Batch) settle(o *order, spec distill.SignalSpec, r openai.BatchResult) bool {
	a, f := b.read(spec, r)
	if f != nil && (f.remedy == retryLater || f.remedy == retrySlower) {
		if o.tries++; o.tries <= b.t.opts.Retries {
			return false
		}
	}
	if f != nil {
		b.t.stats.failed(f)
		o.err = f.final()
	} else {
		b.t.stats.answered(a, b.t.cost(a))
		o.answer = a
	}
	delete(b.orders, o.id)
	close(o.done)
	return true
}

// read turns a line of a result file into an answer.
func (b *Batch) read(spec distill.SignalSpec, r openai.BatchResult) (*answer, *fault) {
	switch {
	case r.Error != nil && r.Response == nil:
		return nil, &fault{remedy: retryLater, cause: "batch", err: fmt.Errorf("batch: %s", b.t.redact.Replace(describe(0, r.Error)))}
	case r.Response == nil:
		return nil, &fault{remedy: retryLater, cause: "batch", err: fmt.Errorf("batch: a result without a response")}
	case r.Response.StatusCode != http.StatusOK:
		return nil, b.t.faultOf(r.Response.StatusCode, http.Header{}, r.Response.Body)
	}
	a := new(answer)
	err := b.t.wire.whole(r.Response.Body, &call{spec: spec}, a)
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return nil, &fault{remedy: retryLater, cause: "malformed", err: fmt.Errorf("batch: %w", err)}
	}
	return a, nil
}
