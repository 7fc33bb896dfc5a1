package student_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/student"
)

// lossOf returns the mean cross-entropy on a batch.
func lossOf(t *testing.T, s *student.Student, b *nn.Batch) float64 {
	t.Helper()
	totals, err := s.Evaluate(b, objective(t))
	if err != nil {
		t.Fatal(err)
	}
	return totals.CrossEntropy / totals.Weight
}

// TestPruneFindsWhatMatters silences parts of a model — a layer, neurons, query heads of each group — and checks that
// pruning removes exactly those: the smaller model computes the same.
func TestPruneFindsWhatMatters(t *testing.T) {
	for name, cfg := range variants() {
		cfg.Layers, cfg.Heads, cfg.KVHeads, cfg.FFN = 3, 4, 2, 48
		s := newStudent(t, cfg)
		r := rand.New(rand.NewPCG(1, 2))
		for _, p := range s.Params() {
			for i := range p.Data() {
				p.Data()[i] += float32(r.NormFloat64() * 0.2)
			}
		}
		for _, w := range []string{"blk.1.attn_output.weight", "blk.1.ffn_down.weight"} {
			clear(s.Weights(w)) // layer 1 hands on its input
		}
		for layer := range cfg.Layers {
			silence(s, cfg, layer)
		}
		s.Changed()
		b := batch(r, 2, 16, cfg.Vocab)
		im, err := s.Measure(slices.Values([]*nn.Batch{b}))
		if err != nil {
			t.Fatal(err)
		}
		small, err := s.Prune(student.Cut{Layers: 2, By: student.ByImportance, FFN: 32, Heads: 2, KVHeads: 2}, im, student.BF16(false), student.Threads(1))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer small.Close()
		if c := small.Config(); c.Layers != 2 || c.FFN != 32 || c.Heads != 2 {
			t.Errorf("%s: %+v", name, c)
		}
		if got, want := lossOf(t, small, b), lossOf(t, s, b); math.Abs(got-want) > 1e-5*want {
			t.Errorf("%s: pruned model loses %v, the whole %v", name, got, want)
		}
	}
}

// silence makes a third of the neurons dumb and nobody read the first and the last head.
func silence(s *student.Student, cfg model.Config, layer int) {
	prefix := "blk." + string(rune('0'+layer)) + "."
	up := s.Weights(prefix + "ffn_up.weight")
	for n := 0; n < cfg.FFN; n += 3 {
		clear(up[n*cfg.Width : (n+1)*cfg.Width])
	}
	output := s.Weights(prefix + "attn_output.weight")
	wide := cfg.Heads * cfg.HeadDim
	for row := 0; row < cfg.Width; row++ {
		for _, h := range []int{0, 3} {
			clear(output[row*wide+h*cfg.HeadDim:][:cfg.HeadDim])
		}
	}
}

// TestPruneWidth keeps the channels that carry something.
func TestPruneWidth(t *testing.T) {
	cfg := small()
	s := newStudent(t, cfg)
	for _, p := range s.Params() { // every fourth channel is silent: nothing writes to it
		w := p.Data()
		switch {
		case p.Name() == "token_embd.weight":
			for i := range w {
				if i%cfg.Width%4 == 0 {
					w[i] = 0
				}
			}
		case strings.HasSuffix(p.Name(), "attn_output.weight"), strings.HasSuffix(p.Name(), "ffn_down.weight"):
			for row := 0; row < cfg.Width; row += 4 {
				clear(w[row*p.Shape()[1] : (row+1)*p.Shape()[1]])
			}
		}
	}
	s.Changed()
	r := rand.New(rand.NewPCG(3, 4))
	b := batch(r, 2, 16, cfg.Vocab)
	im, err := s.Measure(slices.Values([]*nn.Batch{b}))
	if err != nil {
		t.Fatal(err)
	}
	small, err := s.Prune(student.Cut{Width: 24}, im, student.BF16(false))
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if got, want := lossOf(t, small, b), lossOf(t, s, b); math.Abs(got-want) > 2e-3*want {
		t.Errorf("pruned model loses %v, the whole %v: norms do not make up for the channels that went", got, want)
	}
}

func TestPruneChoices(t *testing.T) {
	cfg := small()
	cfg.Layers = 7
	s := newStudent(t, cfg)
	same, err := s.Prune(student.Cut{}, student.Importance{}, student.BF16(false))
	if err != nil {
		t.Fatal(err)
	}
	defer same.Close()
	b := batch(rand.New(rand.NewPCG(5, 6)), 2, 12, cfg.Vocab)
	if got, want := lossOf(t, same, b), lossOf(t, s, b); got != want {
		t.Errorf("nothing cut: %v, was %v", got, want)
	}
	ends, err := s.Prune(student.Cut{Layers: 3}, student.Importance{}, student.BF16(false))
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	for i, from := range []string{"blk.0.", "blk.3.", "blk.6."} {
		to := "blk." + string(rune('0'+i)) + "."
		if ends.Weights(to + "attn_q.weight")[5] != s.Weights(from + "attn_q.weight")[5] {
			t.Errorf("layer %d is not %s", i, from)
		}
	}
	for _, c := range []student.Cut{{Layers: 8}, {Keep: []int{3, 1}}, {Keep: []int{3, 3}}, {Keep: []int{7}}, {Width: 8}, {Heads: 3}, {FFN: 100}, {By: "luck"}, {Layers: 2, By: student.ByImportance}} {
		if small, err := s.Prune(c, student.Importance{}); err == nil {
			small.Close()
			t.Errorf("%+v accepted", c)
		}
	}
}
