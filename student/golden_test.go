package student_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train/loss"
	"github.com/seed-d24fde5f/distill/train/optim"

	"github.com/seed-d24fde5f/distill/train"
)

// The shapes of testdata/golden.py, which writes what PyTorch makes of them.
const (
	goldenRows, goldenLength, goldenVocab = 3, 14, 61
	goldenRate                            = 5e-3
)

type goldenCase struct {
	Name        string             `json:"name"`
	Bias        bool               `json:"bias"`
	QKNorm      bool               `json:"qk_norm"`
	Tied        bool               `json:"tied"`
	Divergence  loss.Divergence    `json:"divergence"`
	Temperature float64            `json:"temperature"`
	Smoothing   float64            `json:"smoothing"`
	Gradients   map[string]float64 `json:"gradient_norms"`
	Losses      []float64          `json:"losses"`
}

// TestGolden holds every gradient of the first step, and the losses of ten, to PyTorch's.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Cases []goldenCase }
	if err := json.Unmarshal(text, &golden); err != nil || len(golden.Cases) == 0 {
		t.Fatal(err)
	}
	for _, c := range golden.Cases {
		t.Run(c.Name, func(t *testing.T) { checkGolden(t, c) })
	}
}

func checkGolden(t *testing.T, c goldenCase) {
	s := goldenStudent(t, c)
	o, err := loss.New(loss.Spec{Divergence: c.Divergence, Mix: 0.5, Temperature: c.Temperature, Beta: 0.3, LabelSmoothing: c.Smoothing})
	if err != nil {
		t.Fatal(err)
	}
	params := s.Params()
	solver, err := optim.New(optim.Spec{WeightDecay: 0.1}, params, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	signal := goldenSignal()
	for step, want := range c.Losses {
		b := &train.Batch{Rows: goldenRows, Length: goldenLength, Tokens: goldenIDs(1000 + step), Targets: goldenIDs(2000 + step),
			Weights: slices.Repeat([]float32{1}, goldenRows*goldenLength), Signal: signal}
		totals, err := s.Accumulate(b, o, float32(1/b.Weight()))
		if err != nil {
			t.Fatal(err)
		}
		if got := totals.Loss / totals.Weight; math.Abs(got-want) > 1e-4*want {
			t.Errorf("step %d: loss %v, PyTorch's %v", step+1, got, want)
		}
		if step == 0 {
			checkGoldenGradients(t, s, c.Gradients)
		}
		solver.Prepare(goldenRate, optim.ClipScale(optim.GradNorm(nil, params), 1))
		if err := solver.Step(optim.Model(params)); err != nil {
			t.Fatal(err)
		}
	}
}

func checkGoldenGradients(t *testing.T, s *student.Student, want map[string]float64) {
	t.Helper()
	if len(want) != len(s.Params()) {
		t.Fatalf("%d gradients, PyTorch has %d", len(s.Params()), len(want))
	}
	for _, p := range s.Params() {
		var sum float64
		for _, g := range p.GradData() {
			sum += float64(g) * float64(g)
		}
		if norm := math.Sqrt(sum); math.Abs(norm-want[p.Name()]) > 1e-4*want[p.Name()] {
			t.Errorf("%s: gradient %v, PyTorch's %v", p.Name(), norm, want[p.Name()])
		}
	}
}

// goldenStudent returns the model of a case with weights hashed from their index.
func goldenStudent(t *testing.T, c goldenCase) *student.Student {
	t.Helper()
	cfg := model.Config{Arch: model.Llama, Vocab: goldenVocab, Context: 64, Width: 32, FFN: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8,
		RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: c.Tied, AttentionBias: c.Bias, QKNorm: c.QKNorm}
	switch {
	case c.Bias:
		cfg.Arch = model.Qwen2
	case c.QKNorm:
		cfg.Arch = model.Qwen3
	}
	s := newStudent(t, cfg)
	var names []string
	for _, p := range s.Params() {
		names = append(names, p.Name())
	}
	slices.Sort(names)
	for i, name := range names {
		mean := 0.0
		if strings.HasSuffix(name, "norm.weight") {
			mean = 1
		}
		w := s.Weights(name)
		for j, u := range uniform(100+i, len(w)) {
			w[j] = float32(u*0.4 + mean)
		}
	}
	s.Changed()
	return s
}

// uniform is the generator of golden.py: numbers in [−0.5, 0.5) hashed from their index.
func uniform(seed, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		x := uint32(i)*2654435761 + uint32(seed)*40503 + 12345
		x ^= x >> 15
		x *= 2246822519
		x ^= x >> 13
		out[i] = float64(x)/(1<<32) - 0.5
	}
	return out
}

func goldenIDs(seed int) []distill.Token {
	var ids []distill.Token
	for _, u := range uniform(seed, goldenRows*goldenLength) {
		ids = append(ids, distill.Token((u+0.5)*goldenVocab))
	}
	return ids
}

// goldenSignal is the whole distribution of the teacher at each position: softmax of hashed logits.
func goldenSignal() *distill.Signal {
	signal := &distill.Signal{Kind: distill.TopK}
	logits := uniform(7, goldenRows*goldenLength*goldenVocab)
	var ids []distill.Token
	for id := range distill.Token(goldenVocab) {
		ids = append(ids, id)
	}
	for row := range slices.Chunk(logits, goldenVocab) {
		var sum float64
		for _, u := range row {
			sum += math.Exp(8 * float64(float32(u)))
		}
		logprobs := make([]float32, goldenVocab)
		for i, u := range row {
			logprobs[i] = float32(8*float64(float32(u)) - math.Log(sum))
		}
		signal.Append(ids, logprobs)
	}
	return signal
}
