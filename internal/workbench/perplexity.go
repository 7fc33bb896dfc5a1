package workbench

import (
	"context"
	"fmt"
	"math"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/progress"
)

// TextPerplexity is how well a model predicts a running text.
type TextPerplexity struct {
	Perplexity float64 `json:"perplexity"`
	Error      float64 `json:"standard_error"`
	Windows    int     `json:"windows"`
	Tokens     int     `json:"tokens"` // scored
}

// PerplexityOfText returns the perplexity of m on tokens, counted as llama-perplexity counts: the text is cut into windows
// of the given length, each begins anew (with the begin token in place of its first where the tokenizer puts one), and the
// second half of each is scored. What does not fill a window is left out.
func PerplexityOfText(ctx context.Context, m *infer.Model, tokens []distill.Token, window int, meter progress.Meter) (TextPerplexity, error) {
	var p TextPerplexity
	if window < 4 || window > m.Context() {
		return p, hint.Errorf("--ctx sets it", "a window of %d tokens is not between 4 and the model's context of %d", window, m.Context())
	}
	if len(tokens) < window {
		return p, hint.Errorf("give a longer text or a smaller --ctx", "the text has %d tokens, fewer than one window of %d", len(tokens), window)
	}
	var sum, squares float64
	first := window / 2
	for ; len(tokens) >= window; tokens = tokens[window:] {
		logprobs, _, err := m.Score(ctx, anew(m.Tokenizer(), tokens[:window]), first+1, distill.SignalSpec{})
		if err != nil {
			return p, fmt.Errorf("perplexity: %w", err)
		}
		for _, v := range logprobs {
			sum -= float64(v)
			squares += float64(v) * float64(v)
		}
		if math.IsNaN(sum) {
			return p, errNotNumbers("perplexity", "the model's")
		}
		p.Windows++
		p.Tokens += len(logprobs)
		meter.Add(1)
	}
	n := float64(p.Tokens)
	mean := sum / n
	p.Perplexity = math.Exp(mean)
	if n > 1 {
		p.Error = p.Perplexity * math.Sqrt(max(0, squares/n-mean*mean)/(n-1))
	}
	return p, nil
}
