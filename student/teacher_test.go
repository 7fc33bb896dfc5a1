package student_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train/loss"
)

// TestTeacher checks that a teacher in the process teaches what its stored distribution, as the inference runtime finds
// it, teaches: the same losses and gradients.
func TestTeacher(t *testing.T) {
	cfg := small()
	wide := cfg
	wide.Width, wide.Layers = 48, 3
	large := newStudent(t, wide)
	r := rand.New(rand.NewPCG(1, 2))
	for _, p := range large.Params() {
		for i := range p.Data() {
			p.Data()[i] += float32(r.NormFloat64() * 0.2)
		}
	}
	large.Changed()
	b := batch(r, 1, 14, cfg.Vocab)
	b.Starts = nil
	for _, d := range []loss.Divergence{loss.ForwardKL, loss.ReverseKL, loss.JSD} {
		o, err := loss.New(loss.Spec{Divergence: d, Mix: 0.7, Temperature: 1.5, Beta: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		stored, live := newStudent(t, cfg), newStudent(t, cfg)
		b.Teacher, b.Signal = nil, signalOf(t, large, b.Tokens)
		want, err := stored.Accumulate(b, o, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		b.Teacher, b.Signal = student.NewTeacher(large), nil
		got, err := live.Accumulate(b, o, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		// The runtime's keys and values are in half precision.
		if math.Abs(got.Loss-want.Loss) > 1e-3*want.Loss || got.Signals != want.Signals {
			t.Errorf("%s: teacher in the process %+v, stored signal %+v", d, got, want)
		}
		for i, p := range live.Params() {
			var diff, size float64
			for j, g := range p.GradData() {
				w := float64(stored.Params()[i].GradData()[j])
				diff, size = diff+(float64(g)-w)*(float64(g)-w), size+w*w
			}
			if diff > 1e-5*size {
				t.Errorf("%s: gradients of %s differ by %v of %v", d, p.Name(), math.Sqrt(diff), math.Sqrt(size))
			}
		}
	}
}

// signalOf returns the whole distribution of a student at each position of a sequence.
func signalOf(t *testing.T, s *student.Student, tokens []distill.Token) *distill.Signal {
	t.Helper()
	m, err := s.Model("teacher", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	run, err := infer.New(m, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	logits, err := run.Logits(tokens)
	if err != nil {
		t.Fatal(err)
	}
	signal := &distill.Signal{Kind: distill.TopK}
	for i := range tokens {
		row := logits[i*m.Vocab : (i+1)*m.Vocab]
		var sum float64
		for _, z := range row {
			sum += math.Exp(float64(z))
		}
		ids, logprobs := make([]distill.Token, m.Vocab), make([]float32, m.Vocab)
		for id, z := range row {
			ids[id], logprobs[id] = distill.Token(id), float32(float64(z)-math.Log(sum))
		}
		signal.Append(ids, logprobs)
	}
	return signal
}

// TestMatching checks the gradient of matched hidden states, projections included, against the change of the loss, and
// that training brings them nearer.
func TestMatching(t *testing.T) {
	cfg := small()
	wide := cfg
	wide.Width, wide.Layers = 48, 4
	large := newStudent(t, wide)
	teacher := student.NewTeacher(large)
	for _, distance := range []nn.Distance{student.MeanSquare, student.Cosine} {
		s := newStudent(t, cfg, student.WithMatching(student.Matching{Teacher: teacher, Distance: distance, Factor: 0.5}))
		r := rand.New(rand.NewPCG(3, 4))
		for _, p := range s.Params() {
			for i := range p.Data() {
				p.Data()[i] += float32(r.NormFloat64() * 0.15)
			}
		}
		s.Changed()
		b := batch(r, 2, 12, cfg.Vocab)
		b.Signal, b.Teacher = nil, teacher
		o := objective(t)
		scale := float32(1 / b.Weight())
		value := func() float64 {
			s.Changed()
			totals, err := s.Accumulate(b, o, scale)
			if err != nil {
				t.Fatal(err)
			}
			if totals.Hidden <= 0 {
				t.Fatalf("%s: no distance in %+v", distance, totals)
			}
			return totals.Loss / totals.Weight
		}
		value()
		var grads [][]float32
		for _, p := range s.Params() {
			grads = append(grads, append([]float32(nil), p.GradData()...))
		}
		for i, p := range s.Params() {
			checkSlope(t, string(distance)+" "+p.Name(), p, grads[i], value)
		}
	}
	if _, err := student.New(cfg, 1, student.WithMatching(student.Matching{Teacher: teacher, Pairs: [][2]int{{0, 4}}})); err == nil {
		t.Error("a layer the teacher does not have is matched")
	}
}

// checkSlope compares the norm of a gradient with the slope of a value along it.
func checkSlope(t *testing.T, name string, p *nn.Param, grad []float32, value func() float64) {
	t.Helper()
	var norm float64
	for _, g := range grad {
		norm += float64(g) * float64(g)
	}
	norm = math.Sqrt(norm)
	w, old := p.Data(), append([]float32(nil), p.Data()...)
	const h = 4e-3
	at := func(by float64) float64 {
		for i, g := range grad {
			w[i] = old[i] + float32(by*float64(g)/norm)
		}
		return value()
	}
	numeric := (at(h) - at(-h)) / (2 * h)
	copy(w, old)
	if math.Abs(numeric-norm) > 0.01*norm+3e-4 {
		t.Errorf("%s: gradient %v, slope along it %v", name, norm, numeric)
	}
}
