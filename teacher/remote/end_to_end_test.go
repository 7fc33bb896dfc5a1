package remote

import (
	"math"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/server"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/local"
	"github.com/seed-d24fde5f/distill/teacher/teachertest"
)

// The tests here ask our own server, which runs a real model: client, wire and server in one.

// serveStories serves a model of 260 thousand parameters and returns the address and the same model without a wire.
func serveStories(t testing.TB) (string, *local.Teacher) { return serveTemplate(t, "") }

// serveTemplate does the same with a chat template.
func serveTemplate(t testing.TB, template string) (string, *local.Teacher) {
	near, err := local.Open(fixture.Shared(t, "models", "stories260K-f32.gguf"), local.Options{Name: "stories", Slots: 8, Template: template})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	s, err := server.New(server.Options{Models: []server.Model{{
		Name: "stories", Engine: near.Engine(), Tokenizer: near.Tokenizer(), Prompt: near.Format().Prompt, EndTokens: near.Format().Stops(),
		Context: near.Engine().Model().Context(),
	}}, Token: testKey})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	return h.URL + "/v1", near
}

func far(t testing.TB, url string, noSSE bool) *Teacher {
	known, err := New(Options{BaseURL: url, Dialect: "distill", Model: "stories", NoSSE: noSSE, KeyEnv: []string{"KEY"}, Getenv: func(string) string { return testKey }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { known.Close() })
	return known
}

func TestConformance(t *testing.T) {
	url, _ := serveStories(t)
	for name, noSSE := range map[string]bool{"stream": false, "whole": true} {
		t.Run(name, func(t *testing.T) {
			teachertest.Run(t, func(t *testing.T) teacher.Teacher { return far(t, url, noSSE) })
		})
	}
}

// Over the wire or in this process, a model says the same and thinks the same of it.
func TestFarAsNear(t *testing.T) {
	url, near := serveStories(t)
	for _, temperature := range []float64{0, 1} {
		req := teacher.Request{
			Messages: []distill.Message{{Role: distill.RoleUser, Content: "Once upon a time"}},
			Sampling: distill.Sampling{Temperature: temperature, TopP: 0.95, TopK: 50, MinP: 0.01, RepetitionPenalty: 1.05, MaxTokens: 60, Seed: 11, Stop: []string{"zebra"}},
			Signal:   distill.SignalSpec{Kind: distill.TopK, K: 7},
		}
		want, err := near.Complete(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, noSSE := range []bool{false, true} {
			got, err := far(t, url, noSSE).Complete(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			close := cmp.Comparer(func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 })
			if diff := cmp.Diff(want, got, close, cmpopts.IgnoreFields(distill.Completion{}, "Latency", "CostUSD")); diff != "" {
				t.Errorf("temperature %v, noSSE %v: far differs from near (-near +far):\n%s", temperature, noSSE, diff)
			}
		}
	}
}

// Thinking that the template opens arrives apart from the answer, and counted.
func TestFarThinking(t *testing.T) {
	url, near := serveTemplate(t, "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}")
	want, err := near.Complete(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, noSSE := range []bool{false, true} {
		got, err := far(t, url, noSSE).Complete(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		if got.Reasoning == "" || got.Reasoning != want.Reasoning || got.Response != want.Response || got.ReasoningTokens != want.ReasoningTokens {
			t.Errorf("noSSE %v: far %+v, near %+v", noSSE, got, want)
		}
	}
}

func TestFarSignalIsUsable(t *testing.T) {
	url, near := serveStories(t)
	known := far(t, url, false)
	if !slices.Contains(known.Info().Signals, distill.TopK) {
		t.Fatal("no top-k signal")
	}
	req := plain
	req.Signal = distill.SignalSpec{Kind: distill.TopK, K: 20}
	c, err := known.Complete(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	// Ids are the teacher's own: they decode to the text, and the teacher scores them as it said.
	var text []byte
	for _, id := range c.TokenIDs {
		text = append(text, near.Tokenizer().Piece(id)...)
	}
	if string(text) != c.Response {
		t.Errorf("ids decode to %q, the answer is %q", text, c.Response)
	}
	scored, _, err := near.Score(t.Context(), req.Messages, c.TokenIDs, distill.SignalSpec{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range scored {
		if math.Abs(float64(scored[i]-c.TokenLogprobs[i])) > 1e-3 {
			t.Errorf("token %d: told %v, scored %v", i, c.TokenLogprobs[i], scored[i])
		}
	}
}
