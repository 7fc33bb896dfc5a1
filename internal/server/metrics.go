package server

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// metrics count for Prometheus; the text is exposition format 0.0.4.
type metrics struct {
	mu         sync.Mutex
	requests   map[[2]string]int64 // by endpoint and status
	prompt     map[string]int64    // tokens, by model
	completion map[string]int64
	duration   histogram
	firstToken histogram
}

// histogram counts durations in buckets.
type histogram struct {
	mu     sync.Mutex
	counts [len(bounds) + 1]int64
	sum    float64
}

// bounds are the upper bounds of the buckets, in seconds.
var bounds = [...]float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300}

func (h *histogram) observe(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := 0
	for i < len(bounds) && d.Seconds() > bounds[i] {
		i++
	}
	h.counts[i]++
	h.sum += d.Seconds()
}

func (h *histogram) write(w io.Writer, name, help string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s histogram\n", name, help)
	total := int64(0)
	for i, bound := range bounds {
		total += h.counts[i]
		fmt.Fprintf(w, "%s_bucket{le=\"%g\"} %d\n", name, bound, total)
	}
	total += h.counts[len(bounds)]
	fmt.Fprintf(w, "%s_bucket{le=\"+Inf\"} %d\n%[1]s_sum %[3]g\n%[1]s_count %[2]d\n", name, total, h.sum)
}

// request counts an answered request.
func (m *metrics) request(endpoint string, status int, d time.Duration) {
	m.duration.observe(d)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.requests == nil {
		m.requests = map[[2]string]int64{}
	}
	m.requests[[2]string{endpoint, fmt.Sprint(status)}]++
}

// completed counts the tokens of a completion.
func (m *metrics) completed(model string, prompt, completion int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.prompt == nil {
		m.prompt, m.completion = map[string]int64{}, map[string]int64{}
	}
	m.prompt[model] += int64(prompt)
	m.completion[model] += int64(completion)
}

func (s *Server) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m := &s.metrics
	m.mu.Lock()
	fmt.Fprint(w, "# HELP distill_requests_total Requests answered.\n# TYPE distill_requests_total counter\n")
	for _, key := range sorted(m.requests, func(a, b [2]string) bool { return a[0]+a[1] < b[0]+b[1] }) {
		fmt.Fprintf(w, "distill_requests_total{endpoint=%q,status=%q} %d\n", key[0], key[1], m.requests[key])
	}
	for _, kind := range []struct {
		name string
		by   map[string]int64
	}{{"prompt", m.prompt}, {"completion", m.completion}} {
		fmt.Fprintf(w, "# HELP distill_%s_tokens_total Tokens of %[1]ss.\n# TYPE distill_%[1]s_tokens_total counter\n", kind.name)
		for _, model := range sorted(kind.by, func(a, b string) bool { return a < b }) {
			fmt.Fprintf(w, "distill_%s_tokens_total{model=%q} %d\n", kind.name, model, kind.by[model])
		}
	}
	m.mu.Unlock()
	fmt.Fprintf(w, "# HELP distill_requests_in_flight Requests under way and waiting.\n# TYPE distill_requests_in_flight gauge\ndistill_requests_in_flight %d\n", s.requests.Load())
	m.duration.write(w, "distill_request_seconds", "Time from a request's start to its end.")
	m.firstToken.write(w, "distill_first_token_seconds", "Time from a completion's start to its first token.")
}

func sorted[K comparable, V any](m map[K]V, less func(a, b K) bool) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int {
		if less(a, b) {
			return -1
		}
		return 1
	})
	return keys
}
