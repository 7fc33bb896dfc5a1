package student_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/optim"
)

// sources returns the bytes of this package's Go files in sequences: a real text, always at hand.
func sources(t *testing.T, length int) []train.Sequence {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	var ids []distill.Token
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range text {
			ids = append(ids, distill.Token(c&127))
		}
	}
	weights := make([]float32, length)
	for i := range weights {
		weights[i] = 1
	}
	var out []train.Sequence
	for lo := 0; lo+length < len(ids); lo += length {
		out = append(out, train.Sequence{Tokens: ids[lo : lo+length], Targets: ids[lo+1 : lo+length+1], Weights: weights})
	}
	return out
}

// TestPrecisions trains twice on a real text, with matrix products in float32 and with their inputs rounded to bfloat16:
// the loss curves stay together.
func TestPrecisions(t *testing.T) {
	if kernel.Implementation() == "purego" {
		t.Skip("bfloat16 in plain Go takes minutes")
	}
	cfg := model.Config{Arch: model.Llama, Vocab: 128, Context: 64, Width: 64, FFN: 128, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16,
		RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}
	var curves [2][]float64
	for i, bf16 := range []bool{false, true} {
		s, err := student.New(cfg, 3, student.Threads(2), student.BF16(bf16))
		if err != nil {
			t.Fatal(err)
		}
		data, err := train.NewLoader(sources(t, 64), 16, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = train.Run(context.Background(), train.Options{Model: s, Data: data, Steps: 80, Rate: 5e-3, Clip: 1,
			Schedule:  optim.Schedule{Shape: optim.Cosine, Warmup: 5},
			Optimizer: optim.Spec{Algorithm: optim.Muon},
			Observe:   func(p train.Progress) { curves[i] = append(curves[i], p.Loss) }})
		s.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	var mean, largest float64
	for i, exact := range curves[0] {
		d := curves[1][i] - exact
		mean += d / float64(len(curves[0]))
		largest = math.Max(largest, math.Abs(d))
	}
	last := curves[0][len(curves[0])-1]
	t.Logf("float32 ends at %.4f nats; bfloat16 is %+.4f on average, at most %.4f apart", last, mean, largest)
	// Single characters alone have an entropy of 3.4 nats here; the text is this package's own source, which changes.
	if last > 3.2 || math.Abs(mean) > 0.002 || largest > 0.01 {
		t.Errorf("curves part: float32 ends at %v, bfloat16 %+v on average, at most %v apart", last, mean, largest)
	}
}
