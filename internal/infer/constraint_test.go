package infer

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/model"
)

// among allows some tokens, until it has seen enough of them.
type among struct {
	allowed []Token
	enough  int
}

var errNone = errors.New("none")

func (a *among) Mask(logits []float32) error {
	for id := range logits {
		if !slices.Contains(a.allowed, Token(id)) {
			logits[id] = float32(math.Inf(-1))
		}
	}
	if len(a.allowed) == 0 {
		return errNone
	}
	return nil
}

func (a *among) Accept(Token) bool { a.enough--; return a.enough == 0 }

// TestConstrainedDraws: what is drawn follows the model's distribution over the allowed tokens, for every way to sample.
func TestConstrainedDraws(t *testing.T) {
	logits := make([]float32, 700) // more than a block of sums
	for i := range logits {
		logits[i] = float32(i%13) / 4
	}
	logits[650] = 40 // by far the likeliest, and forbidden
	allowed := []Token{3, 250, 260, 699}
	for _, s := range []distill.Sampling{{Temperature: 1}, {Temperature: 0.7}, {Temperature: 1, TopK: 3}, {Temperature: 1, TopK: 100}, {Temperature: 1, TopP: 0.9999},
		{Temperature: 1, MinP: 1e-9, RepetitionPenalty: 1.0001}, {}} {
		r := newSampler(s, nil, &among{allowed: allowed})
		var d distribution
		d.set(logits, 1)
		const n = 20000
		count := map[Token]int{}
		for range n {
			id, err := r.next(logits, &d)
			if err != nil {
				t.Fatal(err)
			}
			count[id]++
		}
		kept := slices.Clone(allowed)
		slices.SortFunc(kept, func(a, b Token) int { return int(4 * (logits[b] - logits[a])) })
		switch {
		case s.Temperature == 0:
			kept = kept[:1]
		case s.TopK == 3:
			kept = kept[:3]
		}
		total := 0.0
		for _, id := range kept {
			total += math.Exp(float64(logits[id]) / max(s.Temperature, 1e-9))
		}
		seen := 0
		for _, id := range kept {
			seen += count[id]
			p := math.Exp(float64(logits[id])/max(s.Temperature, 1e-9)) / total
			if s.Temperature > 0 && math.Abs(float64(count[id])/n-p) > 5*math.Sqrt(p*(1-p)/n)+1e-3 {
				t.Errorf("%+v: token %d drawn %d of %d times, probability %.4f", s, id, count[id], n, p)
			}
		}
		if seen != n {
			t.Errorf("%+v: drawn %v, allowed %v", s, count, kept)
		}
	}
}

// TestConstrainedCompletion: the engine draws what is allowed, keeps the model's own log-probabilities, ends where the
// text is whole, and fails where nothing can follow, without harm to another completion in the same batch.
func TestConstrainedCompletion(t *testing.T) {
	weights, err := model.Open(fixture.Shared(t, "models", "stories260K-f32.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer weights.Close()
	m, err := New(weights, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e := NewEngine(m, EngineOptions{Slots: 4})
	defer e.Close()
	prompt := []Token{1, 403, 407}
	free, err := e.Generate(t.Context(), Request{Prompt: prompt, Sampling: distill.Sampling{MaxTokens: 12}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := e.Generate(t.Context(), Request{Prompt: prompt, Sampling: distill.Sampling{MaxTokens: 12}, Constraint: &among{}})
		done <- err
	}()
	got, err := e.Generate(t.Context(), Request{Prompt: prompt, Sampling: distill.Sampling{MaxTokens: 12}, Constraint: &among{[]Token{300, 301, 302}, 5}})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, errNone) {
		t.Errorf("a constraint that allows nothing: %v", err)
	}
	if len(got.Tokens) != 5 || got.FinishReason != distill.FinishStop {
		t.Errorf("%d tokens, ended by %s", len(got.Tokens), got.FinishReason)
	}
	for _, id := range got.Tokens {
		if id < 300 || id > 302 {
			t.Errorf("drew %d", id)
		}
	}
	own, _, err := m.Score(t.Context(), append(slices.Clone(prompt), got.Tokens...), len(prompt), distill.SignalSpec{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range own {
		if math.Abs(float64(own[i]-got.Logprobs[i])) > 1e-3 {
			t.Errorf("token %d: log-probability %v, the model's is %v", i, got.Logprobs[i], own[i])
		}
	}
	again, err := e.Generate(t.Context(), Request{Prompt: prompt, Sampling: distill.Sampling{MaxTokens: 12}})
	if err != nil || !slices.Equal(again.Tokens, free.Tokens) {
		t.Errorf("afterwards %v, before %v (%v)", again.Tokens, free.Tokens, err)
	}
}
