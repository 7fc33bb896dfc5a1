package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/grammar"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// news is what a running completion has to tell: text as it comes, and at last its result.
type news struct {
	choice int
	text   string
	result *infer.Result // set once, at the end
	err    error         // likewise
}

// feed carries news from the engine's threads, which must not wait, to the one that writes to the client, who may be slow.
type feed struct {
	mu    sync.Mutex
	items []news
	wake  chan struct{}
}

func newFeed() *feed { return &feed{wake: make(chan struct{}, 1)} }

func (f *feed) put(n news) {
	f.mu.Lock()
	f.items = append(f.items, n)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take returns all news there are; none after a wake-up that came late.
func (f *feed) take() []news {
	f.mu.Lock()
	defer f.mu.Unlock()
	items := f.items
	f.items = nil
	return items
}

// generate runs n completions of one prompt, with seeds counted up, each kept within the language if there is one, and
// returns their news.
func (s *Server) generate(ctx context.Context, m *Model, r infer.Request, language *grammar.Grammar, n int) *feed {
	f := newFeed()
	began := time.Now()
	for i := range n {
		go func() {
			r := r
			r.Sampling.Seed += uint64(i)
			if language != nil {
				r.Constraint = grammar.NewSession(language, m.vocabulary())
			}
			first := true
			r.OnToken = func(_ distill.Token, text string) {
				if first {
					s.metrics.firstToken.observe(time.Since(began))
					first = false
				}
				if text != "" {
					f.put(news{choice: i, text: text})
				}
			}
			result, err := m.Engine.Generate(ctx, r)
			if err == nil {
				s.metrics.completed(m.Name, len(r.Prompt), len(result.Tokens))
			}
			f.put(news{choice: i, result: &result, err: err})
		}()
	}
	return f
}

// follow calls told for all news until each of the n completions has ended, and idle when there have been none for a
// while. It returns the first error, after all have ended.
func (f *feed) follow(n int, told func(news) error, idle func() error) error {
	var failed error
	note := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	ticker := time.NewTicker(keepAlive)
	defer ticker.Stop()
	for n > 0 {
		select {
		case <-f.wake:
			ticker.Reset(keepAlive)
		case <-ticker.C:
			if failed == nil {
				note(idle())
			}
		}
		for _, item := range f.take() {
			if item.result != nil {
				n--
			}
			if item.err != nil {
				note(item.err)
			} else if failed == nil {
				note(told(item))
			}
		}
	}
	return failed
}

// keepAlive is how long a stream is silent at most: proxies and clients give up on silence after a minute or so.
const keepAlive = 15 * time.Second

// errorOf words the failure of a completion for the client.
func errorOf(ctx context.Context, err error) (int, *openai.Error) {
	switch {
	case errors.Is(context.Cause(ctx), errTooLong):
		return http.StatusGatewayTimeout, &openai.Error{Type: "timeout_error", Code: "timeout", Message: errTooLong.Error()}
	case ctx.Err() != nil:
		return 499, &openai.Error{Type: "server_error", Code: "cancelled", Message: "the request was cancelled"}
	case errors.Is(err, infer.ErrClosed):
		return http.StatusServiceUnavailable, &openai.Error{Type: "server_error", Code: "stopping", Message: "the server is stopping"}
	}
	return http.StatusInternalServerError, &openai.Error{Type: "server_error", Code: "internal", Message: err.Error()}
}

// stream writes server-sent events. Each must reach the client within the deadline: one that reads no more must not hold
// its place in the batch.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

const writeDeadline = 30 * time.Second

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold the events back
	w.WriteHeader(http.StatusOK)
	return &stream{w: w, rc: http.NewResponseController(w)}
}

// event writes one event and sends it off.
func (s *stream) event(v any) error {
	s.extend()
	if err := openai.WriteEvent(s.w, v); err != nil {
		return err
	}
	return s.rc.Flush()
}

// raw writes text as it is.
func (s *stream) raw(text string) error {
	s.extend()
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.rc.Flush()
}

func (s *stream) idle() error { return s.raw(": keep-alive\n\n") }

// last writes an event after which nothing can be done about an error any more.
func (s *stream) last(v any) { _ = s.event(v) }

// done ends the stream.
func (s *stream) done() { _ = s.raw("data: " + openai.Done + "\n\n") }

// extend gives the client time for the next write. Writers that know no deadlines, as in tests, go without.
func (s *stream) extend() { _ = s.rc.SetWriteDeadline(time.Now().Add(writeDeadline)) }
