package student_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/loss"
	"github.com/seed-d24fde5f/distill/train/optim"
)

func small() model.Config {
	return model.Config{Arch: model.Llama, Vocab: 40, Context: 64, Width: 32, FFN: 48, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8,
		RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}
}

func variants() map[string]model.Config {
	untied := small()
	untied.TiedEmbeddings = false
	qwen2 := small()
	qwen2.Arch, qwen2.AttentionBias, qwen2.KVHeads = model.Qwen2, true, 1
	qwen3 := small()
	qwen3.Arch, qwen3.QKNorm, qwen3.HeadDim = model.Qwen3, true, 16
	return map[string]model.Config{"tied": small(), "untied": untied, "qwen2": qwen2, "qwen3": qwen3}
}

func newStudent(t testing.TB, cfg model.Config, options ...student.Option) *student.Student {
	t.Helper()
	s, err := student.New(cfg, 1, append([]student.Option{student.Threads(2), student.BF16(false)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// batch returns random tokens, two sequences packed into every row, some positions masked, and a signal.
func batch(r *rand.Rand, rows, length, vocab int) *train.Batch {
	b := &train.Batch{Rows: rows, Length: length, Signal: &distill.Signal{Kind: distill.TopK}}
	for range rows {
		cut := int32(1 + r.IntN(length-1))
		for t := range int32(length) {
			b.Tokens = append(b.Tokens, distill.Token(r.IntN(vocab)))
			b.Targets = append(b.Targets, distill.Token(r.IntN(vocab)))
			b.Weights = append(b.Weights, float32(r.IntN(3)))
			start := int32(0)
			if t >= cut {
				start = cut
			}
			b.Starts = append(b.Starts, start)
			first := distill.Token(r.IntN(vocab - 1))
			b.Signal.Append([]distill.Token{first, first + 1}, []float32{-0.7, -1.2})
		}
	}
	return b
}

func objective(t testing.TB) *loss.Objective {
	t.Helper()
	o, err := loss.New(loss.Spec{Divergence: loss.ForwardKL, Mix: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestGradient compares the gradient of every parameter with the change of the loss along it.
func TestGradient(t *testing.T) {
	for name, cfg := range variants() {
		for _, lora := range []bool{false, true} {
			var options []student.Option
			if lora {
				options = append(options, student.WithLoRA(student.LoRA{Rank: 4}))
			}
			s := newStudent(t, cfg, options...)
			r := rand.New(rand.NewPCG(1, 2))
			for _, p := range s.Params() { // far from the symmetric beginning
				for i := range p.Data() {
					p.Data()[i] += float32(r.NormFloat64() * 0.15)
				}
			}
			s.Changed()
			checkGradient(t, name, s, batch(r, 2, 12, cfg.Vocab))
		}
	}
}

func checkGradient(t *testing.T, name string, s *student.Student, b *train.Batch) {
	t.Helper()
	o := objective(t)
	scale := float32(1 / b.Weight())
	if _, err := s.Accumulate(b, o, scale); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	at := func() float64 {
		s.Changed()
		totals, err := s.Evaluate(b, o)
		if err != nil {
			t.Fatal(err)
		}
		return totals.Loss / totals.Weight
	}
	for _, p := range s.Params().Learnt() {
		checkSlope(t, name+" "+p.Name(), p, p.GradData(), at)
	}
	s.Changed()
}

// TestInvariances checks what must not change a gradient: threads, recomputation and how positions are packed, to the
// bit; and accumulation over batches, to rounding.
func TestInvariances(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	cfg := small()
	b := batch(r, 10, 16, cfg.Vocab) // more rows than a chunk of a half has
	reference := gradients(t, newStudent(t, cfg), b)
	for name, options := range map[string][]student.Option{
		"one thread":    {student.Threads(1)},
		"seven threads": {student.Threads(7)},
		"recompute":     {student.Recompute()},
	} {
		if d := difference(reference, gradients(t, newStudent(t, cfg, options...), b)); d != 0 {
			t.Errorf("%s: gradients differ by %v", name, d)
		}
	}
	if d := difference(reference, gradients(t, newStudent(t, cfg), halves(b)...)); d > 1e-6 {
		t.Errorf("two batches instead of one: gradients differ by %v", d)
	}
}

func gradients(t *testing.T, s *student.Student, batches ...*train.Batch) [][]float32 {
	t.Helper()
	var weight float64
	for _, b := range batches {
		weight += b.Weight()
	}
	for _, b := range batches {
		if _, err := s.Accumulate(b, objective(t), float32(1/weight)); err != nil {
			t.Fatal(err)
		}
	}
	var grads [][]float32
	for _, p := range s.Params() {
		grads = append(grads, p.GradData())
	}
	return grads
}

func difference(a, b [][]float32) (largest float64) {
	for i := range a {
		for j := range a[i] {
			largest = math.Max(largest, math.Abs(float64(a[i][j]-b[i][j])))
		}
	}
	return largest
}

// halves cuts a batch into two of half the rows.
func halves(b *train.Batch) []*train.Batch {
	n := b.Rows / 2 * b.Length
	var out []*train.Batch
	for _, lo := range []int{0, n} {
		h := &train.Batch{Rows: b.Rows / 2, Length: b.Length, Tokens: b.Tokens[lo : lo+n], Targets: b.Targets[lo : lo+n],
			Weights: b.Weights[lo : lo+n], Starts: b.Starts[lo : lo+n], Signal: &distill.Signal{Kind: b.Signal.Kind}}
		for i := lo; i < lo+n; i++ {
			h.Signal.Append(b.Signal.At(i))
		}
		out = append(out, h)
	}
	return out
}

// TestPacking checks that two sequences packed into one row lose what they lose in rows of their own.
func TestPacking(t *testing.T) {
	cfg := small()
	s := newStudent(t, cfg)
	r := rand.New(rand.NewPCG(5, 6))
	packed := batch(r, 1, 20, cfg.Vocab)
	packed.Signal = nil
	cut := 0
	for i, start := range packed.Starts {
		if start > 0 {
			cut = i
			break
		}
	}
	var apart nn.Totals
	for _, span := range [][2]int{{0, cut}, {cut, 20}} {
		one := &train.Batch{Rows: 1, Length: span[1] - span[0], Tokens: packed.Tokens[span[0]:span[1]],
			Targets: packed.Targets[span[0]:span[1]], Weights: packed.Weights[span[0]:span[1]]}
		if one.Weight() == 0 {
			continue
		}
		totals, err := s.Evaluate(one, objective(t))
		if err != nil {
			t.Fatal(err)
		}
		apart.Add(totals)
	}
	together, err := s.Evaluate(packed, objective(t))
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(apart.Loss-together.Loss) > 1e-5*together.Loss || apart.Tokens != together.Tokens {
		t.Errorf("packed %+v, apart %+v", together, apart)
	}
}

// TestLearns fits a rule, the next token is the sum of the last two, that only attention can find.
func TestLearns(t *testing.T) {
	cfg := small()
	for _, o := range []optim.Spec{{Algorithm: optim.AdamW, WeightDecay: 0.01}, {Algorithm: optim.Muon, WeightDecay: 0.01}} {
		s := newStudent(t, cfg)
		loader, err := train.NewLoader(sums(64, 24, 11), 16, 1)
		if err != nil {
			t.Fatal(err)
		}
		result, err := train.Run(context.Background(), train.Options{Model: s, Data: loader, Steps: 500, Rate: 1e-2, Optimizer: o,
			Schedule: optim.Schedule{Shape: optim.Cosine, Warmup: 10}, Clip: 1})
		if err != nil {
			t.Fatal(err)
		}
		if result.Loss > 0.5 { // chance is log 11 = 2.4
			t.Errorf("%s: loss %v after %d steps", o.Algorithm, result.Loss, result.Steps)
		}
	}
}

func sums(n, length, modulus int) []train.Sequence {
	r := rand.New(rand.NewPCG(9, 9))
	var out []train.Sequence
	for range n {
		ids := []distill.Token{distill.Token(r.IntN(modulus)), distill.Token(r.IntN(modulus))}
		for len(ids) <= length {
			k := len(ids)
			ids = append(ids, (ids[k-1]+ids[k-2])%distill.Token(modulus))
		}
		w := make([]float32, length)
		for i := 1; i < length; i++ {
			w[i] = 1
		}
		out = append(out, train.Sequence{Tokens: ids[:length], Targets: ids[1:], Weights: w})
	}
	return out
}

// BenchmarkStep shows what a step allocates once its buffers have grown: what gorgonia itself does, and nothing of ours.
func BenchmarkStep(b *testing.B) {
	cfg := small()
	s := newStudent(b, cfg)
	r := rand.New(rand.NewPCG(1, 2))
	in, o := batch(r, 4, 32, cfg.Vocab), objective(b)
	if _, err := s.Accumulate(in, o, 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Accumulate(in, o, 1); err != nil {
			b.Fatal(err)
		}
	}
}
