package server

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openStories serves a real model: 260 thousand parameters that tell stories. It has no chat template.
func openStories(t testing.TB) Model {
	path := fixture.Shared(t, "models", "stories260K-f32.gguf")
	weights, err := model.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ready, err := infer.New(weights, infer.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	engine := infer.NewEngine(ready, infer.EngineOptions{Slots: 8})
	t.Cleanup(func() { engine.Close(); ready.Close(); weights.Close() })
	tok := weights.Tokenizer
	return Model{Name: "stories", Engine: engine, Tokenizer: tok, Context: ready.Context(),
		Prompt: func(messages []distill.Message, _ bool) ([]distill.Token, error) {
			ids := []distill.Token{tok.BOS}
			for _, m := range messages {
				ids = append(ids, tok.Encode(m.Content, false)...)
			}
			return ids, nil
		}}
}

// start serves and returns the address.
func start(t testing.TB, o Options) (*Server, string) {
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	return s, h.URL
}

// scripted is an engine that says what it is told to, over the vocabulary of a real model.
type scripted struct {
	Engine
	say   []string
	delay time.Duration
	err   error
}

func (e *scripted) Generate(ctx context.Context, r infer.Request) (infer.Result, error) {
	var result infer.Result
	for i, text := range e.say {
		select {
		case <-time.After(e.delay):
		case <-ctx.Done():
			return result, ctx.Err()
		}
		r.OnToken(distill.Token(i), text)
		result.Text += text
		result.Tokens = append(result.Tokens, distill.Token(i))
		result.Logprobs = append(result.Logprobs, -1)
	}
	result.FinishReason = distill.FinishStop
	return result, e.err
}
