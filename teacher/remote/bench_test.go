package remote

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// BenchmarkCompletions is the client against a server that answers at once: what the machinery costs.
func BenchmarkCompletions(b *testing.B) {
	for name, step := range map[string]http.HandlerFunc{"stream": streamed, "whole": whole} {
		b.Run(name, func(b *testing.B) {
			h := httptest.NewServer(step)
			defer h.Close()
			known, err := New(Options{BaseURL: h.URL, Model: "fake", NoSSE: name == "whole", Price: &Price{Input: 1, Output: 1},
				Budget: budget.New(budget.Limits{USD: 1e6}, budget.Spending{})})
			if err != nil {
				b.Fatal(err)
			}
			defer known.Close()
			b.ResetTimer()
			spread(b.N, 64, func() {
				if _, err := known.Complete(context.Background(), plain); err != nil {
					b.Error(err)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "completions/s")
		})
	}
}

// BenchmarkAgainstBareLoop asks a server that takes 50 ms, 64 calls at a time, through the client and through a loop of
// http.Client that does nothing else, in turns.
func BenchmarkAgainstBareLoop(b *testing.B) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		whole(w, r)
	}))
	defer h.Close()
	known, err := New(Options{BaseURL: h.URL, Model: "fake", NoSSE: true, Concurrency: 64})
	if err != nil {
		b.Fatal(err)
	}
	defer known.Close()
	transport := newTransport(64)
	bare := &http.Client{Transport: transport}
	defer bare.CloseIdleConnections()
	body := encode(b, map[string]any{"model": "fake", "messages": plain.Messages})
	var took [2]time.Duration
	ours := func() {
		if _, err := known.Complete(context.Background(), plain); err != nil {
			b.Error(err)
		}
	}
	spread(512, 64, ours) // connections, window
	for range b.N {
		start := time.Now()
		spread(1024, 64, func() {
			response, err := bare.Post(h.URL, "application/json", bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		})
		took[0] += time.Since(start)
		start = time.Now()
		spread(1024, 64, ours)
		took[1] += time.Since(start)
	}
	b.ReportMetric(100*took[0].Seconds()/took[1].Seconds(), "%_of_bare_loop")
}

// spread calls f n times from w goroutines.
func spread(n, w int, f func()) {
	var left atomic.Int64
	left.Store(int64(n))
	var group sync.WaitGroup
	for range w {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				f()
			}
		})
	}
	group.Wait()
}
