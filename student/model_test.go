package student_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/loss"
)

// inferred returns the cross-entropy that the inference runtime, which shares no code with the graph above the kernels,
// finds for each target.
func inferred(t *testing.T, m *model.Model, tokens, targets []distill.Token) float64 {
	t.Helper()
	r, err := infer.New(m, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	logits, err := r.Logits(tokens)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for i, id := range targets {
		row := logits[i*m.Vocab : (i+1)*m.Vocab]
		var all float64
		for _, z := range row {
			all += math.Exp(float64(z))
		}
		sum += math.Log(all) - float64(row[id])
	}
	return sum
}

// halfCache is how far the two may be apart: the inference runtime keeps keys and values in half precision.
const halfCache = 5e-4

func crossEntropy(t *testing.T, s *student.Student, tokens, targets []distill.Token) float64 {
	t.Helper()
	o, err := loss.New(loss.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	b := &train.Batch{Rows: 1, Length: len(tokens), Tokens: tokens, Targets: targets, Weights: slices.Repeat([]float32{1}, len(tokens))}
	totals, err := s.Evaluate(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return totals.CrossEntropy
}

func draw(r *rand.Rand, n, vocab int) []distill.Token {
	ids := make([]distill.Token, n)
	for i := range ids {
		ids[i] = distill.Token(r.IntN(vocab))
	}
	return ids
}

// TestAgreesWithInference holds graph and inference runtime to each other, on random models of every architecture and on
// a real one.
func TestAgreesWithInference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, cfg := range variants() {
		s := newStudent(t, cfg)
		for _, p := range s.Params() {
			for i := range p.Data() {
				p.Data()[i] += float32(r.NormFloat64() * 0.2)
			}
		}
		s.Changed()
		m, err := s.Model(name, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		tokens, targets := draw(r, 24, cfg.Vocab), draw(r, 24, cfg.Vocab)
		got, want := crossEntropy(t, s, tokens, targets), inferred(t, m, tokens, targets)
		if math.Abs(got-want) > halfCache*want {
			t.Errorf("%s: graph %v, inference %v", name, got, want)
		}
	}
}

func TestRealModel(t *testing.T) {
	m, err := model.Open(fixture.Shared(t, "models", "stories260K-f32.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := student.FromModel(m, student.Threads(1), student.BF16(false))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids := m.Tokenizer.Encode("Once upon a time, there was a little girl named Lily. She loved to play outside.", false)
	got, want := crossEntropy(t, s, ids[:len(ids)-1], ids[1:]), inferred(t, m, ids[:len(ids)-1], ids[1:])
	if math.Abs(got-want) > halfCache*want || want/float64(len(ids)) > 2 {
		t.Errorf("graph %v, inference %v over %d tokens", got, want, len(ids))
	}
}

// TestModelMergesAdapters checks that the model made of a student with adapters computes what the student does.
func TestModelMergesAdapters(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	cfg := small()
	s := newStudent(t, cfg, student.WithLoRA(student.LoRA{Rank: 3, Targets: []string{"attn_q", "ffn_down"}}))
	if n := len(s.Params().Learnt()); n != 2*2*cfg.Layers {
		t.Errorf("%d parameters are learnt", n)
	}
	for _, p := range s.Params().Learnt() {
		for i := range p.Data() {
			p.Data()[i] = float32(r.NormFloat64() * 0.2)
		}
	}
	s.Changed()
	m, err := s.Model("merged", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	tokens, targets := draw(r, 20, cfg.Vocab), draw(r, 20, cfg.Vocab)
	if got, want := crossEntropy(t, s, tokens, targets), inferred(t, m, tokens, targets); math.Abs(got-want) > halfCache*want {
		t.Errorf("graph with adapters %v, merged model %v", got, want)
	}
	if _, err := student.New(cfg, 1, student.WithLoRA(student.LoRA{Rank: 2, Targets: []string{"attn"}})); err == nil {
		t.Error("unknown target accepted")
	}
}

// TestRoundTo checks that a student trained against a block format computes what the encoded file will, and that its own
// weights stay exact.
func TestRoundTo(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	cfg := small()
	cfg.FFN = 64
	s := newStudent(t, cfg, student.RoundTo(quant.Q4_0))
	exact := newStudent(t, cfg)
	for i, p := range exact.Params() {
		for j := range p.Data() {
			p.Data()[j] += float32(r.NormFloat64() * 0.2)
		}
		copy(s.Params()[i].Data(), p.Data())
		if len(p.Shape()) == 2 {
			buf := make([]byte, quant.Q4_0.RowBytes(p.Shape()[1]))
			for lo := 0; lo < len(p.Data()); lo += p.Shape()[1] {
				row := p.Data()[lo : lo+p.Shape()[1]]
				quant.Encode(quant.Q4_0, buf, row, nil)
				quant.Decode(quant.Q4_0, row, buf)
			}
		}
	}
	s.Changed()
	exact.Changed()
	tokens, targets := draw(r, 20, cfg.Vocab), draw(r, 20, cfg.Vocab)
	got, want := crossEntropy(t, s, tokens, targets), crossEntropy(t, exact, tokens, targets)
	if got != want {
		t.Errorf("rounded student %v, encoded weights %v", got, want)
	}
}
