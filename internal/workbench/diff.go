package workbench

import (
	"context"
	"math"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/progress"
)

// Difference is how far two models' predictions lie apart, over the second half of each window of a text.
type Difference struct {
	MeanKL              float64 `json:"mean_kl"` // KL(A‖B), nats a token
	MaxKL               float64 `json:"max_kl"`
	TopOneAgreement     float64 `json:"top_1_agreement"`
	PerplexityA         float64 `json:"perplexity_a"`
	PerplexityB         float64 `json:"perplexity_b"`
	MeanLogitDifference float64 `json:"mean_logit_difference"` // of absolute differences
	MaxLogitDifference  float64 `json:"max_logit_difference"`
	Tokens              int     `json:"tokens"`
}

func errNotNumbers(operation, whose string) error {
	return hint.Errorf("distill model convert names the weight that is damaged", "%s: %s logits are no numbers: some weight is NaN or infinite", operation, whose)
}

// Diff runs both models over windows of tokens, 0 for 512 or as many as both take. They must have the same tokenizer.
// Nothing but one window's logits is kept in memory.
func Diff(ctx context.Context, a, b *infer.Model, tokens []distill.Token, window, most int, monitor progress.Monitor) (Difference, error) {
	var d Difference
	if a.Tokenizer().Hash() != b.Tokenizer().Hash() {
		return d, hint.Errorf("compare a model with what was quantized or cut from it", "diff: the two models have different tokenizers")
	}
	if window == 0 {
		window = min(512, a.Context(), b.Context())
	}
	if window < 4 || window > min(a.Context(), b.Context()) {
		return d, hint.Errorf("--ctx sets it", "diff: a window of %d tokens is not between 4 and both models' contexts of %d and %d", window, a.Context(), b.Context())
	}
	if len(tokens) < window {
		return d, hint.Errorf("give a longer text or a smaller --ctx", "diff: the text has %d tokens, fewer than one window of %d", len(tokens), window)
	}
	windows := len(tokens) / window
	if most > 0 {
		windows = min(windows, most)
	}
	meter := monitor.Start("diff", "windows", int64(windows), 0)
	defer meter.Stop()
	va, vb := a.Config().Vocab, b.Config().Vocab
	scratchA, scratchB := make([]float32, va), make([]float32, vb)
	var natsA, natsB, agreed, values float64
	for w := range windows {
		if err := ctx.Err(); err != nil {
			return d, err
		}
		piece := tokens[w*window : (w+1)*window]
		logitsA, err := a.Logits(piece)
		if err != nil {
			return d, err
		}
		logitsB, err := b.Logits(piece)
		if err != nil {
			return d, err
		}
		for i := window / 2; i < window-1; i++ {
			p, q := logitsA[i*va:(i+1)*va], logitsB[i*vb:(i+1)*vb]
			sumA, sumB := kernel.LogSumExp(p, 1, scratchA), kernel.LogSumExp(q, 1, scratchB)
			natsA += float64(sumA - p[piece[i+1]])
			natsB += float64(sumB - q[piece[i+1]])
			kl, same := Divergence(scratchA, p, q, sumB)
			d.MeanKL += kl
			d.MaxKL = max(d.MaxKL, kl)
			if same {
				agreed++
			}
			for v := range min(va, vb) {
				x := math.Abs(float64(p[v] - q[v]))
				d.MeanLogitDifference += x
				d.MaxLogitDifference = max(d.MaxLogitDifference, x)
			}
			values += float64(min(va, vb))
			d.Tokens++
		}
		switch {
		case math.IsNaN(natsA):
			return d, errNotNumbers("diff", "the first model's")
		case math.IsNaN(natsB):
			return d, errNotNumbers("diff", "the second model's")
		}
		meter.Add(1)
	}
	n := float64(d.Tokens)
	d.MeanKL, d.TopOneAgreement, d.MeanLogitDifference = d.MeanKL/n, agreed/n, d.MeanLogitDifference/values
	d.PerplexityA, d.PerplexityB = math.Exp(natsA/n), math.Exp(natsB/n)
	return d, nil
}
