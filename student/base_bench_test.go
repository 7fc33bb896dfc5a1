package student_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/student"
)

// BenchmarkBase measures a step of adapters over weights that stay in their file, by the format they have there.
func BenchmarkBase(b *testing.B) {
	cfg := model.Config{Arch: model.Qwen2, Vocab: 32000, Context: 512, Width: 1024, FFN: 4096, Layers: 3, Heads: 16, KVHeads: 4, HeadDim: 64,
		RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true, AttentionBias: true}
	whole, err := student.New(cfg, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer whole.Close()
	m, err := whole.Model("base", nil, "")
	if err != nil {
		b.Fatal(err)
	}
	data := batch(rand.New(rand.NewPCG(4, 4)), 2, 256, cfg.Vocab)
	for _, format := range []string{"f32", "f16", "q8_0", "q4_0", "q4_k_m"} {
		plan, err := model.NewPlan(cfg, format, model.PlanOptions{Strict: true})
		if err != nil {
			b.Fatal(err)
		}
		path := filepath.Join(b.TempDir(), format)
		if err := model.WriteGGUF(context.Background(), path, m, plan); err != nil {
			b.Fatal(err)
		}
		stored, err := model.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		s, err := student.FromModel(stored, student.WithLoRA(student.LoRA{Rank: 16}))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Accumulate(data, objective(b), 1e-3); err != nil {
					b.Fatal(err)
				}
			}
		})
		s.Close()
		stored.Close()
	}
}
