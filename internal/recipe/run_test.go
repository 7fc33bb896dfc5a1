package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/configs"
	"github.com/seed-d24fde5f/distill/dataset/pack"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// bookRecipe needs nothing but this repository: worked problems, a tokenizer and a student of its own.
const bookRecipe = `
name: book
prompts:
  problems: {count: 150, max_steps: 2}
  heldout: 0.1
teacher: {kind: reference}
tokenizer: {from: train, size: 300}
student: {layers: 1, width: 32, ffn: 64, heads: 2, context: 256}
train: {steps: 16, batch: 2, seq: 128, checkpoint_every: 3, eval_every: 5, precision: fp32}
export: {formats: [q8_0], hf: false}
eval: {match: number, prompts: 6, max_tokens: 8, speed: false}
`

func load(t *testing.T, text string, overrides ...string) *config.Recipe {
	t.Helper()
	r, err := config.Parse("test.yaml", "", []byte(text), overrides)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// countdown is a monitor that ends a context when one stage has made so much progress.
type countdown struct {
	stage string
	left  atomic.Int64
	stop  context.CancelFunc
}

func (c *countdown) Start(title, _ string, _, _ int64) progress.Meter {
	if title != c.stage {
		return progress.Silent.Start("", "", 0, 0)
	}
	return countdownMeter{progress.Silent.Start("", "", 0, 0), c}
}

type countdownMeter struct {
	progress.Meter
	c *countdown
}

func (m countdownMeter) Add(n int64) {
	if m.c.left.Add(-n) == 0 {
		m.c.stop()
	}
}

// carryOut runs the recipe in dir; with a stage, it is interrupted after so many units of it.
func carryOut(t *testing.T, r *config.Recipe, dir, stage string, after int64) (*Run, error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	monitor := progress.Silent
	if stage != "" {
		c := &countdown{stage: stage, stop: stop}
		c.left.Store(after)
		monitor = c
	}
	run, err := Open(r, dir, Options{Threads: 1, Monitor: monitor})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	return run, run.Do(ctx)
}

// TestInterruptedRunEndsTheSame interrupts a run in generation and twice in training: what comes out has the same bytes as
// what a run that was never stopped writes.
func TestInterruptedRunEndsTheSame(t *testing.T) {
	r := load(t, bookRecipe)
	whole, cut := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "cut")
	if _, err := carryOut(t, r, whole, "", 0); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		stage string
		after int64
	}{{"generate", 40}, {"train", 4}, {"train", 7}} {
		if _, err := carryOut(t, r, cut, at.stage, at.after); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("interrupted in %s: %v", at.stage, err)
		}
	}
	run, err := carryOut(t, r, cut, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{filepath.Join(trainDir, trainedFile), filepath.Join(ExportDir, "student-q8_0.gguf")} {
		a, errA := os.ReadFile(filepath.Join(whole, file))
		b, errB := os.ReadFile(filepath.Join(cut, file))
		if errA != nil || errB != nil || !slices.Equal(a, b) {
			t.Errorf("%s differs from that of the run that was not interrupted (%v, %v)", file, errA, errB)
		}
	}
	for _, s := range run.Stages() {
		if s.State != done {
			t.Errorf("stage %s is %s", s.Name, s.State)
		}
	}
}

// TestOneProcessAtATime: the second process that wants a run directory is told so.
func TestOneProcessAtATime(t *testing.T) {
	r, dir := load(t, bookRecipe), t.TempDir()
	first, err := Open(r, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	var input *hint.Error
	if _, err := Open(r, dir, Options{}); !errors.As(err, &input) || input.Hint == "" {
		t.Errorf("a second process: %v", err)
	}
}

func TestStateRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, content := range []string{"", "{", `{"version": 9}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var input *hint.Error
		if _, err := readState(dir); !errors.As(err, &input) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// TestPackedByNumber: a batch is the same whether reached step by step or at once, in any order.
func TestPackedByNumber(t *testing.T) {
	corpus := pack.NewCorpus()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 57 {
		e := pack.Example{AnswerStart: 2}
		for range 5 + rng.IntN(40) {
			e.Tokens = append(e.Tokens, distill.Token(rng.IntN(100)))
		}
		if err := corpus.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	open := func() *packed {
		b, err := pack.New(corpus, pack.Options{Rows: 2, Length: 64, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		return newPacked(b)
	}
	const n = 60 // several epochs
	want := make([][]distill.Token, n)
	inOrder := open()
	for i := range n {
		b, err := inOrder.Batch(i)
		if err != nil {
			t.Fatal(err)
		}
		want[i] = b.Tokens
	}
	anyOrder := open()
	for _, i := range rng.Perm(n) {
		b, err := anyOrder.Batch(i)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(b.Tokens, want[i]) {
			t.Fatalf("batch %d differs", i)
		}
	}
}

func TestGates(t *testing.T) {
	share := func(v float64) *float64 { return &v }
	exact := func(role report.Role, passed int) report.Model {
		return report.Model{Role: role, Format: "Q4_0", ExactMatch: report.NewRate(passed, 100), KLToTeacher: share(0.5)}
	}
	models := []report.Model{exact(report.Teacher, 95), exact(report.Untouched, 0), exact(report.Student, 90), exact(report.Export, 87)}
	for _, c := range []struct {
		name  string
		gates config.Gates
		pass  bool
	}{
		{"not worse", config.Gates{NotWorse: true}, true},
		{"exact match", config.Gates{ExactMatch: share(0.9)}, true},
		{"exact match missed", config.Gates{ExactMatch: share(0.91)}, false},
		{"of the teacher", config.Gates{OfTeacher: share(0.94)}, true},
		{"of the teacher missed", config.Gates{OfTeacher: share(0.95)}, false},
		{"quantized", config.Gates{QuantizedWithin: share(0.031)}, true},
		{"quantized missed", config.Gates{QuantizedWithin: share(0.02)}, false},
		{"KL", config.Gates{MaxKL: share(0.5)}, true},
		{"KL missed", config.Gates{MaxKL: share(0.49)}, false},
	} {
		r := &Run{Recipe: &config.Recipe{Eval: config.Eval{Gates: c.gates}}}
		gates := r.gates(models)
		if len(gates) != 1 || gates[0].Pass != c.pass {
			t.Errorf("%s: %+v", c.name, gates)
		}
	}
}

// TestShippedRecipes: every recipe inside the program is valid, says what it is and opens with the command that runs it.
func TestShippedRecipes(t *testing.T) {
	for _, name := range configs.Names() {
		text, err := configs.Files.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		r, err := config.Parse(name, "", text, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Name != name || r.Description == "" {
			t.Errorf("%s: named %q, described %q", name, r.Name, r.Description)
		}
		if string(text[:2]) != "# " || !slices.ContainsFunc([]string{"run", "generate"}, func(verb string) bool {
			return containsLine(text, "distill "+verb+" "+name)
		}) {
			t.Errorf("%s does not open with the command that runs it", name)
		}
	}
}

func containsLine(text []byte, words string) bool {
	for i := 0; i+len(words) <= len(text); i++ {
		if string(text[i:i+len(words)]) == words {
			return true
		}
	}
	return false
}

// TestExportLoadsInLlamaCpp: the exported file chooses the same greedy tokens in llama.cpp's library and in ours.
func TestExportLoadsInLlamaCpp(t *testing.T) {
	oracle := fixture.Oracle(t)
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := carryOut(t, load(t, bookRecipe, "export.formats=[f16, q8_0, q4_0]"), dir, "", 0); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"f16", "q8_0", "q4_0"} {
		compareGreedy(t, oracle, exportPath(dir, format))
	}
}

func TestHistogramCountsAll(t *testing.T) {
	var lengths []int32
	for i := range int32(1000) {
		lengths = append(lengths, i%173)
	}
	slices.Sort(lengths)
	total := 0
	for i, b := range histogram(lengths) {
		total += b.Count
		if i > 20 || b.To <= b.From {
			t.Errorf("bin %d from %g to %g", i, b.From, b.To)
		}
	}
	if total != len(lengths) {
		t.Errorf("%d of %d counted", total, len(lengths))
	}
}

func ExampleRun_Do() {
	dir, _ := os.MkdirTemp("", "run-*")
	defer os.RemoveAll(dir)
	r, err := config.Parse("demo.yaml", "", []byte("name: demo\nprompts: {problems: {count: 20}}\nteacher: {kind: reference}\ntokenizer: {from: train}\n"), nil)
	if err != nil {
		panic(err)
	}
	run, err := Open(r, dir, Options{})
	if err != nil {
		panic(err)
	}
	defer run.Close()
	if err := run.Do(context.Background(), "generate"); err != nil {
		panic(err)
	}
	state, _ := json.Marshal(run.Stages()[0].State)
	fmt.Println(run.Stages()[0].Name, string(state), run.Stages()[0].Note)
	// Output: generate "done" 20 rows
}
