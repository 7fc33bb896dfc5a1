package recipe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/internal/server"
	"github.com/seed-d24fde5f/distill/teacher/local"
	"github.com/seed-d24fde5f/distill/train/metric"
)

// ownRecipe lets a student half the teacher's width learn from answers of its own as well as from stored ones.
const ownRecipe = `
name: own
prompts:
  problems: {count: 60, max_steps: 1}
  heldout: 0.1
teacher: {kind: local, sampling: {temperature: 1, max_tokens: 30}}
select: {unfinished: keep}
student: {layers: 1, width: 16, ffn: 32, heads: 2, context: 256}
train:
  steps: 18
  batch: 2
  seq: 128
  accumulate: 2
  checkpoint_every: 4
  precision: fp32
  on_policy: {share: 0.5, start: 0.2, ramp: 0.2, every: 3}
export: {formats: [q8_0], hf: false}
eval: {prompts: 4, speed: false}
`

// bookTeacher trains the least of teachers and returns its file.
func bookTeacher(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "teacher")
	run, err := Open(load(t, bookRecipe, "train.control=none"), dir, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if err := run.Do(t.Context(), "generate", "train"); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, trainDir, trainedFile)
}

// trainOwn carries out generation and training with so many threads. A run that is killed after some steps loses its
// newest checkpoint, as if it had died before it was written.
func trainOwn(t *testing.T, r *config.Recipe, dir string, threads int, killed ...int64) []byte {
	t.Helper()
	for _, after := range append(killed, 0) {
		ctx, stop := context.WithCancel(t.Context())
		monitor := progress.Silent
		if after > 0 {
			c := &countdown{stage: "train", stop: stop}
			c.left.Store(after)
			monitor = c
		}
		run, err := Open(r, dir, Options{Threads: threads, Monitor: monitor})
		if err != nil {
			t.Fatal(err)
		}
		err = run.Do(ctx, "generate", "train")
		run.Close()
		stop()
		if after == 0 && err != nil || after > 0 && !errors.Is(err, ErrInterrupted) {
			t.Fatalf("interrupted after %d: %v", after, err)
		}
		if after > 0 {
			checkpoints, err := filepath.Glob(filepath.Join(dir, trainDir, checkpointsDir, "step-*"))
			if err != nil || len(checkpoints) < 2 {
				t.Fatalf("checkpoints %v: %v", checkpoints, err)
			}
			if err := os.RemoveAll(slices.Max(checkpoints)); err != nil {
				t.Fatal(err)
			}
		}
	}
	weights, err := os.ReadFile(filepath.Join(dir, trainDir, trainedFile))
	if err != nil {
		t.Fatal(err)
	}
	return weights
}

// TestOnPolicyEndsTheSame: a student that learns from its own answers has the same weights, bit for bit, on two threads
// as on one, and where it was killed twice; with the teacher's whole distribution and with its likeliest tokens.
func TestOnPolicyEndsTheSame(t *testing.T) {
	teacher := bookTeacher(t)
	for _, k := range []int{0, 5} {
		t.Run(fmt.Sprint("k=", k), func(t *testing.T) {
			r := load(t, ownRecipe, "teacher.model="+teacher, fmt.Sprint("train.on_policy.k=", k))
			dir := t.TempDir()
			straight := filepath.Join(dir, "straight")
			want := trainOwn(t, r, straight, 1)
			if got := trainOwn(t, r, filepath.Join(dir, "killed"), 2, 9, 5); !slices.Equal(got, want) {
				t.Error("two threads and two kills made other weights")
			}
			lines, err := metric.Read(filepath.Join(straight, trainDir, metricsFile))
			if err != nil {
				t.Fatal(err)
			}
			own := 0.0
			for _, line := range lines {
				own += line["own_share"]
				if line["own_share"] > 0 && !(line["own_answer_tokens"] > 0 && line["own_divergence"] > 0) {
					t.Errorf("step %v: %v", line["step"], line)
				}
			}
			if own < 2 || own > 14 {
				t.Errorf("%v of 18 steps were on the student's own answers", own)
			}
		})
	}
}

// TestOnPolicyByServer: a server that scores prompts judges as the weights here do, so that students end alike.
func TestOnPolicyByServer(t *testing.T) {
	weights := bookTeacher(t)
	near, err := local.Open(weights, local.Options{Name: "book", Slots: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	s, err := server.New(server.Options{Models: []server.Model{{Name: "book", Engine: near.Engine(), Tokenizer: near.Tokenizer(),
		Prompt: near.Format().Prompt, EndTokens: near.Format().Stops(), Context: near.Engine().Model().Context()}}})
	if err != nil {
		t.Fatal(err)
	}
	there := httptest.NewServer(s.Handler())
	defer there.Close()
	by := fmt.Sprintf("score={model: %s, signal: {kind: topk, k: 5}, by: {kind: remote, dialect: distill, model: book, endpoint: %s/v1}}", weights, there.URL)
	rounds := func(overrides ...string) []written {
		dir := t.TempDir()
		r := load(t, ownRecipe, append([]string{"teacher.model=" + weights, "train.on_policy.k=5", "train.on_policy.start=0", "train.on_policy.ramp=0", "train.steps=3", "tokenizer.from=teacher"}, overrides...)...)
		run, err := Open(r, dir, Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer run.Close()
		if err := run.Do(t.Context(), "generate", "score", "train"); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, trainDir, ownDir, "*"))
		if len(files) == 0 {
			t.Fatal("the student wrote nothing")
		}
		all, err := readRound(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	here, served := rounds(), rounds(by)
	for i := range min(len(here), len(served)) {
		a, b := &here[i], &served[i]
		if !slices.Equal(a.Tokens, b.Tokens) || a.Signal.Len() != b.Signal.Len() || a.Signal.Len() != len(a.Tokens) {
			t.Fatalf("answer %d: %v judged at %d tokens here, %v at %d there", i, a.Tokens, a.Signal.Len(), b.Tokens, b.Signal.Len())
		}
		for k, id := range a.Signal.IDs {
			if id != b.Signal.IDs[k] || math.Abs(float64(a.Signal.Logprobs[k]-b.Signal.Logprobs[k])) > 1e-4 {
				t.Fatalf("answer %d: entry %d is %d (%v) here, %d (%v) there", i, k, id, a.Signal.Logprobs[k], b.Signal.IDs[k], b.Signal.Logprobs[k])
			}
		}
	}
}

// TestOnPolicyShare: before its start a run has no batch of the student's own, and at the end as many as were asked for.
func TestOnPolicyShare(t *testing.T) {
	m := &mixture{spec: config.OnPolicy{Share: 0.4, Start: 0.25, Ramp: 0.25}, steps: 10000, accumulate: 2, seed: 3}
	counts := make([]float64, 4)
	for i := range 2 * m.steps {
		if m.own(i) {
			counts[i*4/(2*m.steps)] += 4 / float64(2*m.steps)
		}
	}
	for quarter, want := range []float64{0, 0.2, 0.4, 0.4} {
		if math.Abs(counts[quarter]-want) > 0.02 { // four deviations of 5,000 draws
			t.Errorf("quarter %d: %.3f of the batches, want %.2f", quarter, counts[quarter], want)
		}
	}
	if now := (&mixture{spec: config.OnPolicy{Share: 0.4}, steps: 10}).share(0); now != 0.4 {
		t.Errorf("without a start the first step has %v", now)
	}
}
