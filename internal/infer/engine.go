package infer

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-d24fde5f/distill"
)

// ErrClosed is returned by calls that a closing engine cut short.
var ErrClosed = errors.New("infer: the engine is closed")

// EngineOptions say how an engine batches.
type EngineOptions struct {
	// Slots is the number of completions that run at once; 0 means 64. Further calls wait for a free slot. A slot holds
	// the KV cache of its longest sequence.
	Slots int
}

// Engine answers many requests at once: each step takes every running completion one token further, in one batch, and
// requests join and leave between steps. It is safe for concurrent use.
type Engine struct {
	m     *Model
	slots []*slot
	queue chan *job

	stop context.CancelFunc
	done chan struct{}
}

// Request asks for one completion.
type Request struct {
	Prompt    []Token
	Sampling  distill.Sampling   // MaxTokens 0 means what the context has left
	Signal    distill.SignalSpec // what to keep of the distribution; zero for none
	EndTokens []Token            // tokens that end the completion besides the tokenizer's own
	// Constraint, if set, narrows what is drawn; a completion that is whole for it ends, with reason stop.
	Constraint Constraint
	// OnToken, if set, gets each token as it is drawn with the text that became complete by it, which may be empty: text
	// is held back while it may be part of a character or of a stop text. Calls of one request come one after another,
	// from the engine's threads; they must not block.
	OnToken func(id Token, text string)
}

// Result is a completion.
type Result struct {
	Tokens       []Token         // as drawn, with the end token if there was one
	Logprobs     []float32       // of Tokens, natural logarithms, before temperature and penalties
	Signal       *distill.Signal // a position for each token; nil unless asked for
	Text         string          // decoded, without control tokens and stop text; "" without a tokenizer
	FinishReason string          // distill.FinishStop or distill.FinishLength
}

// NewEngine starts an engine on m. Close it before the model.
func NewEngine(m *Model, o EngineOptions) *Engine {
	if o.Slots <= 0 {
		o.Slots = 64
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &Engine{m: m, queue: make(chan *job), stop: stop, done: make(chan struct{})}
	for range o.Slots {
		e.slots = append(e.slots, &slot{cache: newCache(&m.cfg)})
	}
	go e.run(ctx)
	return e
}

// Model returns the model the engine runs.
func (e *Engine) Model() *Model { return e.m }

// Slots returns the number of completions that run at once.
func (e *Engine) Slots() int { return len(e.slots) }

// Close ends the engine; calls in flight return ErrClosed.
func (e *Engine) Close() {
	e.stop()
	<-e.done
}

// Generate completes a prompt. It returns when the completion has ended, or early with the error of ctx, ErrClosed, or
// one about the request: an empty prompt, a token outside the vocabulary, a prompt that fills the context, a stop text
// for a model without tokenizer.
func (e *Engine) Generate(ctx context.Context, r Request) (Result, error) {
	j, err := e.newJob(ctx, r)
	if err != nil {
		return Result{}, err
	}
	select {
	case e.queue <- j:
	case <-ctx.Done():
		return Result{}, ctx.Err()
	case <-e.done:
		return Result{}, ErrClosed
	}
	<-j.finished
	return j.result, j.err
}

func (e *Engine) newJob(ctx context.Context, r Request) (*job, error) {
	if len(r.Prompt) == 0 {
		return nil, errors.New("infer: empty prompt")
	}
	if err := e.m.check(r.Prompt, 0); err != nil {
		return nil, err
	}
	left := e.m.context - len(r.Prompt)
	if left < 1 {
		return nil, fmt.Errorf("infer: the prompt fills the context of %d tokens", e.m.context)
	}
	if len(r.Sampling.Stop) > 0 && e.m.tokenizer == nil {
		return nil, errors.New("infer: stop texts need a tokenizer, which this model lacks")
	}
	limit := left
	if r.Sampling.MaxTokens > 0 {
		limit = min(limit, r.Sampling.MaxTokens)
	}
	j := &job{ctx: ctx, request: r, limit: limit, finished: make(chan struct{}), ends: make(map[Token]bool),
		sampler: newSampler(r.Sampling, r.Prompt, r.Constraint), recorder: newRecorder(r.Signal, r.Sampling.Seed), text: newTextStream(r.Sampling.Stop)}
	for _, id := range r.EndTokens {
		j.ends[id] = true
	}
	if e.m.tokenizer != nil {
		for _, id := range e.m.tokenizer.EndTokens() {
			j.ends[id] = true
		}
	}
	return j, nil
}

// run is the engine's goroutine: admit, step, repeat; sleep when there is nothing to do.
func (e *Engine) run(ctx context.Context) {
	defer close(e.done)
	stepper := stepper{m: e.m}
	for {
		running := e.running()
		if len(running) == 0 {
			select {
			case j := <-e.queue:
				e.admit(j)
			case <-ctx.Done():
				return
			}
		}
		for e.admitWaiting() {
		}
		if ctx.Err() != nil {
			for _, s := range e.running() {
				s.finish(ErrClosed)
			}
			return
		}
		stepper.step(e.running())
	}
}

func (e *Engine) running() []*slot {
	var running []*slot
	for _, s := range e.slots {
		if s.job != nil {
			running = append(running, s)
		}
	}
	return running
}

// admitWaiting takes one waiting request if there is a free slot.
func (e *Engine) admitWaiting() bool {
	for _, s := range e.slots {
		if s.job == nil {
			select {
			case j := <-e.queue:
				e.admit(j)
				return true
			default:
				return false
			}
		}
	}
	return false
}

// admit gives a job the free slot whose cache shares the longest beginning with the prompt. What is shared need not be
// computed again: a position's keys and values depend on the tokens up to it alone.
func (e *Engine) admit(j *job) {
	var best *slot
	shared := -1
	for _, s := range e.slots {
		if s.job != nil {
			continue
		}
		if s.version != e.m.version {
			s.tokens, s.version = s.tokens[:0], e.m.version // keys and values of weights that are no more
		}
		if n := commonPrefix(s.tokens, j.request.Prompt); n > shared {
			best, shared = s, n
		}
	}
	best.begin(j, min(shared, len(j.request.Prompt)-1)) // the last token must run: its logits are wanted
}

func commonPrefix(a, b []Token) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// job is a request on its way.
type job struct {
	ctx      context.Context
	request  Request
	limit    int // tokens to draw at most
	ends     map[Token]bool
	sampler  *sampler
	recorder *recorder
	text     *textStream

	result   Result
	err      error
	finished chan struct{}
}

// slot is a place in the batch: a cache, the tokens whose keys and values it holds or will hold after the next step, and
// the job that runs in it.
type slot struct {
	job     *job
	cache   *cache
	tokens  []Token
	version int // of the weights that the cache comes from
}

func (s *slot) begin(j *job, shared int) {
	s.job = j
	s.cache.length = shared
	s.tokens = append(s.tokens[:0], j.request.Prompt...)
}

// waiting returns the tokens the cache does not hold yet.
func (s *slot) waiting() []Token { return s.tokens[s.cache.length:] }

// finish hands the result to the caller and frees the slot.
func (s *slot) finish(err error) {
	j := s.job
	s.job = nil
	s.tokens = s.tokens[:min(s.cache.length, len(s.tokens))]
	j.err = err
	j.text.flush()
	j.result.Text = string(j.text.text)
	j.result.Signal = j.recorder.signal
	close(j.finished)
}
