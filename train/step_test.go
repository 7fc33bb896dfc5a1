package train_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/loss"
)

// TestJudged: batches with an objective of their own are judged by it and counted, the others by the run's.
func TestJudged(t *testing.T) {
	reverse, err := loss.New(loss.Spec{Divergence: loss.ReverseKL, Mix: 1})
	if err != nil {
		t.Fatal(err)
	}
	weights := func(everyOther bool) []float32 {
		s := newStudent(t)
		o := options(t, s, "")
		o.Heldout, o.Accumulate, o.Steps = nil, 2, 6
		o.Data = judged{o.Data, reverse, everyOther}
		o.Observe = func(p train.Progress) {
			if want := map[bool]float64{true: 0.5}[everyOther]; p.Apart != want || (p.ApartDivergence > 0) != everyOther {
				t.Errorf("step %d: share %v, divergence %v", p.Step, p.Apart, p.ApartDivergence)
			}
		}
		if _, err := train.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return s.Params()[0].Data()
	}
	same := true
	for i, v := range weights(true) {
		same = same && v == weights(false)[i]
	}
	if same {
		t.Error("the batches' own objective changed nothing")
	}
}

// judged gives every other batch an objective of its own.
type judged struct {
	train.Source
	own   *loss.Objective
	given bool
}

func (j judged) Objective(i int) *loss.Objective {
	if j.given && i%2 == 1 {
		return j.own
	}
	return nil
}

// BenchmarkStep measures forward and backward pass of one batch with each kind of teacher, and a teacher's forward pass by
// itself: what a signal costs beside cross-entropy ("of-ce"), and a dense teacher beside its own pass ("of-teacher"). Kinds
// take turns, so that what else the machine does falls on all of them; each figure is from medians.
func BenchmarkStep(b *testing.B) {
	const rows, length, vocabulary = 4, 256, 4096
	open := func(width, layers int) *student.Student {
		s, err := student.New(model.Config{Arch: model.Llama, Vocab: vocabulary, Context: length, Width: width, FFN: 3 * width, Layers: layers,
			Heads: width / 64, KVHeads: width / 64, HeadDim: 64, RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}, 7)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(s.Close)
		return s
	}
	learner, teacher := open(256, 4), student.NewTeacher(open(384, 6))
	batch := randomBatch(rows, length, vocabulary)
	sparse := *batch
	sparse.Signal = randomSignal(rows*length, vocabulary, 32)
	dense := *batch
	dense.Teacher = teacher
	step := func(batch *train.Batch, s loss.Spec) func() {
		objective, err := loss.New(s)
		if err != nil {
			b.Fatal(err)
		}
		return func() {
			if _, err := learner.Accumulate(batch, objective, 1e-3); err != nil {
				b.Fatal(err)
			}
		}
	}
	names := []string{"ce", "sparse", "teacher"}
	logits := make([]float32, nn.ChunkRows(vocabulary, rows*length)*vocabulary)
	work := []func(){step(batch, loss.Spec{}), step(&sparse, loss.Spec{Divergence: loss.ForwardKL, Mix: 1}), func() { askAll(b, teacher, batch, logits) }}
	for _, d := range loss.Divergences()[:6] {
		names = append(names, string(d))
		work = append(work, step(&dense, loss.Spec{Divergence: d, Mix: 1, Beta: 0.5, Alpha: 0.1}))
	}
	times := make([][]float64, len(work))
	for round := range b.N {
		for i := range work { // another first in each round: what was done before leaves its traces in the caches
			i = (i + round) % len(work)
			start := time.Now()
			work[i]()
			times[i] = append(times[i], 1e3*time.Since(start).Seconds())
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	median := func(i int) float64 { return times[i][b.N/2] }
	for i, name := range names {
		b.ReportMetric(median(i), "ms/"+name)
		if i > 2 {
			b.ReportMetric((median(i)-median(0))/median(2), name+"-of-teacher")
		}
	}
	b.ReportMetric(median(1)/median(0), "sparse-of-ce")
}

// askAll makes a teacher's logits at all positions, in the chunks that training makes them in, which logits has room for.
func askAll(b *testing.B, t *student.Teacher, batch *train.Batch, logits []float32) {
	if err := t.Begin(batch); err != nil {
		b.Fatal(err)
	}
	n := batch.Rows * batch.Length
	chunk := len(logits) / t.Vocab()
	var rows []int32
	for i := range n {
		if rows = append(rows, int32(i)); len(rows) == chunk || i == n-1 {
			t.Logits(kernel.NewMatrix(logits, len(rows), t.Vocab()), rows)
			rows = rows[:0]
		}
	}
}

func randomBatch(rows, length, vocabulary int) *train.Batch {
	r := rand.New(rand.NewPCG(1, 1))
	b := &train.Batch{Rows: rows, Length: length}
	for range rows * length {
		b.Tokens = append(b.Tokens, distill.Token(r.IntN(vocabulary)))
		b.Targets = append(b.Targets, distill.Token(r.IntN(vocabulary)))
		b.Weights = append(b.Weights, 1)
	}
	return b
}

func randomSignal(positions, vocabulary, k int) *distill.Signal {
	r := rand.New(rand.NewPCG(2, 2))
	s := &distill.Signal{Kind: distill.TopK}
	for range positions {
		var ids []distill.Token
		var logprobs []float32
		for i := range k {
			ids = append(ids, distill.Token((r.IntN(vocabulary/k))*k+i))
			logprobs = append(logprobs, -1-float32(i)/2)
		}
		s.Append(ids, logprobs)
	}
	return s
}
