package student_test

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/student"
)

// stored writes a random model in a number format and opens it. Its decoded weights are the twin's.
func stored(t *testing.T, cfg model.Config, format string) *model.Model {
	t.Helper()
	weights := map[string][]float32{}
	r := rand.New(rand.NewPCG(8, 9))
	for _, s := range cfg.Specs() {
		w := make([]float32, s.Elements())
		for i := range w {
			w[i] = float32(r.NormFloat64() * 0.1)
			if len(s.Shape) == 1 {
				w[i]++
			}
		}
		weights[s.Name] = w
	}
	m, err := model.New(cfg, nil, "", weights)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := model.NewPlan(cfg, format, model.PlanOptions{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "base.gguf")
	if err := model.WriteGGUF(context.Background(), path, m, plan); err != nil {
		t.Fatal(err)
	}
	file, err := model.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// twins returns a student with adapters over a file's weights as they lie there, and one over the same weights decoded.
func twins(t *testing.T, m *model.Model, lora student.LoRA) (base, float *student.Student) {
	t.Helper()
	options := []student.Option{student.WithLoRA(lora), student.BF16(false), student.Threads(2)}
	base, err := student.FromModel(m, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(base.Close)
	cfg := m.Config
	cfg.RopeInterleaved = false
	float = newStudent(t, cfg, options...)
	for _, s := range cfg.Specs() {
		w, err := m.Float32(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		copy(float.Weights(s.Name), w)
	}
	float.Changed()
	r := rand.New(rand.NewPCG(3, 1))
	for i, p := range base.Params().Learnt() { // B is zero at first, and A's gradient with it
		q := float.Params().Learnt()[i]
		for j := range p.Data() {
			p.Data()[j] = float32(r.NormFloat64() * 0.1)
		}
		copy(q.Data(), p.Data())
		p.Changed()
		q.Changed()
	}
	return base, float
}

// TestFrozenBase: over weights that stay quantized in their file, loss and every gradient are those over the same weights
// decoded, whatever their format and layout; and what is exported is those weights with the adapters in them.
func TestFrozenBase(t *testing.T) {
	shapes := map[string]model.Config{
		"llama": {Arch: model.Llama, Vocab: 96, Context: 32, Width: 256, FFN: 256, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 64,
			RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true},
		"qwen2": {Arch: model.Qwen2, Vocab: 96, Context: 32, Width: 256, FFN: 512, Layers: 1, Heads: 4, KVHeads: 4, HeadDim: 64,
			RopeTheta: 10000, NormEps: 1e-6, AttentionBias: true},
	}
	for arch, formats := range map[string][]string{"llama": {"F32", "F16", "Q4_0", "Q4_K_M"}, "qwen2": {"BF16", "Q8_0"}} {
		for _, format := range formats {
			m := stored(t, shapes[arch], format)
			base, float := twins(t, m, student.LoRA{Rank: 4, Dropout: 0.2})
			b := batch(rand.New(rand.NewPCG(5, 5)), 2, 16, m.Vocab)
			sameGradients(t, arch+" "+format, base, float, b)
			sameExport(t, arch+" "+format, base, float)
		}
	}
}

func sameGradients(t *testing.T, name string, base, float *student.Student, b *nn.Batch) {
	t.Helper()
	got, err := base.Accumulate(b, objective(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	want, err := float.Accumulate(b, objective(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.Loss-want.Loss) > 1e-5*math.Abs(want.Loss) {
		t.Errorf("%s: loss %v, decoded %v", name, got.Loss, want.Loss)
	}
	for i, p := range base.Params().Learnt() {
		g, w := p.GradData(), float.Params().Learnt()[i].GradData()
		var norm, off float64
		for j := range w {
			norm += float64(w[j]) * float64(w[j])
			off += float64(g[j]-w[j]) * float64(g[j]-w[j])
		}
		if norm == 0 || math.Sqrt(off/norm) > 1e-5 { // sums over tiles are in another order
			t.Errorf("%s: gradient of %s is off by %v of it", name, p.Name(), math.Sqrt(off/norm))
		}
	}
}

func sameExport(t *testing.T, name string, base, float *student.Student) {
	t.Helper()
	exported, err := base.Model("x", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want, err := float.Model("x", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := model.NewPlan(exported.Config, "F32", model.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "merged.gguf")
	if err := model.WriteGGUF(context.Background(), path, exported, plan); err != nil {
		t.Fatal(err)
	}
	back, err := model.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	for _, s := range want.Specs() {
		a, err := back.Float32(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := want.Float32(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			if a[i] != b[i] {
				t.Fatalf("%s: exported %s[%d] is %v, want %v", name, s.Name, i, a[i], b[i])
			}
		}
	}
}

// TestFrozenCut: a model is measured and cut where it lies as it is when it is decoded.
func TestFrozenCut(t *testing.T) {
	cfg := small()
	m := stored(t, cfg, "F16")
	frozen, err := student.FromModel(m, student.Frozen(), student.BF16(false))
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	if frozen.Weights("blk.0.ffn_up.weight") != nil || len(frozen.Params().Learnt()) > 0 {
		t.Error("a frozen student has weights of its own")
	}
	decoded, err := student.FromModel(m, student.BF16(false))
	if err != nil {
		t.Fatal(err)
	}
	defer decoded.Close()
	b := batch(rand.New(rand.NewPCG(6, 6)), 2, 16, cfg.Vocab)
	var losses []float64
	for _, s := range []*student.Student{frozen, decoded} {
		im, err := s.Measure(func(yield func(*nn.Batch) bool) { yield(b) })
		if err != nil {
			t.Fatal(err)
		}
		small, err := s.Prune(student.Cut{Width: 24, FFN: cfg.FFN / 2}, im, student.BF16(false))
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, lossOf(t, small, b))
		small.Close()
	}
	if math.Abs(losses[0]-losses[1]) > 1e-5*losses[1] {
		t.Errorf("cut where it lies: %v, decoded: %v", losses[0], losses[1])
	}
}
