package recipe

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/config"
)

// BenchmarkGenerate is the whole of generation against a server on the same machine that answers at once: prompts, calls,
// budget, and each answer durable in the ledger before it counts.
func BenchmarkGenerate(b *testing.B) {
	body := fmt.Sprintf(`{"model":"fake","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],
		"usage":{"prompt_tokens":70,"completion_tokens":250,"total_tokens":320}}`, strings.Repeat("so half of them go to each friend ", 30))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}))
	defer s.Close()
	r, err := config.Parse("bench.yaml", "", fmt.Appendf(nil, "name: bench\nprompts: {problems: {count: %d}}\n"+
		"teacher: {kind: remote, endpoint: %s/v1, model: fake, concurrency: 64, price: {input: 1, output: 2}, budget: {usd: 1000000}}\n", b.N, s.URL), nil)
	if err != nil {
		b.Fatal(err)
	}
	run, err := Open(r, filepath.Join(b.TempDir(), "run"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer run.Close()
	b.ResetTimer()
	if err := run.Do(b.Context(), "generate"); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "completions/s")
}
