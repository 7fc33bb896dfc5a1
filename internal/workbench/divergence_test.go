package workbench

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// TestDivergence compares with the definition in float64.
func TestDivergence(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	for range 20 {
		n := 1 + rng.IntN(300)
		p, q := make([]float32, n), make([]float32, n)
		for v := range n {
			p[v], q[v] = float32(rng.NormFloat64()*3), float32(rng.NormFloat64()*3)
		}
		want := klByDefinition(p, q)
		got, _ := Divergence(make([]float32, n), p, q, kernel.LogSumExp(q, 1, make([]float32, n)))
		if math.Abs(got-want) > 1e-5*(1+want) { // float32 logits and sums of n terms
			t.Errorf("n=%d: %g, want %g", n, got, want)
		}
		if same, agree := Divergence(make([]float32, n), p, p, kernel.LogSumExp(p, 1, make([]float32, n))); same != 0 || !agree {
			t.Errorf("a distribution differs from itself by %g", same)
		}
	}
}

func klByDefinition(p, q []float32) float64 {
	logSum := func(x []float32) float64 {
		var sum float64
		for _, v := range x {
			sum += math.Exp(float64(v))
		}
		return math.Log(sum)
	}
	sp, sq := logSum(p), logSum(q)
	var kl float64
	for v := range p {
		lp := float64(p[v]) - sp
		kl += math.Exp(lp) * (lp - (float64(q[v]) - sq))
	}
	return kl
}
