package infer

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// An importance weighs what a matrix meets: quantized with it, the products change less than without.
func TestImportanceLowersTheErrorOfProducts(t *testing.T) {
	path := fixture.Shared(t, "models", "stories260K-f32.gguf")
	m := open(t, path, Options{})
	var texts [][]Token
	for seed := range Token(6) {
		texts = append(texts, append([]Token{1, 403 + seed}, greedy(t, m, []Token{1, 403 + seed}, 60)...))
	}
	importance, err := m.Importance(context.Background(), slices.Values(texts))
	if err != nil {
		t.Fatal(err)
	}
	source, err := model.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	var plain, guided float64
	seen := 0
	for _, s := range source.Specs() {
		if len(s.Shape) != 2 {
			continue
		}
		weights, ok := importance[s.Name]
		if !ok || len(weights) != s.Shape[1] {
			if s.Name != "token_embd.weight" {
				t.Errorf("%s: importance of %d columns, want %d", s.Name, len(weights), s.Shape[1])
			}
			continue
		}
		if !quant.Q4_0.Fits(s.Shape[1]) {
			continue
		}
		seen++
		w, err := source.Float32(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		plain += weightedError(w, s.Shape[1], weights, nil)
		guided += weightedError(w, s.Shape[1], weights, weights)
	}
	if seen == 0 || !(guided < 0.9*plain) {
		t.Errorf("over %d matrices: error %.4g with importance, %.4g without", seen, guided, plain)
	}
	if _, err := m.Importance(context.Background(), slices.Values([][]Token(nil))); err == nil {
		t.Error("importance from nothing")
	}
}

// weightedError is Σ weight·(w − w')² for w' in Q4_0, encoded with the given importance.
func weightedError(w []float32, columns int, weights, importance []float32) (sum float64) {
	row, back := make([]byte, quant.Q4_0.RowBytes(columns)), make([]float32, columns)
	for at := 0; at < len(w); at += columns {
		x := w[at : at+columns]
		quant.Encode(quant.Q4_0, row, x, importance)
		quant.Decode(quant.Q4_0, back, row)
		for i := range x {
			sum += float64(weights[i]) * math.Pow(float64(x[i]-back[i]), 2)
		}
	}
	return sum
}
