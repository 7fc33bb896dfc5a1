package remote

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/seed-d24fde5f/distill/internal/openai"
)

// The tests here put a bad network between client and server: toxiproxy passes TCP on and spoils it on the way.

// network returns the address of a proxy before the server, and a function that adds a fault and returns one that takes
// it away again.
func network(t *testing.T, s *script) (string, func(kind, stream string, toxicity float64, attributes string) func()) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics log to the default logger
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "test", "127.0.0.1:0", strings.TrimPrefix(s.URL, "http://"))
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	n := 0
	return "http://" + proxy.Listen, func(kind, stream string, toxicity float64, attributes string) func() {
		n++
		name := fmt.Sprintf("%s%d", kind, n)
		toxic := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"toxicity":%g,"attributes":%s}`, name, kind, stream, toxicity, attributes)
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
		return func() { proxy.Toxics.RemoveToxic(t.Context(), name) }
	}
}

// long answers with a stream of about 20 kB, so that faults find something to cut.
func long(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for range 40 {
		text := openai.Text(strings.Repeat("word ", 80))
		openai.WriteEvent(w, openai.ChatResponse{Choices: []openai.ChatChoice{{Delta: &openai.Delta{Content: &text}}}})
	}
	finish(w)
}

var longText = strings.Repeat(strings.Repeat("word ", 80), 40)

func TestBadNetworks(t *testing.T) {
	for _, test := range []struct {
		name, kind, stream, attributes string
		toxicity                       float64
	}{
		{"delays", "latency", "downstream", `{"latency":20,"jitter":20}`, 1},
		{"slow line", "bandwidth", "downstream", `{"rate":400}`, 1},
		{"small packets", "slicer", "downstream", `{"average_size":64,"size_variation":32,"delay":10}`, 1},
		{"small packets up", "slicer", "upstream", `{"average_size":8,"size_variation":4,"delay":10}`, 1},
		{"resets", "reset_peer", "downstream", `{"timeout":5}`, 0.4},
		{"cut after some bytes", "limit_data", "downstream", `{"bytes":9000}`, 0.5},
		{"silence", "timeout", "downstream", `{"timeout":0}`, 0.6},
		{"slow close", "slow_close", "downstream", `{"delay":50}`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, long)
			url, add := network(t, s)
			defer add(test.kind, test.stream, test.toxicity, test.attributes)()
			known := open(t, s, func(o *Options) {
				o.BaseURL, o.IdleTimeout, o.Retries = url, 250*time.Millisecond, 30
			})
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					for range 3 {
						c, err := ask(t, known)
						if err != nil {
							t.Error(err)
						} else if c.Response != longText {
							t.Errorf("answer of %d bytes, want %d", len(c.Response), len(longText))
						}
					}
				})
			}
			group.Wait()
			t.Logf("%d attempts for 12 answers, failures %v", known.Stats().Sent, known.Stats().Failures)
		})
	}
}
