package loss

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// TestDenseNear holds gradients where the student is nearly its teacher to finite differences of the reference. Derivatives
// are near 0 there, differences of logarithms: of these, 1e-6 may be rounding.
func TestDenseNear(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const vocab = 500
	logits, wide := make([]float32, vocab), make([]float64, vocab)
	target := nn.Target{Token: 9, Kind: distill.TopK}
	dense, likeliest := make([]float32, vocab), 0.0
	for i := range logits {
		dense[i] = float32(3 * r.NormFloat64())
		logits[i] = dense[i] + float32(0.02*r.NormFloat64()) + 5
		wide[i] = float64(dense[i])
	}
	for i, lp := range logSoftmax(wide) {
		target.IDs, target.Logprobs = append(target.IDs, distill.Token(i)), append(target.Logprobs, float32(lp))
		likeliest = math.Max(likeliest, math.Exp(lp))
		wide[i] = float64(logits[i])
	}
	for _, s := range []Spec{
		{Divergence: ForwardKL}, {Divergence: ReverseKL}, {Divergence: JSD, Beta: 0.5}, {Divergence: JSD, Beta: 0.1, Temperature: 2},
		{Divergence: SkewForwardKL, Alpha: 0.1}, {Divergence: SkewForwardKL, Alpha: 1e-4}, {Divergence: SkewReverseKL, Alpha: 0.1},
		{Divergence: SkewReverseKL, Alpha: 0.9, Temperature: 3},
	} {
		s.Mix = 1
		objective, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		got := append([]float32(nil), logits...)
		objective.Row(got, nn.Target{Token: 9, Dense: append([]float32(nil), dense...)}, 1)
		tau := math.Max(1, s.Temperature)
		for i, x := range wide {
			const h = 1e-4
			wide[i] = x + h
			up := reference(s, wide, target)
			wide[i] = x - h
			want := (up - reference(s, wide, target)) / (2 * h)
			wide[i] = x
			if math.Abs(want-float64(got[i])) > 1e-6*tau*likeliest {
				t.Errorf("%+v: gradient %v at %d, want %v", s, got[i], i, want)
				break
			}
		}
	}
}
