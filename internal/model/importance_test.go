package model

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func randomImportance(c Config) Importance {
	rng := rand.New(rand.NewPCG(1, 1))
	imp := make(Importance)
	for _, s := range c.Specs() {
		if len(s.Shape) == 2 && s.Name != "token_embd.weight" {
			v := make([]float32, s.Shape[1])
			for i := range v {
				v[i] = rng.Float32() * rng.Float32() * 10
			}
			imp[s.Name] = v
		}
	}
	return imp
}

func TestImportanceRoundTrip(t *testing.T) {
	imp := randomImportance(shapes["qwen2"])
	source := ImportanceSource{Datasets: []string{"gsm8k"}, Chunks: 10, ChunkSize: 512}
	path := filepath.Join(t.TempDir(), "imatrix.gguf")
	if err := WriteImportance(t.Context(), path, imp, source); err != nil {
		t.Fatal(err)
	}
	got, from, err := ReadImportance(path)
	if err != nil {
		t.Fatal(err)
	}
	// Sum and division round once each.
	if diff := cmp.Diff(imp, got, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(source, from); diff != "" {
		t.Error(diff)
	}
	if _, _, err := ReadImportance(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a missing file")
	}
}

// With an importance the error that it weighs becomes smaller, for every format that searches.
func TestImportanceHelps(t *testing.T) {
	cfg := Config{Arch: Llama, Vocab: 256, Context: 64, Width: 256, FFN: 256, Layers: 1, Heads: 4, KVHeads: 4, HeadDim: 64, RopeTheta: 10000, NormEps: 1e-5}
	m, err := Random(cfg, nil, 9)
	if err != nil {
		t.Fatal(err)
	}
	imp := randomImportance(cfg)
	for _, name := range []string{"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S", "Q4_K_S", "Q5_K_S", "Q6_K"} {
		plain := weightedError(t, m, name, imp, nil)
		guided := weightedError(t, m, name, imp, imp)
		if guided > plain {
			t.Errorf("%s: weighted error %g with importance, %g without", name, guided, plain)
		}
	}
}

func weightedError(t *testing.T, m *Model, name string, weights, guide Importance) float64 {
	t.Helper()
	p, err := NewPlan(m.Config, name, PlanOptions{Pure: true, Importance: guide})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := EncodeGGUF(&file, m, p); err != nil {
		t.Fatal(err)
	}
	q := parse(t, file.Bytes())
	sum := 0.0
	for name, w := range weights {
		a, _ := m.Float32(name)
		b, err := q.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a {
			d := float64(a[i] - b[i])
			sum += float64(w[i%len(w)]) * d * d
		}
	}
	return sum
}

// TestUnweighted checks that a plan names the matrices its importance leaves out, and not those nobody measures.
func TestUnweighted(t *testing.T) {
	c := shapes["qwen2"]
	imp := randomImportance(c)
	for _, missing := range []string{"", "blk.1.ffn_up.weight"} {
		delete(imp, missing)
		plan, err := NewPlan(c, "Q8_0", PlanOptions{Importance: imp})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, choice := range plan.Unweighted() {
			names = append(names, choice.Name)
		}
		if (missing == "") != (len(names) == 0) || missing != "" && names[0] != missing {
			t.Errorf("without %q: %v are unweighted", missing, names)
		}
	}
}
