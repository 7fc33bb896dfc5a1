package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/checkpoint"
	"github.com/seed-d24fde5f/distill/train/loss"
	"github.com/seed-d24fde5f/distill/train/metric"
	"github.com/seed-d24fde5f/distill/train/optim"
)

const vocab, length = 24, 12

func newStudent(t testing.TB) *student.Student {
	t.Helper()
	s, err := student.New(model.Config{Arch: model.Llama, Vocab: vocab, Context: 32, Width: 16, FFN: 32, Layers: 1, Heads: 2, KVHeads: 1,
		HeadDim: 8, RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}, 7, student.Threads(1), student.BF16(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// counting returns sequences that count upwards from random beginnings.
func counting(n int) []train.Sequence {
	r := rand.New(rand.NewPCG(1, 1))
	var out []train.Sequence
	for range n {
		first := distill.Token(r.IntN(vocab))
		s := train.Sequence{Signal: &distill.Signal{Kind: distill.TopK}}
		for i := range distill.Token(length) {
			s.Tokens = append(s.Tokens, (first+i)%vocab)
			s.Targets = append(s.Targets, (first+i+1)%vocab)
			s.Weights = append(s.Weights, 1)
			s.Signal.Append([]distill.Token{(first + i + 1) % vocab}, []float32{-0.05})
		}
		out = append(out, s)
	}
	return out
}

func options(t testing.TB, s *student.Student, dir string) train.Options {
	t.Helper()
	data, err := train.NewLoader(counting(19), 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	held, err := train.Batches(counting(6), 4)
	if err != nil {
		t.Fatal(err)
	}
	objective, err := loss.New(loss.Spec{Divergence: loss.ForwardKL, Mix: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	return train.Options{Model: s, Data: data, Objective: objective, Steps: 40, Accumulate: 2, Rate: 5e-3,
		Schedule: optim.Schedule{Shape: optim.WSD, Warmup: 4}, Mix: &optim.Schedule{Shape: optim.Linear, Final: 0.5},
		Optimizer: optim.Spec{Algorithm: optim.Muon, WeightDecay: 0.1}, Clip: 1, EMA: 0.9,
		Heldout: held, EvalEvery: 8, KeepBest: true, Dir: dir, CheckpointEvery: 5}
}

// TestResumeIsExact stops a run at several places, among them between checkpoints as a kill would, and holds the losses
// of all steps and the final weights to those of a run that was never stopped, bit for bit.
func TestResumeIsExact(t *testing.T) {
	record := func(losses map[int]float64) func(train.Progress) {
		return func(p train.Progress) { losses[p.Step] = p.Loss }
	}
	straight, want := newStudent(t), map[int]float64{}
	o := options(t, straight, t.TempDir())
	o.Observe = record(want)
	first, err := train.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	dir, got := t.TempDir(), map[int]float64{}
	killed := errors.New("killed")
	var last train.Result
	var s *student.Student
	for _, stop := range []int{3, 17, 18, 26, 1000} {
		s = newStudent(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		o := options(t, s, dir)
		kill := stop == 17 || stop == 26
		if kill { // dies without a last checkpoint
			o.Data = failing{o.Data, 2 * stop}
		}
		o.Observe = func(p train.Progress) {
			got[p.Step] = p.Loss
			if p.Step == stop && !kill {
				cancel(killed)
			}
		}
		last, err = train.Run(ctx, o)
		cancel(nil)
		if stop < 1000 && !kill && !errors.Is(err, killed) || kill && !errors.Is(err, errSource) {
			t.Fatalf("stopped at %d: %v", stop, err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if last.Resumed != 25 || last.Tokens != first.Tokens || last.Loss != first.Loss || *last.Heldout != *first.Heldout {
		t.Errorf("resumed run: %+v\nstraight run: %+v", last, first)
	}
	for step := 1; step <= o.Steps; step++ {
		if got[step] != want[step] {
			t.Fatalf("step %d: loss %v, without a stop %v", step, got[step], want[step])
		}
	}
	for i, p := range s.Params() {
		if !slices.Equal(p.Data(), straight.Params()[i].Data()) {
			t.Errorf("%s differs", p.Name())
		}
	}
}

var errSource = errors.New("source failed")

// failing is a source that fails from a batch on.
type failing struct {
	train.Source
	from int
}

func (f failing) Batch(i int) (*train.Batch, error) {
	if i >= f.from {
		return nil, errSource
	}
	return f.Source.Batch(i)
}

// TestDamagedCheckpoint goes on from the one before, with a warning.
func TestDamagedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	o := options(t, newStudent(t), dir)
	if _, err := train.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(checkpoint.Path(dir, 40), "state.bin")
	if err := os.Truncate(file, 1000); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o = options(t, newStudent(t), dir)
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	result, err := train.Run(context.Background(), o)
	if err != nil || result.Resumed != 35 || !strings.Contains(log.String(), "damaged") {
		t.Errorf("resumed at %d: %v\n%s", result.Resumed, err, log.String())
	}
}

func TestOtherRunRefused(t *testing.T) {
	dir := t.TempDir()
	o := options(t, newStudent(t), dir)
	o.Identity, o.Steps = "one", 2
	if _, err := train.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	o.Identity = "another"
	if _, err := train.Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Error(err)
	}
	o = options(t, newStudent(t), dir)
	o.Identity, o.Optimizer.Algorithm = "one", optim.AdamW
	if _, err := train.Run(context.Background(), o); !errors.Is(err, checkpoint.ErrOther) {
		t.Error(err)
	}
}

// TestStoppedRunIsSettled checks that a run which is stopped leaves the best weights behind, and its last in the
// checkpoint.
func TestStoppedRunIsSettled(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := newStudent(t)
		ctx, cancel := context.WithCancel(context.Background())
		o := options(t, s, dir)
		o.Observe = func(p train.Progress) {
			if p.Step == 20 {
				cancel()
			}
		}
		result, err := train.Run(ctx, o)
		if !errors.Is(err, context.Canceled) || result.Best == nil || result.Best.Step != 16 {
			t.Fatalf("%+v, %v", result, err)
		}
		e, err := train.Evaluate(s, o.Heldout, o.Objective)
		if err != nil || e.Loss != result.Best.Loss {
			t.Errorf("left behind: %+v, best %+v, %v", e, *result.Best, err)
		}
	}
}

// sick is a model whose loss or gradient goes wrong at some calls.
type sick struct {
	*student.Student
	calls int
	when  func(call int) bool
	with  float32

	harmed int // call after which a weight is NaN
}

func (s *sick) Accumulate(b *train.Batch, l nn.RowLoss, scale float32) (train.Totals, error) {
	t, err := s.Student.Accumulate(b, l, scale)
	s.calls++
	if s.harmed > 0 && s.calls == s.harmed {
		s.Params()[0].Data()[0] = float32(math.NaN())
	}
	if s.when(s.calls) {
		s.Params()[0].GradData()[0] = s.with
	}
	return t, err
}

// TestGuards checks that bad gradients are left out, that many in a row bring the run back with half the rate, and that a
// run which never recovers ends with an error.
func TestGuards(t *testing.T) {
	nan := float32(math.NaN())
	const weightsHarmed, harmedAtTheEnd = "weights harmed just before a checkpoint", "weights harmed just before the end"
	for _, c := range []struct {
		name              string
		when              func(int) bool
		with              float32
		skipped, reverted int
		fails             bool
	}{
		{"one NaN", func(n int) bool { return n == 20 }, nan, 1, 0, false},
		{"one spike", func(n int) bool { return n == 61 }, 1e4, 1, 0, false},
		{"a bad stretch", func(n int) bool { return n >= 21 && n <= 28 }, nan, 4, 1, false},
		{weightsHarmed, func(int) bool { return false }, nan, 4, 1, false},
		{harmedAtTheEnd, func(int) bool { return false }, nan, 1, 1, false},
		{"for ever", func(n int) bool { return n > 20 }, nan, 24, 5, true},
	} {
		var log bytes.Buffer
		m := &sick{Student: newStudent(t), when: c.when, with: c.with}
		o := options(t, m.Student, t.TempDir())
		o.Model = m
		switch c.name {
		case weightsHarmed:
			m.harmed = 2 * o.CheckpointEvery
		case harmedAtTheEnd:
			m.harmed, o.Heldout = o.Accumulate*(o.Steps-1), nil
		}
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.Metrics = t.TempDir()
		var share float64 // of the schedule's rate
		o.Observe = func(p train.Progress) {
			if p.Skipped == "" {
				share = p.Rate / (o.Rate * o.Schedule.At(p.Step-1, o.Steps))
			}
		}
		result, err := train.Run(context.Background(), o)
		if (err != nil) != c.fails || result.Skipped != c.skipped || result.Reverted != c.reverted {
			t.Errorf("%s: %+v, %v", c.name, result, err)
		}
		if !c.fails && math.Abs(share*float64(int(1)<<c.reverted)-1) > 1e-12 {
			t.Errorf("%s: %v of the rate at the end", c.name, share)
		}
		if !strings.Contains(log.String(), "step skipped") || strings.Contains(log.String(), "half the rate") != (c.reverted > 0) {
			t.Errorf("%s: said\n%s", c.name, log.String())
		}
		for _, p := range m.Params() {
			if slices.ContainsFunc(p.Data(), func(v float32) bool { return v != v }) {
				t.Errorf("%s: %s has NaN", c.name, p.Name())
			}
		}
		lines, err := metric.Read(filepath.Join(o.Metrics, metric.FileName))
		for i, line := range lines {
			if int(line["step"]) != i+1 {
				t.Fatalf("%s: line %d of the metrics is of step %v", c.name, i+1, line["step"])
			}
		}
		if err != nil || (!c.fails && len(lines) != 40) {
			t.Errorf("%s: %d lines of metrics, %v", c.name, len(lines), err)
		}
	}
}

// TestLossOfAccumulation checks that the same positions give the same loss and weights however batches spread them.
func TestAccumulationInvariance(t *testing.T) {
	results := map[int]train.Result{}
	for _, rows := range []int{2, 8} {
		o := options(t, newStudent(t), "")
		var err error
		if o.Data, err = train.NewLoader(counting(19), rows, 3); err != nil {
			t.Fatal(err)
		}
		o.Accumulate = 8 / rows
		if results[rows], err = train.Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
	}
	if d := math.Abs(results[2].Loss - results[8].Loss); d > 1e-3*results[8].Loss {
		t.Errorf("losses %v and %v", results[2].Loss, results[8].Loss)
	}
}

func TestMaskedDataRefused(t *testing.T) {
	sequences := counting(3)
	for i := range sequences {
		clear(sequences[i].Weights)
	}
	if _, err := train.NewLoader(sequences, 2, 1); !errors.Is(err, train.ErrAllMasked) {
		t.Error(err)
	}
	b, err := train.NewBatch(sequences)
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, newStudent(t), "")
	o.Data = one{b}
	if _, err := train.Run(context.Background(), o); !errors.Is(err, train.ErrAllMasked) {
		t.Error(err)
	}
}

// one is a source of a single batch, again and again.
type one struct{ b *train.Batch }

func (o one) Batch(int) (*train.Batch, error) { return o.b, nil }

// TestLoaderCoversEpochs checks that each epoch has every sequence once, in an order of its own, whatever is asked first.
func TestLoaderCoversEpochs(t *testing.T) {
	sequences := counting(10)
	for i := range sequences {
		sequences[i].Tokens = slices.Repeat([]distill.Token{distill.Token(i)}, length)
	}
	loader, err := train.NewLoader(sequences, 4, 9)
	if err != nil {
		t.Fatal(err)
	}
	var seen []distill.Token
	for i := range 5 {
		b, err := loader.Batch(i)
		if err != nil {
			t.Fatal(err)
		}
		for r := range b.Rows {
			seen = append(seen, b.Tokens[r*length])
		}
	}
	for _, epoch := range [][]distill.Token{seen[:10], seen[10:]} {
		sorted := slices.Sorted(slices.Values(epoch))
		if len(slices.Compact(sorted)) != 10 {
			t.Errorf("epoch %v", epoch)
		}
	}
	if slices.Equal(seen[:10], seen[10:]) {
		t.Error("two epochs in one order")
	}
	again, _ := train.NewLoader(sequences, 4, 9)
	if b, _ := again.Batch(3); b.Tokens[0] != seen[12] {
		t.Error("a batch depends on what was asked before")
	}
}

func ExampleRun() {
	s, err := student.New(model.Config{Arch: model.Llama, Vocab: vocab, Context: 32, Width: 16, FFN: 32, Layers: 1, Heads: 2, KVHeads: 2,
		HeadDim: 8, RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	data, err := train.NewLoader(counting(50), 8, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := train.Run(context.Background(), train.Options{Model: s, Data: data, Steps: 100, Rate: 1e-2, Clip: 1,
		Schedule: optim.Schedule{Shape: optim.Cosine, Warmup: 5}})
	fmt.Println(result.Steps, "steps, learnt to count:", result.Loss < 0.1, err)
	// Output: 100 steps, learnt to count: true <nil>
}
