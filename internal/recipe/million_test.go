package recipe

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

var millionRows = flag.Int("million.rows", 2000, "rows of the test of a large run")

// TestMillionSignalledRows selects, encodes and packs so many rows, each of 60 tokens with a sampled signal, as the training
// stage does. With -million.rows 1000000 it takes minutes, and 300 MB at most.
func TestMillionSignalledRows(t *testing.T) {
	n := *millionRows
	r := load(t, fmt.Sprintf(`
name: million
prompts:
  problems: {count: %d}
  heldout: 0.01
teacher: {kind: builtin, model: reasoner, signal: {kind: sampled}}
select: {policy: shortest, dedup: exact}
tokenizer: {from: teacher}
student: {layers: 1, width: 32, ffn: 64, heads: 2, context: 256}
train: {steps: 2, batch: 4, seq: 256, loss: {kind: forward_kl}}
`, n))
	run, err := Open(r, t.TempDir(), Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	prompts, err := run.preparePrompts()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	lap := func(what string) {
		t.Logf("%s: %v, peak resident memory %d MB", what, time.Since(began).Round(time.Millisecond), fixture.PeakMB(t))
		began = time.Now()
	}
	written, err := dataset.Write(run.path(DataDir), dataset.Options{Origin: dataset.Origin{Teacher: "reasoner", Signal: distill.Sampled}}, signalled(run.wanted()))
	if err != nil || written.Rows != run.rowsWanted(prompts) {
		t.Fatal(written, err)
	}
	lap("written")
	rows, chosen, err := run.selectRows()
	if err != nil || chosen.kept < n*9/10 {
		t.Fatal(chosen, err)
	}
	lap("selected")
	if err := os.MkdirAll(run.path(trainDir), 0o755); err != nil {
		t.Fatal(err)
	}
	lang, err := run.studentLanguage(rows)
	if err != nil {
		t.Fatal(err)
	}
	examples, err := run.encode(lang, rows, true)
	if err != nil {
		t.Fatal(err)
	}
	defer examples.close()
	lap(fmt.Sprintf("encoded %d tokens", examples.train.Tokens()))
	learner, err := run.newStudent(lang, lesson{from: "scratch", loss: r.Train.Loss})
	if err != nil {
		t.Fatal(err)
	}
	defer learner.Close()
	opts, meter, err := run.trainOptions(learner, lang, examples, lesson{dir: ".", from: "scratch", loss: r.Train.Loss, share: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer meter.stop()
	for i := range 1000 {
		if _, err := opts.Data.Batch(i); err != nil {
			t.Fatal(err)
		}
	}
	lap("1000 batches")
	if mb := fixture.PeakMB(t); n >= 1e6 && mb > 300 { // less says nothing: the other tests of this process count too
		t.Errorf("peak resident memory %d MB", mb)
	}
}

// signalled yields an answer of 60 tokens to each question, with 12 draws a token.
func signalled(questions questions) rowSeq {
	return func(yield func(distill.Row, error) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		for q, err := range questions {
			row := distill.Row{ID: q.id, Prompt: q.prompt, Sample: q.sample, CreatedAt: time.Unix(1e9, 0)}
			row.FinishReason, row.Response = distill.FinishStop, fmt.Sprintf("%d and %d", random.Uint64(), random.Uint64())
			row.CompletionTokens, row.Signal = 60, &distill.Signal{Kind: distill.Sampled}
			for range 60 {
				counts := map[int32]int{}
				for range 12 {
					counts[int32(random.ExpFloat64()*5)]++
				}
				var ids []int32
				var logprobs []float32
				for id, c := range counts {
					ids, logprobs = append(ids, id), append(logprobs, float32(math.Log(float64(c)/12)))
				}
				row.TokenIDs, row.TokenLogprobs = append(row.TokenIDs, ids[0]), append(row.TokenLogprobs, logprobs[0])
				row.Signal.Append(ids, logprobs)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
