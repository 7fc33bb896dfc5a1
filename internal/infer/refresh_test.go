package infer

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/model"
)

// randomModel is a small model with weights of a seed.
func randomModel(t *testing.T, width int, seed uint64) *model.Model {
	t.Helper()
	cfg := model.Config{Arch: model.Qwen2, Vocab: 50, Context: 64, Width: width, FFN: 48, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8,
		RopeTheta: 10000, NormEps: 1e-5, AttentionBias: true}
	r := rand.New(rand.NewPCG(seed, 1))
	weights := map[string][]float32{}
	for _, s := range cfg.Specs() {
		w := make([]float32, s.Elements())
		for i := range w {
			w[i] = float32(r.NormFloat64() / 4)
		}
		weights[s.Name] = w
	}
	m, err := model.New(cfg, nil, "", weights)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRefresh: after new weights a model and its running engine answer as a model that was made with them, what slots
// remember of the old ones included.
func TestRefresh(t *testing.T) {
	before, after := randomModel(t, 32, 1), randomModel(t, 32, 2)
	request := Request{Prompt: []Token{3, 1, 4, 1, 5, 9, 2, 6}, Sampling: distill.Sampling{Temperature: 1, MaxTokens: 20, Seed: 7}}
	m, fresh := ready(t, before), ready(t, after)
	e := engine(t, m, 2)
	old := generate(t, e, request)
	panels := &m.layers[1].q
	place := *panels
	if err := m.Refresh(after); err != nil {
		t.Fatal(err)
	}
	if *panels != place {
		t.Error("the weights were packed anew instead of in place")
	}
	want, got := generate(t, engine(t, fresh, 2), request), generate(t, e, request)
	if !slices.Equal(want.Tokens, got.Tokens) || !slices.Equal(want.Logprobs, got.Logprobs) {
		t.Errorf("after a refresh: %v, want %v", got.Tokens, want.Tokens)
	}
	if slices.Equal(old.Logprobs, got.Logprobs) {
		t.Error("the weights were not replaced")
	}
	if err := m.Refresh(randomModel(t, 40, 1)); err == nil {
		t.Error("weights of another shape were taken")
	}
}

func ready(t *testing.T, from *model.Model) *Model {
	t.Helper()
	m, err := New(from, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}
