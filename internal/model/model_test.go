package model

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/safetensors"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// shapes are small models, one for each thing that can differ.
var shapes = map[string]Config{
	"llama":        {Arch: Llama, Vocab: 512, Context: 256, Width: 64, FFN: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true},
	"llama untied": {Arch: Llama, Vocab: 512, Context: 256, Width: 64, FFN: 96, Layers: 3, Heads: 4, KVHeads: 4, HeadDim: 32, RopeTheta: 5e5, NormEps: 1e-6},
	"llama bias":   {Arch: Llama, Vocab: 512, Context: 256, Width: 64, FFN: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, RopeTheta: 10000, NormEps: 1e-5, AttentionBias: true},
	"llama linear": {Arch: Llama, Vocab: 512, Context: 256, Width: 64, FFN: 96, Layers: 2, Heads: 4, KVHeads: 1, HeadDim: 16, RopeTheta: 10000, NormEps: 1e-5, RopeScaling: &RopeScaling{Type: RopeLinear, Factor: 4}},
	"llama 3": {Arch: Llama, Vocab: 512, Context: 256, Width: 64, FFN: 96, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 32, RopeTheta: 5e5, NormEps: 1e-5,
		RopeScaling: &RopeScaling{Type: RopeLlama3, Factor: 8, OriginalContext: 8192, LowFreqFactor: 1, HighFreqFactor: 4}},
	"mistral":    {Arch: Mistral, Vocab: 512, Context: 256, Width: 64, FFN: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, RopeTheta: 1e6, NormEps: 1e-5},
	"qwen2":      {Arch: Qwen2, Vocab: 512, Context: 256, Width: 64, FFN: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, RopeTheta: 1e6, NormEps: 1e-6, TiedEmbeddings: true, AttentionBias: true},
	"qwen2 yarn": {Arch: Qwen2, Vocab: 544, Context: 256, Width: 64, FFN: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, RopeTheta: 1e6, NormEps: 1e-6, AttentionBias: true, RopeScaling: &RopeScaling{Type: RopeYarn, Factor: 4, OriginalContext: 64}},
	"qwen3":      {Arch: Qwen3, Vocab: 512, Context: 256, Width: 64, FFN: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 32, RopeTheta: 1e6, NormEps: 1e-6, TiedEmbeddings: true, QKNorm: true},
}

// stories opens the real model's tokenizer, of 512 tokens.
func stories(t *testing.T) *Model {
	t.Helper()
	m, err := Open(fixture.Shared(t, "models", "stories260K-f32.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func mustPlan(t *testing.T, c Config, name string) Plan {
	t.Helper()
	p, err := NewPlan(c, name, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func reopen(t *testing.T, path string) *Model {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// same holds two models to equal configurations, but for where the rows lie, and equal canonical weights.
func same(t *testing.T, a, b *Model) {
	t.Helper()
	x, y := a.Config, b.Config
	x.RopeInterleaved, y.RopeInterleaved = false, false
	if s := y.RopeScaling; s != nil && s.Divisors != nil { // found again from the divisors
		c := *s
		c.Divisors = nil
		y.RopeScaling = &c
	}
	if x.Arch == Mistral || y.Arch == Mistral {
		x.Arch, y.Arch = Llama, Llama
	}
	x.NormEps, y.NormEps = float64(float32(x.NormEps)), float64(float32(y.NormEps))
	if diff := cmp.Diff(x, y); diff != "" {
		t.Fatalf("configurations differ: %s", diff)
	}
	for _, s := range a.Specs() {
		v, err := a.Float32(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := b.Float32(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v, w) {
			t.Fatalf("weight %q differs", s.Name)
		}
	}
}

// Through both containers and back again nothing changes.
func TestConversions(t *testing.T) {
	for name, cfg := range shapes {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			m, err := Random(cfg, nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "a.gguf")
			if err := WriteGGUF(t.Context(), path, m, mustPlan(t, cfg, "F32")); err != nil {
				t.Fatal(err)
			}
			fromGGUF := reopen(t, path)
			same(t, m, fromGGUF)
			if fromGGUF.RopeInterleaved != (ggufArch(cfg.Arch) == Llama) {
				t.Error("rows of q and k lie the wrong way")
			}
			if cfg.Arch == Llama && cfg.AttentionBias {
				return // Hugging Face has no such model
			}
			folder := filepath.Join(dir, "hf")
			if err := WriteHF(t.Context(), folder, fromGGUF, quant.F32); err != nil {
				t.Fatal(err)
			}
			fromHF := reopen(t, folder)
			same(t, m, fromHF)
			again := filepath.Join(dir, "b.gguf")
			fromHF.Name = m.Name
			if err := WriteGGUF(t.Context(), again, fromHF, mustPlan(t, cfg, "F32")); err != nil {
				t.Fatal(err)
			}
			x, _ := os.ReadFile(path)
			y, _ := os.ReadFile(again)
			if !bytes.Equal(x, y) {
				t.Error("GGUF → Hugging Face → GGUF changed the file")
			}
		})
	}
}

func ask(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(fixture.Oracle(t), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("llama_oracle %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// llama.cpp chooses the same tokens on our copy of the real model as on the original: those its users know.
func TestOracleOnACopy(t *testing.T) {
	m := stories(t)
	want := "261 378 432 383 286 261 376 298 315 421 395 317 426 338 401 396 267 337 410 408"
	dir := t.TempDir()
	folder := filepath.Join(dir, "hf")
	if err := WriteHF(t.Context(), folder, m, quant.F32); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]*Model{"gguf": m, "hf": reopen(t, folder)} {
		path := filepath.Join(dir, name+".gguf")
		if err := WriteGGUF(t.Context(), path, source, mustPlan(t, m.Config, "F32")); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, "greedy", path, "20", "1", "403", "407"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// llama.cpp loads what we write, for every architecture and file type, with a vocabulary and without.
func TestOracleLoads(t *testing.T) {
	tok := stories(t).Tokenizer
	for name, cfg := range shapes {
		t.Run(name, func(t *testing.T) {
			for _, with := range []*tokenizer.Tokenizer{nil, tok} {
				m, err := Random(cfg, with, 2)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(t.TempDir(), "m.gguf")
				if err := WriteGGUF(t.Context(), path, m, mustPlan(t, cfg, "Q8_0")); err != nil {
					t.Fatal(err)
				}
				ask(t, "greedy", path, "2", "1", "5")
			}
		})
	}
}

// For every file type the formats of all weights are those llama-quantize chooses.
func TestPlansAreLlamaQuantizes(t *testing.T) {
	cfg := Config{Arch: Llama, Vocab: 288, Context: 64, Width: 256, FFN: 512, Layers: 9, Heads: 4, KVHeads: 1, HeadDim: 64, RopeTheta: 10000, NormEps: 1e-5}
	odd := Config{Arch: Qwen2, Vocab: 288, Context: 64, Width: 96, FFN: 172, Layers: 4, Heads: 3, KVHeads: 3, HeadDim: 32, RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true, AttentionBias: true}
	for which, cfg := range map[string]Config{"even": cfg, "odd": odd} {
		m, err := Random(cfg, nil, 3)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		source := filepath.Join(dir, "f32.gguf")
		if err := WriteGGUF(t.Context(), source, m, mustPlan(t, cfg, "F32")); err != nil {
			t.Fatal(err)
		}
		for _, f := range fileTypes[1:] {
			path := filepath.Join(dir, f.name+".gguf")
			ask(t, "quantize", source, path, fmt.Sprint(f.number), "0")
			theirs, err := gguf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close()
			for _, c := range mustPlan(t, cfg, f.name).Choices {
				if got, _ := theirs.Tensor(c.Name); got.Type != c.Type {
					t.Errorf("%s %s: %s gets %v, llama-quantize chooses %v", which, f.name, c.Name, c.Type, got.Type)
				}
			}
		}
	}
}

func TestLlama3ScalingIsLlamas(t *testing.T) {
	cfg := shapes["qwen2"]
	cfg.RopeScaling = shapes["llama 3"].RopeScaling
	m, err := Random(cfg, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := EncodeGGUF(new(bytes.Buffer), m, mustPlan(t, cfg, "F32")); err == nil || !strings.Contains(err.Error(), "qwen2") {
		t.Errorf("what llama.cpp would not load was written: %v", err)
	}
}

func TestPlanStrict(t *testing.T) {
	cfg := shapes["llama"]
	if _, err := NewPlan(cfg, "q4_k_m", PlanOptions{Strict: true}); err == nil || !strings.Contains(err.Error(), "token_embd") {
		t.Errorf("a shape that does not fit: %v", err)
	}
	p, err := NewPlan(cfg, "q4_k_m", PlanOptions{})
	if err != nil || len(p.Substitutions()) == 0 || p.Substitutions()[0].Reason == "" {
		t.Errorf("substitutions: %v %v", p.Substitutions(), err)
	}
	if _, err := NewPlan(cfg, "q9", PlanOptions{}); err == nil || !strings.Contains(err.Error(), "Q4_K_M") {
		t.Errorf("an unknown file type: %v", err)
	}
}

// A folder of several shards in 16-bit floats opens, and its weights reach a GGUF file bit by bit.
func TestShardedHalfFolders(t *testing.T) {
	for _, as := range []quant.Type{quant.F16, quant.BF16} {
		dir, cfg := t.TempDir(), shapes["llama untied"]
		m, err := Random(cfg, nil, 4)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteHF(t.Context(), dir, m, as); err != nil {
			t.Fatal(err)
		}
		shard(t, dir)
		folder := reopen(t, dir)
		path := filepath.Join(t.TempDir(), "m.gguf")
		if err := WriteGGUF(t.Context(), path, folder, mustPlan(t, cfg, as.String())); err != nil {
			t.Fatal(err)
		}
		file := reopen(t, path)
		same(t, folder, file)
		if file.Type() != as || folder.Type() != as {
			t.Errorf("%v became %v", folder.Type(), file.Type())
		}
		w, _ := m.Float32("blk.1.attn_k.weight")
		v, _ := file.Float32("blk.1.attn_k.weight")
		for i := range w {
			if d := v[i] - w[i]; d > 0.01 || d < -0.01 {
				t.Fatalf("%v: weight %d is %g, was %g", as, i, v[i], w[i])
			}
		}
	}
}

// shard spreads a folder's weights over two files with an index.
func shard(t *testing.T, dir string) {
	t.Helper()
	set, err := safetensors.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	index := make(map[string]string)
	half := len(set.Tensors) / 2
	for i, part := range [][]safetensors.Tensor{set.Tensors[:half], set.Tensors[half:]} {
		name := fmt.Sprintf("model-%05d-of-00002.safetensors", i+1)
		var infos []safetensors.Info
		for _, tensor := range part {
			infos = append(infos, tensor.Info)
			index[tensor.Name] = name
		}
		var out bytes.Buffer
		w, err := safetensors.NewWriter(&out, nil, infos)
		if err != nil {
			t.Fatal(err)
		}
		for _, tensor := range part {
			w.Write(tensor.Data)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeJSON(filepath.Join(dir, "model.safetensors.index.json"), map[string]any{"weight_map": index}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
}
