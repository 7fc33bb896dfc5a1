package student_test

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/optim"
)

// TestMemory compares what is live after training steps with the prediction, less its flat part for the program.
func TestMemory(t *testing.T) {
	cfg := model.Config{Arch: model.Llama, Vocab: 3000, Context: 128, Width: 96, FFN: 256, Layers: 3, Heads: 6, KVHeads: 2, HeadDim: 16,
		RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}
	qk := cfg
	qk.Arch, qk.QKNorm, qk.TiedEmbeddings = model.Qwen3, true, false
	for name, c := range map[string]struct {
		cfg     model.Config
		load    student.Load
		options []student.Option
	}{
		"plain":     {cfg, student.Load{Rows: 8, Length: 64}, nil},
		"recompute": {cfg, student.Load{Rows: 8, Length: 64, Recompute: true}, []student.Option{student.Recompute()}},
		"muon, EMA": {cfg, student.Load{Rows: 4, Length: 64, Muon: true, EMA: true}, nil},
		"qwen3":     {qk, student.Load{Rows: 8, Length: 64, HeldoutRows: 8}, nil},
		"LoRA":      {cfg, student.Load{Rows: 8, Length: 64, LoRA: &student.LoRA{Rank: 4}}, []student.Option{student.WithLoRA(student.LoRA{Rank: 4})}},
	} {
		before := live()
		s := newStudent(t, c.cfg, c.options...)
		b := &train.Batch{Rows: c.load.Rows, Length: c.load.Length, Weights: make([]float32, c.load.Rows*c.load.Length)}
		b.Tokens = make([]int32, len(b.Weights))
		b.Targets = make([]int32, len(b.Weights))
		for i := range b.Weights {
			b.Weights[i] = 1
		}
		o := train.Options{Model: s, Data: fixed{b}, Steps: 2, Rate: 1e-3}
		if c.load.Muon {
			o.Optimizer.Algorithm = optim.Muon
		}
		if c.load.EMA {
			o.EMA = 0.9
		}
		if c.load.HeldoutRows > 0 {
			o.Heldout = []*train.Batch{b}
		}
		var measured int64
		o.Observe = func(p train.Progress) {
			if p.Step == 2 {
				measured = live() - before
			}
		}
		if _, err := train.Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		f := student.Memory(c.cfg, c.load)
		predicted := f.Total() - f.Program
		if math.Abs(float64(measured-predicted)) > 0.15*float64(predicted) {
			t.Errorf("%s: predicted %d KiB, live %d KiB: %+v", name, predicted>>10, measured>>10, f)
		}
		s.Close()
	}
}

// TestMemoryOfBase is TestMemory for adapters over weights that stay in their file, which are no part of the heap.
func TestMemoryOfBase(t *testing.T) {
	cfg := model.Config{Arch: model.Llama, Vocab: 3000, Context: 128, Width: 96, FFN: 256, Layers: 3, Heads: 6, KVHeads: 2, HeadDim: 16,
		RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}
	m := stored(t, cfg, "Q8_0")
	lora := student.LoRA{Rank: 4, Dropout: 0.1}
	before := live()
	s, err := student.FromModel(m, student.WithLoRA(lora))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := batch(rand.New(rand.NewPCG(4, 4)), 8, 64, cfg.Vocab)
	var measured int64
	o := train.Options{Model: s, Data: fixed{b}, Steps: 2, Rate: 1e-3, Observe: func(train.Progress) { measured = live() - before }}
	if _, err := train.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	load := student.Load{Rows: 8, Length: 64, LoRA: &lora, Base: m.Bytes()}
	f := student.Memory(cfg, load)
	predicted := f.Total() - f.Program - load.Base
	if math.Abs(float64(measured-predicted)) > 0.15*float64(predicted) {
		t.Errorf("predicted %d KiB, live %d KiB: %+v", predicted>>10, measured>>10, f)
	}
}

// fixed is a source of one batch.
type fixed struct{ b *train.Batch }

func (f fixed) Batch(int) (*train.Batch, error) { return f.b, nil }

// live returns the bytes that are reachable.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
