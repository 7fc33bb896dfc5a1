package watch

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

//go:embed page.html
var page []byte

// tick is how often the page is told of changes.
const tick = 500 * time.Millisecond

// Listen listens at a loopback address, host:port; port 0 takes a free one. Another host is an error.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("watch: %s is not an address of this machine alone", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return l, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Serve shows the page at / and its events at /events until ctx ends. Open pages are then told the last state and let go.
// It closes l.
func (b *Board) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'")
		state, err := json.Marshal(b.State()) // escapes <, > and &: it stands in a script
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Write(bytes.Replace(page, []byte("FIRST_STATE"), state, 1)) //nolint:errcheck // the reader has gone
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { b.events(ctx, w, r) })
	server := &http.Server{Handler: onlyHere(mux), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("watch: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		err = errors.Join(err, server.Close())
		<-served
		return fmt.Errorf("watch: %w", err)
	}
	<-served
	return nil
}

// onlyHere refuses requests for another host's name.
func onlyHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !isLoopback(host) {
			http.Error(w, "only for this machine", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// events writes the state whenever it has changed, and a last time when ctx ends.
func (b *Board) events(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var last []byte
	for {
		ended := ctx.Err() != nil // seen before the state is taken, so that the last one is sent
		state, err := json.Marshal(b.State())
		if err != nil {
			return
		}
		if !bytes.Equal(state, last) {
			if _, err := fmt.Fprintf(w, "data: %s\n\n", state); err != nil || out.Flush() != nil {
				return
			}
			last = state
		}
		if ended {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		case <-r.Context().Done():
			return
		}
	}
}
