package loss

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// specs are all divergences at several settings.
func specs() []Spec {
	out := []Spec{{}, {LabelSmoothing: 0.1}}
	for _, d := range Divergences() {
		for _, tau := range []float64{0.7, 1, 2.5} {
			for _, mix := range []float64{0.3, 1} {
				s := Spec{Divergence: d, Mix: mix, Temperature: tau, Beta: 0.3, Alpha: 0.15, LabelSmoothing: 0.05}
				out = append(out, s)
			}
		}
	}
	for _, beta := range []float64{0, 0.5, 0.9, 1} {
		out = append(out, Spec{Divergence: JSD, Mix: 1, Beta: beta})
	}
	return append(out, Spec{Divergence: SkewForwardKL, Mix: 1}, Spec{Divergence: SkewReverseKL, Mix: 1})
}

// draw returns random logits and a teacher's k likeliest of vocab+extra entries.
func draw(r *rand.Rand, vocab, extra, k int, spread float64) ([]float32, nn.Target) {
	logits := make([]float32, vocab)
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * spread)
	}
	teacher := make([]float64, vocab+extra)
	for i := range teacher {
		teacher[i] = r.NormFloat64() * spread
	}
	logP := logSoftmax(teacher)
	order := r.Perm(len(teacher))
	sort.SliceStable(order, func(a, b int) bool { return logP[order[a]] > logP[order[b]] })
	t := nn.Target{Token: distill.Token(r.IntN(vocab)), Kind: distill.TopK}
	for _, id := range order[:k] {
		t.IDs, t.Logprobs = append(t.IDs, distill.Token(id)), append(t.Logprobs, float32(logP[id]))
	}
	return logits, t
}

// TestRowAgainstReference holds value and gradient of every objective to the float64 reference, the gradient by central
// differences of the reference. Shapes cover no signal, a small signal, the whole vocabulary, and entries beyond it.
func TestRowAgainstReference(t *testing.T) {
	shapes := []struct{ vocab, extra, k int }{{7, 0, 0}, {40, 0, 5}, {19, 0, 19}, {23, 9, 12}, {2, 0, 1}, {300, 0, 8}}
	for _, s := range specs() {
		objective, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for _, shape := range shapes {
			logits, target := draw(r, shape.vocab, shape.extra, shape.k, 2)
			compare(t, fmt.Sprintf("%+v %v", s, shape), objective, s, logits, target)
			if shape.k > 1 { // the target among the entries
				target.Token = target.IDs[1] % distill.Token(shape.vocab)
				compare(t, fmt.Sprintf("%+v %v kept", s, shape), objective, s, logits, target)
			}
		}
	}
}

func compare(t *testing.T, name string, objective *Objective, s Spec, logits []float32, target nn.Target) {
	t.Helper()
	compareWith(t, name, objective, s, logits, target, func() nn.Target { return target })
}

// compareWith holds the objective, given what made returns, to the reference, given target.
func compareWith(t *testing.T, name string, objective *Objective, s Spec, logits []float32, target nn.Target, made func() nn.Target) {
	t.Helper()
	const scale = 0.37
	wide := make([]float64, len(logits))
	for i, v := range logits {
		wide[i] = float64(v)
	}
	got := append([]float32(nil), logits...)
	value := objective.Row(got, made(), scale).Loss
	want := reference(s, wide, target)
	if math.Abs(value-want) > 1e-5*math.Max(math.Abs(want), 1e-2) {
		t.Errorf("%s: loss %v, want %v", name, value, want)
	}
	numeric, norm := make([]float64, len(wide)), 0.0
	for i := range wide {
		const h = 1e-5
		x := wide[i]
		wide[i] = x + h
		up := reference(s, wide, target)
		wide[i] = x - h
		numeric[i] = scale * (up - reference(s, wide, target)) / (2 * h)
		wide[i] = x
		norm = math.Max(norm, math.Abs(numeric[i]))
	}
	for i := range numeric {
		// 1e-5 of the largest element, plus the rounding of the difference quotient itself.
		if math.Abs(numeric[i]-float64(got[i])) > 1e-5*norm+2e-10 {
			t.Errorf("%s: gradient %d is %v, want %v (largest %v)", name, i, got[i], numeric[i], norm)
			return
		}
	}
	again := append([]float32(nil), logits...)
	if only := objective.Row(again, made(), 0).Loss; only != value {
		t.Errorf("%s: loss alone %v, with gradient %v", name, only, value)
	}
}

// TestAgreementIsZero checks that a student equal to its teacher has divergence and gradient zero.
func TestAgreementIsZero(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	logits := make([]float32, 50)
	wide := make([]float64, 50)
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * 2)
		wide[i] = float64(logits[i])
	}
	logP := logSoftmax(wide)
	for _, k := range []int{1, 10, 50} {
		target := nn.Target{Token: 3, Kind: distill.TopK}
		for id := range k {
			target.IDs, target.Logprobs = append(target.IDs, distill.Token(id)), append(target.Logprobs, float32(logP[id]))
		}
		for _, d := range Divergences() {
			objective, err := New(Spec{Divergence: d, Mix: 1, Temperature: 2, Beta: 0.4, Alpha: 0.1})
			if err != nil {
				t.Fatal(err)
			}
			if d == ULD && k < len(logits) {
				continue // entries that are not the likeliest are no ranks
			}
			row := append([]float32(nil), logits...)
			v := objective.Row(row, target, 1)
			if math.Abs(v.Loss) > 1e-6 {
				t.Errorf("%s with %d entries: %v", d, k, v.Loss)
			}
			for i, g := range row {
				if d != TotalVariation && !d.ranked() && math.Abs(float64(g)) > 1e-6 {
					t.Errorf("%s with %d entries: gradient %v at %d", d, k, g, i)
					break
				}
			}
		}
	}
}

// TestConfidentRow checks rows whose entries hold all but 1e-9 of the mass, where 1 − Σ q would be rounding noise.
func TestConfidentRow(t *testing.T) {
	logits := make([]float32, 64)
	logits[5], logits[9] = 30, 28
	target := nn.Target{Token: 5, Kind: distill.TopK, IDs: []distill.Token{5, 9}, Logprobs: []float32{-0.2, -1.8}}
	for _, s := range specs() {
		objective, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprintf("%+v", s), objective, s, logits, target)
	}
}

// TestSampledIsUnbiased checks that the mean gradient over draws tends to the dense gradient: within five standard
// errors at every logit, and much closer than a signal of as many likeliest entries gets.
func TestSampledIsUnbiased(t *testing.T) {
	const vocab, k, draws = 30, 12, 20000
	r := rand.New(rand.NewPCG(5, 6))
	logits, full := draw(r, vocab, 0, vocab, 1.5)
	objective, err := New(Spec{Divergence: ForwardKL, Mix: 1})
	if err != nil {
		t.Fatal(err)
	}
	dense := append([]float32(nil), logits...)
	objective.Row(dense, full, 1)
	sum, squares := make([]float64, vocab), make([]float64, vocab)
	row := make([]float32, vocab)
	for range draws {
		target := sample(r, full, k)
		copy(row, logits)
		objective.Row(row, target, 1)
		for i, g := range row {
			sum[i] += float64(g)
			squares[i] += float64(g) * float64(g)
		}
	}
	for i := range sum {
		mean := sum[i] / draws
		se := math.Sqrt(math.Max(0, squares[i]/draws-mean*mean) / draws)
		if math.Abs(mean-float64(dense[i])) > 5*se+1e-6 {
			t.Errorf("logit %d: mean gradient %v ± %v, dense %v", i, mean, se, dense[i])
		}
	}
}

// sample draws k tokens from a dense target and returns them as a signal.
func sample(r *rand.Rand, full nn.Target, k int) nn.Target {
	counts := map[distill.Token]int{}
	for range k {
		u, i := r.Float64(), 0
		for ; i < len(full.IDs)-1; i++ {
			if u -= math.Exp(float64(full.Logprobs[i])); u < 0 {
				break
			}
		}
		counts[full.IDs[i]]++
	}
	t := nn.Target{Token: full.Token, Kind: distill.Sampled}
	for id, n := range counts {
		t.IDs, t.Logprobs = append(t.IDs, id), append(t.Logprobs, float32(math.Log(float64(n)/float64(k))))
	}
	return t
}

func TestSampledAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	logits, full := draw(r, 40, 6, 46, 2)
	s := Spec{Divergence: ForwardKL, Mix: 0.6, LabelSmoothing: 0.1}
	objective, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		compare(t, "sampled", objective, s, logits, sample(r, full, 12))
	}
}

// TestDense holds rows against a teacher's logits to the reference over all entries, for vocabularies of one size and for
// a teacher's that is longer or shorter.
func TestDense(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, s := range specs() {
		if s.Divergence == None {
			continue
		}
		objective, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, extra := range []int{0, 5, -4} {
			logits, full := draw(r, 37, extra, 37+extra, 2)
			dense := make([]float32, 37+extra)
			for i, id := range full.IDs {
				dense[id] = full.Logprobs[i] + 3 // logits, not log-probabilities
			}
			name := fmt.Sprintf("%+v, %d more", s, extra)
			compareWith(t, name, objective, s, logits, full, func() nn.Target {
				return nn.Target{Token: full.Token, Dense: append([]float32(nil), dense...)}
			})
		}
	}
}

func TestRefused(t *testing.T) {
	bad := []Spec{{Divergence: "kl"}, {Divergence: ForwardKL, Mix: 1.5}, {Temperature: -1}, {Divergence: JSD, Beta: 2},
		{Divergence: SkewForwardKL, Alpha: 1}, {LabelSmoothing: 1}, {Divergence: ForwardKL, Mix: math.NaN()}}
	for _, s := range bad {
		if _, err := New(s); err == nil {
			t.Errorf("%+v accepted", s)
		}
	}
	for _, s := range []Spec{{Divergence: ReverseKL, Mix: 1}, {Divergence: ForwardKL, Mix: 1, Temperature: 2}} {
		objective, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		if objective.Supports(distill.Sampled) == nil {
			t.Errorf("%+v accepts sampled signals", s)
		}
		if err := objective.Supports(distill.TopK); err != nil {
			t.Error(err)
		}
	}
}

func ExampleNew() {
	objective, err := New(Spec{Divergence: ForwardKL, Mix: 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	logits := []float32{1, 0, 0, 0}
	teacher := nn.Target{Token: 0, Kind: distill.TopK, IDs: []distill.Token{0}, Logprobs: []float32{-0.1}}
	v := objective.Row(logits, teacher, 1)
	fmt.Printf("cross-entropy %.3f, divergence %.3f nats\n", v.CrossEntropy, v.Divergence)
	// Output: cross-entropy 0.744, divergence 0.420 nats
}

func BenchmarkRow(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	logits, target := draw(r, 8192, 0, 32, 2)
	row := make([]float32, len(logits))
	for name, s := range map[string]Spec{"cross-entropy": {}, "forward-kl": {Divergence: ForwardKL, Mix: 0.5}, "jsd": {Divergence: JSD, Mix: 0.5, Beta: 0.5},
		"uld": {Divergence: ULD, Mix: 0.5}, "gold": {Divergence: GOLD, Mix: 0.5}} {
		objective, err := New(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				copy(row, logits)
				objective.Row(row, target, 1)
			}
		})
	}
}

// TestDenseFar: where student and teacher share nothing, losses and gradients stay finite.
func TestDenseFar(t *testing.T) {
	for _, s := range specs() {
		objective, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		logits, dense := make([]float32, 40), make([]float32, 40)
		logits[3], dense[7] = 300, 300
		v := objective.Row(logits, nn.Target{Token: 7, Dense: dense}, 1)
		for i, g := range logits {
			if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) || math.IsNaN(v.Loss) || math.IsInf(v.Loss, 0) {
				t.Fatalf("%+v: loss %v, gradient %v at %d", s, v.Loss, g, i)
			}
		}
	}
}

// BenchmarkDense measures a row against a teacher's logits beside one of cross-entropy alone.
func BenchmarkDense(b *testing.B) {
	const vocab = 32768
	r := rand.New(rand.NewPCG(1, 1))
	logits, teacher := make([]float32, vocab), make([]float32, vocab)
	for i := range logits {
		logits[i], teacher[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	row, dense := make([]float32, vocab), make([]float32, vocab)
	measure := func(name string, s Spec) {
		objective, err := New(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				copy(row, logits)
				copy(dense, teacher)
				objective.Row(row, nn.Target{Token: 5, Dense: dense}, 1)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/vocab, "ns/entry")
		})
	}
	measure("cross-entropy", Spec{})
	for _, d := range Divergences() {
		measure(string(d), Spec{Divergence: d, Mix: 1, Beta: 0.5, Alpha: 0.1})
	}
}
