package loss

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// foreign takes every second entry of a target away from its token, and every third puts outside the vocabulary.
func foreign(t nn.Target, vocab int) nn.Target {
	ids := append([]distill.Token(nil), t.IDs...)
	for i := range ids {
		switch i % 3 {
		case 1:
			ids[i] = distill.Token(-1 - i)
		case 2:
			ids[i] = distill.Token(vocab + i)
		}
	}
	t.IDs = ids
	return t
}

// TestRankedAgainstReference holds ULD and GOLD to the reference where entries have no token of the student: none, some and
// all of them, more than the vocabulary has tokens, and a vocabulary of many blocks.
func TestRankedAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, d := range []Divergence{ULD, GOLD} {
		for _, s := range []Spec{{Divergence: d, Mix: 1}, {Divergence: d, Mix: 0.4, LabelSmoothing: 0.1}, {Divergence: d, Mix: 0.7, Temperature: 2}} {
			objective, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, shape := range []struct{ vocab, extra, k int }{{40, 0, 12}, {7, 20, 15}, {rankBlock + 50, 100, 32}} {
				logits, target := draw(r, shape.vocab, shape.extra, shape.k, 2)
				compare(t, fmt.Sprintf("%+v %v", s, shape), objective, s, logits, foreign(target, shape.vocab))
				target.Token = target.IDs[0] % distill.Token(shape.vocab)
				compare(t, fmt.Sprintf("%+v %v kept", s, shape), objective, s, logits, foreign(target, shape.vocab))
				for i := range target.IDs {
					target.IDs[i] = distill.Token(-1 - i)
				}
				compare(t, fmt.Sprintf("%+v %v strangers", s, shape), objective, s, logits, target)
			}
		}
	}
}

// TestULDKnowsNoTokens: what the tokens are called changes nothing, a student with the teacher's probabilities in any order
// is as near as it can be, and probabilities that share nothing are 2 apart.
func TestULDKnowsNoTokens(t *testing.T) {
	objective, err := New(Spec{Divergence: ULD, Mix: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(13, 14))
	logits, target := draw(r, 50, 0, 50, 2)
	want := objective.Row(append([]float32(nil), logits...), target, 0).Loss
	renamed := nn.Target{Token: target.Token, Kind: target.Kind}
	for _, i := range r.Perm(50) {
		renamed.IDs, renamed.Logprobs = append(renamed.IDs, distill.Token(-7-i)), append(renamed.Logprobs, target.Logprobs[i])
	}
	if got := objective.Row(append([]float32(nil), logits...), renamed, 0).Loss; got != want {
		t.Errorf("renamed: %v, was %v", got, want)
	}
	for i, at := range r.Perm(50) {
		logits[at] = target.Logprobs[i]
	}
	if got := objective.Row(logits, renamed, 0).Loss; math.Abs(got) > 1e-6 {
		t.Errorf("the same probabilities in another order are %v apart", got)
	}
	certain := nn.Target{Kind: distill.TopK, IDs: []distill.Token{-1}, Logprobs: []float32{0}}
	if got := objective.Row(make([]float32, 100000), certain, 0).Loss; math.Abs(got-2) > 1e-4 {
		t.Errorf("certainty is %v from a guess among 100,000 tokens", got)
	}
}

// TestGOLD is forward KL where every entry has its token, and ULD where none has.
func TestGOLD(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	logits, target := draw(r, 60, 0, 60, 2)
	strangers := foreign(target, 60)
	for i := range strangers.IDs {
		strangers.IDs[i] = distill.Token(-1 - i)
	}
	for _, c := range []struct {
		as     Divergence
		target nn.Target
	}{{ForwardKL, target}, {ULD, strangers}} {
		row := func(d Divergence) (float64, []float32) {
			o, err := New(Spec{Divergence: d, Mix: 0.5})
			if err != nil {
				t.Fatal(err)
			}
			grad := append([]float32(nil), logits...)
			return o.Row(grad, c.target, 1).Loss, grad
		}
		got, gotGrad := row(GOLD)
		want, wantGrad := row(c.as)
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("gold is %v, %s %v", got, c.as, want)
		}
		for i, g := range gotGrad {
			if math.Abs(float64(g-wantGrad[i])) > 1e-6 {
				t.Errorf("gold's gradient %d is %v, that of %s %v", i, g, c.as, wantGrad[i])
			}
		}
	}
}
