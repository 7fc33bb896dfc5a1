//go:build unix

package model

import (
	"cmp"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/half"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// synthetic writes a Llama of about the given size in F16, whose rows repeat: made fast, and as slow to quantize as any.
func synthetic(t *testing.T, path string, megabytes int) Config {
	t.Helper()
	cfg := Config{Arch: Llama, Vocab: 32000, Context: 2048, Width: 2048, FFN: 5632, Layers: 1, Heads: 32, KVHeads: 4, HeadDim: 64, RopeTheta: 10000, NormEps: 1e-5}
	if megabytes < 1024 {
		cfg.Vocab, cfg.Width, cfg.FFN, cfg.Heads, cfg.KVHeads = 8000, 1024, 2816, 16, 4
	}
	for cfg.Params()*2 < megabytes<<20 {
		cfg.Layers++
	}
	rng := rand.New(rand.NewPCG(1, 1))
	values := make([]float32, 1<<16)
	for i := range values {
		values[i] = float32(rng.NormFloat64()) / 32
	}
	wide, narrow := make([]byte, 2<<16), fromFloats(Spec{}, values).Data
	half.EncodeF16(wide, values)
	p, err := NewPlan(cfg, "F16", PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var infos []gguf.TensorInfo
	for _, c := range p.Choices {
		infos = append(infos, gguf.TensorInfo{Name: c.Name, Type: c.Type, Shape: c.Shape})
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	out, err := gguf.NewWriter(file, (&Model{Config: cfg}).metadata(p), infos)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		source := wide
		if info.Type == quant.F32 {
			source = narrow
		}
		for left := int(info.Bytes()); left > 0; left -= len(source) {
			if _, err := out.Write(source[:min(left, len(source))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Quantizing takes memory for a few rows, not for the model: a process of its own says how much it had at most.
// DISTILL_QUANTIZE_MB=2048 makes the model as large as that, DISTILL_QUANTIZE_TYPE=Q4_K_M of that type.
func TestQuantizeMemory(t *testing.T) {
	if source := os.Getenv("DISTILL_QUANTIZE_SOURCE"); source != "" { // the process of its own
		m := reopen(t, source)
		if err := WriteGGUF(t.Context(), source+".out", m, mustPlan(t, m.Config, cmp.Or(os.Getenv("DISTILL_QUANTIZE_TYPE"), "Q8_0"))); err != nil {
			t.Fatal(err)
		}
		return
	}
	megabytes, limit := 96, int64(64)
	if s := os.Getenv("DISTILL_QUANTIZE_MB"); s != "" {
		megabytes, _ = strconv.Atoi(s)
		limit = 600
	}
	path := filepath.Join(t.TempDir(), "source.gguf")
	cfg := synthetic(t, path, megabytes)
	cmd := exec.Command(os.Args[0], "-test.run=^TestQuantizeMemory$")
	cmd.Env = append(os.Environ(), "DISTILL_QUANTIZE_SOURCE="+path)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Fatalf("%v: %s", err, out)
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
	seconds := cmd.ProcessState.UserTime().Seconds() + cmd.ProcessState.SystemTime().Seconds()
	t.Logf("%d MB, %d weights: at most %d MB of memory, %.1f processor seconds, %.0f MB/s a core", megabytes, cfg.Params(), peak, seconds, float64(megabytes)/seconds)
	if peak > limit {
		t.Errorf("at most %d MB of memory, %d allowed", peak, limit)
	}
}
