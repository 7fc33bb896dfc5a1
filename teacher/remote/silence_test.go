package remote

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The tests here let a real HTTP server and the client talk over pipes, on synctest's clock: their hours are exact.

// bubbled is a script that is served over pipes; it must be made inside a bubble.
func bubbled(t *testing.T, steps ...http.HandlerFunc) (*script, func(*Options)) {
	s := &script{Server: &httptest.Server{URL: "http://sim"}, steps: steps}
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: s}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return s, func(o *Options) { o.Transport = &http.Transport{Dial: l.dial} }
}

// pipes is a listener without a network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

var errNoPipes = errors.New("listener closed")

func (p *pipes) dial(string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, errNoPipes
	}
}

// Accept implements [net.Listener].
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, errNoPipes
	}
}

// Close implements [net.Listener].
func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

// Addr implements [net.Listener].
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// drip sends a blank line every so often, and nothing else.
func drip(every time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(every):
				io.WriteString(w, "\n")
				w.(http.Flusher).Flush()
			}
		}
	}
}

// A server that is silent for the idle timeout, and one that drips for ever, are each given up at the time that is theirs,
// and asked again.
func TestSilenceAndSlowness(t *testing.T) {
	for name, test := range map[string]struct {
		step  http.HandlerFunc
		cause string
		after time.Duration
	}{
		"silent server": {drip(time.Hour), "idle", 5 * time.Minute},
		"slow loris":    {drip(time.Minute), "timeout", 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s, change := bubbled(t, test.step, streamed)
				known := open(t, s, change)
				began := time.Now()
				if _, err := ask(t, known); err != nil {
					t.Fatal(err)
				}
				took := time.Since(began)
				if got := known.Stats().Failures; got[test.cause] != 1 || took < test.after || took > test.after+time.Second {
					t.Errorf("failures %v after %v, want one by %s after %v", got, took, test.cause, test.after)
				}
			})
		})
	}
}

// Blank comments keep a connection alive for as long as the attempt may take in all.
func TestKeepAlivesHoldTheLine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, change := bubbled(t, func(w http.ResponseWriter, r *http.Request) {
			for range 8 {
				io.WriteString(w, ": keep-alive\n\n")
				w.(http.Flusher).Flush()
				time.Sleep(3 * time.Minute)
			}
			streamed(w, r)
		})
		if _, err := ask(t, open(t, s, change)); err != nil {
			t.Fatal(err)
		}
		if s.count() != 1 {
			t.Errorf("%d requests, want 1", s.count())
		}
	})
}
