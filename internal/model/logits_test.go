package model_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// The function that a model computes in memory is the one that llama.cpp finds in the files made of it, for every
// architecture, layout and rope scaling, on the way through either container.
func TestOracleLogits(t *testing.T) {
	oracle := fixture.Oracle(t)
	shapes := maps.Clone(model.Shapes)
	scaled := func(s model.RopeScaling) model.Config {
		c := shapes["qwen2 yarn"]
		c.RopeScaling = &s
		return c
	}
	shapes["yarn with an attention factor"] = scaled(model.RopeScaling{Type: model.RopeYarn, Factor: 4, OriginalContext: 64, AttentionFactor: 1.3})
	shapes["yarn with betas"] = scaled(model.RopeScaling{Type: model.RopeYarn, Factor: 8, OriginalContext: 32, BetaFast: 16, BetaSlow: 2})
	shapes["qwen2 linear"] = scaled(model.RopeScaling{Type: model.RopeLinear, Factor: 2})
	for name, cfg := range shapes {
		t.Run(name, func(t *testing.T) {
			m, err := model.Random(cfg, nil, 7)
			if err != nil {
				t.Fatal(err)
			}
			ids := make([]infer.Token, 150)
			args := make([]string, len(ids))
			for i := range ids {
				ids[i] = infer.Token(i * 37 % cfg.Vocab)
				args[i] = fmt.Sprint(ids[i])
			}
			ready, err := infer.New(m, infer.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer ready.Close()
			want, err := ready.Logits(ids)
			if err != nil {
				t.Fatal(err)
			}
			for container, source := range throughContainers(t, m) {
				path, out := filepath.Join(t.TempDir(), "m.gguf"), filepath.Join(t.TempDir(), "logits")
				write(t, path, source)
				if text, err := exec.Command(oracle, append([]string{"logits", path, out}, args...)...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, text)
				}
				// llama.cpp keeps keys and values in float16: 2^-11 each, through two layers.
				if e := distance(t, out, want); !(e < 1e-3) {
					t.Errorf("%s: logits differ by %.2g of their size", container, e)
				} else {
					t.Logf("%s: %.2g", container, e)
				}
			}
		})
	}
}

func write(t *testing.T, path string, m *model.Model) {
	t.Helper()
	plan, err := model.NewPlan(m.Config, "F32", model.PlanOptions{})
	if err == nil {
		err = model.WriteGGUF(t.Context(), path, m, plan)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// throughContainers returns the model as it is, and as it comes back from a Hugging Face folder where that can hold it.
func throughContainers(t *testing.T, m *model.Model) map[string]*model.Model {
	t.Helper()
	all := map[string]*model.Model{"memory": m}
	if m.AttentionBias && m.Arch == model.Llama {
		return all
	}
	dir := t.TempDir()
	if err := model.WriteHF(t.Context(), dir, m, quant.F32); err != nil {
		t.Fatal(err)
	}
	folder, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	all["folder"] = folder
	return all
}

// distance is ‖got − want‖ / ‖want‖, got being the float32 of a file.
func distance(t *testing.T, path string, want []float32) float64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) != 4*len(want) {
		t.Fatalf("%d logits, want %d", len(data)/4, len(want))
	}
	var difference, size float64
	for i, w := range want {
		g := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
		difference += (g - float64(w)) * (g - float64(w))
		size += float64(w) * float64(w)
	}
	return math.Sqrt(difference / size)
}
