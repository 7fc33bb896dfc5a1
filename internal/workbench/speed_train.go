package workbench

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/optim"
)

// TrainingShape is a student and a batch to be timed.
type TrainingShape struct {
	Layers, Width, FFN, Heads, KVHeads, Vocab int // KVHeads 0 means Heads
	Seq, Batch                                int
	Steps                                     int // timed; 0 means 6
	Threads                                   int // 0 for all
	BF16, Muon                                bool
}

// TrainingSpeed is how fast a student of a shape is trained on this machine.
type TrainingSpeed struct {
	BestTokensPerS float64 `json:"best_tokens_per_s"`
	MeanTokensPerS float64 `json:"mean_tokens_per_s"`
	// ShareOfPeak is the share of the peak below, times threads, counting 6 operations a weight and the attention; 0 where there
	// is no peak. Tiles, which multiply float32 numbers faster than vectors do, may take it above 1 in fp32.
	ShareOfPeak  float64 `json:"share_of_peak"`
	PeakGFLOPs   float64 `json:"peak_gflops"` // of one core, measured on registers: float32 multiply-adds, or bf16 tiles where a bf16 student has them
	PeakOf       string  `json:"peak_of"`     // what does that: multiply-adds or tiles
	PeakRSSBytes int64   `json:"peak_rss_bytes"`
	Threads      int     `json:"threads"`
	Kernel       string  `json:"kernel"`
	Parameters   int     `json:"parameters"`
}

// MeasureTraining times whole training steps, optimizer included, on random tokens.
func MeasureTraining(ctx context.Context, t TrainingShape) (TrainingSpeed, error) {
	if t.Heads <= 0 || t.Seq < 2 || t.Batch < 1 {
		return TrainingSpeed{}, hint.Errorf("", "bench: a model needs heads, a batch needs sequences of two tokens or more")
	}
	if t.KVHeads == 0 {
		t.KVHeads = t.Heads
	}
	cfg := model.Config{Arch: model.Llama, Vocab: t.Vocab, Context: t.Seq, Width: t.Width, FFN: t.FFN, Layers: t.Layers, Heads: t.Heads,
		KVHeads: t.KVHeads, HeadDim: t.Width / t.Heads, RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}
	return MeasureStudent(ctx, cfg, t)
}

// MeasureStudent times whole training steps of a student of any configuration; of t the layers and widths are not looked at.
func MeasureStudent(ctx context.Context, cfg model.Config, t TrainingShape) (TrainingSpeed, error) {
	debug.FreeOSMemory()
	idle := host.ResetPeakMemory()
	s, err := student.New(cfg, 1, student.Threads(t.Threads), student.BF16(t.BF16))
	if err != nil {
		return TrainingSpeed{}, &hint.Error{Err: fmt.Errorf("bench: %w", err)}
	}
	defer s.Close()
	spec := optim.Spec{Algorithm: optim.AdamW}
	if t.Muon {
		spec.Algorithm = optim.Muon
	}
	speed, err := train.Bench(ctx, s, train.Load{Vocab: cfg.Vocab, Rows: t.Batch, Length: t.Seq, Steps: t.Steps, Optimizer: spec})
	if err != nil {
		return TrainingSpeed{}, err
	}
	threads := t.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	r := TrainingSpeed{BestTokensPerS: speed.Best, MeanTokensPerS: speed.Mean, Threads: threads, Kernel: kernel.Implementation(), Parameters: cfg.Params()}
	if idle > 0 {
		r.PeakRSSBytes = max(0, host.PeakMemory()-idle)
	}
	peak := kernel.MeasurePeak()
	r.PeakGFLOPs, r.PeakOf = peak.FMA/1e9, "multiply-adds"
	if t.BF16 && peak.Tile > 0 {
		r.PeakGFLOPs, r.PeakOf = peak.Tile/1e9, "tiles"
	}
	if r.PeakGFLOPs > 0 {
		r.ShareOfPeak = speed.Best * student.FLOPs(cfg, t.Seq) / (1e9 * r.PeakGFLOPs * float64(threads))
	}
	return r, nil
}
