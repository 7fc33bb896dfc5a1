package model

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// Of what is interrupted in the middle, or cannot be written, nothing is left, and errors call files as they were asked for.
func TestWritesThatFailLeaveNothing(t *testing.T) {
	cfg := shapes["llama untied"]
	whole, err := Random(cfg, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		values func(stop func()) []float32
		want   string
	}{
		"interrupted": {func(stop func()) []float32 { stop(); return make([]float32, cfg.Width) }, "interrupted: "},
		"not finite":  {func(func()) []float32 { w := make([]float32, cfg.Width); w[3] = float32(math.Inf(1)); return w }, `weight "blk.2.ffn_norm.weight": in rows 0 to 63`},
	} {
		for file, write := range map[string]func(ctx context.Context, path string, m *Model) error{
			"m.gguf": func(ctx context.Context, path string, m *Model) error {
				return WriteGGUF(ctx, path, m, mustPlan(t, cfg, "F32"))
			},
			"hf": func(ctx context.Context, path string, m *Model) error { return WriteHF(ctx, path, m, quant.F32) },
		} {
			dir := t.TempDir()
			ctx, stop := context.WithCancel(t.Context())
			m := whole.With(map[string]func() []float32{"blk.2.ffn_norm.weight": func() []float32 { return c.values(stop) }})
			err := write(ctx, filepath.Join(dir, file), m)
			stop()
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, context.Canceled) != (name == "interrupted") {
				t.Errorf("%s %s: %v, want %q", name, file, err, c.want)
			}
			if name == "interrupted" && !strings.Contains(err.Error(), filepath.Join(dir, file)) {
				t.Errorf("%v does not name %s", err, file)
			}
			if left := names(t, dir); left != nil {
				t.Errorf("%s %s: %v is left", name, file, left)
			}
		}
	}
}

// What a folder holds already stays, and the rest is written beside it.
func TestWriteHFIntoAFolder(t *testing.T) {
	m, err := Random(shapes["llama"], nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "README.md", "mine")
	if err := WriteHF(t.Context(), dir, m, quant.F16); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(t, dir), " "); got != "README.md config.json generation_config.json model.safetensors" {
		t.Error(got)
	}
	info, err := os.Stat(dir)
	fresh := filepath.Join(dir, "a", "b")
	if err = errors.Join(err, WriteHF(t.Context(), fresh, m, quant.F16)); err != nil {
		t.Fatal(err)
	}
	if made, err := os.Stat(fresh); err != nil || made.Mode() != info.Mode().Type()|0o755 {
		t.Errorf("%v, %v", made.Mode(), err)
	}
}
