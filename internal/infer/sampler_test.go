package infer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill"
)

// Draws follow the distribution that the definitions give, computed here from sorted probabilities.
func TestSamplerFollowsItsDistribution(t *testing.T) {
	logits := []float32{2, 1, 0.5, 0, -1, 1.5, -2, 0.2}
	for _, c := range []struct {
		s    distill.Sampling
		kept int // most likely tokens that remain
	}{
		{distill.Sampling{Temperature: 1}, 8},
		{distill.Sampling{Temperature: 0.5}, 8},
		{distill.Sampling{Temperature: 1, TopK: 3}, 3},
		{distill.Sampling{Temperature: 1, TopP: 0.5}, 2}, // 0.41, 0.25, 0.15 …
		{distill.Sampling{Temperature: 1, MinP: 0.2}, 4}, // e^-1.5 = 0.22 of the first, e^-1.8 = 0.17
		{distill.Sampling{Temperature: 2, TopK: 4, TopP: 0.99, MinP: 0.5}, 3},
	} {
		order := []int{0, 5, 1, 2, 7, 3, 4, 6}[:c.kept]
		var total float64
		want := make([]float64, len(logits))
		for _, i := range order {
			want[i] = math.Exp(float64(logits[i]) / c.s.Temperature)
			total += want[i]
		}
		const n = 40000
		count := make([]int, len(logits))
		r := newSampler(c.s, nil, nil)
		var d distribution
		d.set(logits, 1)
		for range n {
			id, err := r.next(logits, &d)
			if err != nil {
				t.Fatal(err)
			}
			count[id]++
		}
		for i := range want {
			p := want[i] / total
			if math.Abs(float64(count[i])/n-p) > 5*math.Sqrt(p*(1-p)/n) {
				t.Errorf("%+v: token %d drawn %d of %d times, probability %.4f", c.s, i, count[i], n, p)
			}
		}
	}
}

func TestRepetitionPenalty(t *testing.T) {
	r := newSampler(distill.Sampling{RepetitionPenalty: 2}, []Token{0, 3}, nil)
	logits := []float32{3, 2, 1.9, -0.5}
	var got []Token
	for range 4 {
		id, err := r.next(logits, nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
	}
	// 3/2 < 2, then 2/2 < 1.9, then 1.9/2 < 1.5, which stays.
	if want := []Token{1, 2, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if logits[0] != 3 {
		t.Error("the caller's logits changed")
	}
}

func TestMostLikelyEqualsSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, n := range []int{1, 7, 500, 5000} {
		logits := make([]float32, n)
		for i := range logits {
			logits[i] = float32(r.IntN(n)) // with ties
		}
		ids := make([]int, n)
		for i := range ids {
			ids[i] = i
		}
		slices.SortStableFunc(ids, func(a, b int) int { return int(logits[b] - logits[a]) })
		if got := argmax(logits); int(got) != ids[0] {
			t.Errorf("n=%d: argmax %d, want %d", n, got, ids[0])
		}
		for _, k := range []int{1, 2, 10, 100, n} {
			k = min(k, n)
			for i, c := range new(likely).top(logits, k) {
				if int(c.id) != ids[i] || c.logit != logits[ids[i]] {
					t.Fatalf("n=%d k=%d: place %d is %d, want %d", n, k, i, c.id, ids[i])
				}
			}
		}
	}
}

// What admits leaves is what narrow sorts out, but for tokens at the very edge of a nucleus, where the two sums round
// differently.
func TestAdmittedWithoutSorting(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	logits := make([]float32, 1500)
	for i := range logits {
		logits[i] = float32(random.IntN(200)) / 20 // with ties
	}
	for _, s := range []distill.Sampling{
		{Temperature: 1, TopP: 0.9}, {Temperature: 2, TopP: 0.3}, {Temperature: 0.7, MinP: 0.01}, {Temperature: 1, TopP: 0.99, MinP: 0.05},
	} {
		r := newSampler(s, nil, nil)
		r.narrow(logits)
		kept := make(map[Token]bool)
		for _, c := range r.candidates {
			kept[c.id] = true
		}
		r.own.set(logits, s.Temperature)
		for id := range logits {
			edge := s.TopP > 0 && math.Abs(r.own.before(Token(id))/r.own.total-s.TopP) < 1e-5
			if !edge && r.admits(Token(id)) != kept[Token(id)] {
				t.Errorf("%+v: token %d with p = %.4g of the first's: admitted %v, sorted out %v", s, id, r.own.p[id], !kept[Token(id)], kept[Token(id)])
			}
		}
	}
}
