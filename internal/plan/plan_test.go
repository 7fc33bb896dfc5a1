package plan

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
)

func load(t *testing.T, text string, overrides ...string) *config.Recipe {
	t.Helper()
	r, err := config.Parse("test.yaml", "", []byte(text), overrides)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const remoteRecipe = `
name: priced
prompts: {problems: {count: 100}}
teacher: {kind: remote, endpoint: http://127.0.0.1:1/v1, model: sage, concurrency: 4, price: {input: 1, output: 10}, sampling: {max_tokens: 500}}
tokenizer: {from: train, size: 300}
student: {layers: 1, width: 32, ffn: 64, heads: 2, context: 256}
train: {batch: 2, seq: 128, memory: 1000}
`

func planned(t *testing.T, r *config.Recipe, known Known) *Plan {
	t.Helper()
	p, err := New(t.Context(), r, known, Options{Dir: t.TempDir(), NoBench: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answered are 100 wanted rows of 200-byte questions, some of which are there: 50 tokens of prompt, 80 to 120 of answer, and
// a tenth of a second for ten tokens.
func answered(rows int) Answers {
	a := Answers{Wanted: 100, QuestionBytes: 100 * 200, Rows: rows}
	random := rand.New(rand.NewPCG(1, 2))
	for range rows {
		n := float64(80 + random.IntN(41))
		a.Prompt.Add(50)
		a.Answer.Add(n)
		a.Seconds.Add(n / 100)
	}
	return a
}

// TestMeasuredAnswersNarrowTheEstimate: an estimate lies within its bounds, the more that is known the nearer they are, and
// what has been answered is not asked again.
func TestMeasuredAnswersNarrowTheEstimate(t *testing.T) {
	r := load(t, remoteRecipe)
	width := -1.0
	for _, rows := range []int{90, 40, 5, 0} {
		g := planned(t, r, Known{Prompts: 100, Heldout: 10, Answers: answered(rows)}).Generate
		if g.Calls != 100-rows || g.Measured != rows || (g.Seconds == nil) != (rows == 0) {
			t.Errorf("%d answers: %+v", rows, g)
		}
		a := g.AnswerTokens
		if !(0 < a.Low && a.Low <= a.Likely && a.Likely <= a.High) || a.High-a.Low <= width {
			t.Errorf("%d answers: %+v, not wider than %g", rows, a, width)
		}
		width = a.High - a.Low
		if usd := *g.USD; !(usd.Low <= usd.Likely && usd.Likely <= usd.High && usd.High <= g.MostUSD*1.0001) {
			t.Errorf("%d answers: %+v, at most %g", rows, usd, g.MostUSD)
		}
		if rows > 0 {
			seconds := float64(g.Calls) * a.Likely / 100 / 4 // four at a time
			if s := g.Seconds.Likely; s < seconds*0.99 || s > seconds*1.01 {
				t.Errorf("%d answers: %g s, want %g", rows, s, seconds)
			}
		}
	}
}

// TestSumsOfStages: the whole is what the stages are: their times together, their greatest memory.
func TestSumsOfStages(t *testing.T) {
	p := planned(t, load(t, remoteRecipe), Known{Prompts: 100, Heldout: 10, Answers: answered(40)})
	var seconds float64
	var most int64
	var unknown []string
	for _, s := range p.Stages {
		most = max(most, s.MemoryBytes)
		if s.Seconds == nil {
			unknown = append(unknown, s.Name)
		} else {
			seconds += s.Seconds.Likely
		}
	}
	if p.PeakBytes != most || p.Seconds.Likely != seconds || strings.Join(p.Unknown, " ") != strings.Join(unknown, " ") {
		t.Errorf("peak %d, %g s, unknown %v; the stages have %d, %g s, %v", p.PeakBytes, p.Seconds.Likely, p.Unknown, most, seconds, unknown)
	}
	if len(p.Stages) != 5 || len(unknown) != 2 { // training and evaluation were not timed
		t.Errorf("stages %+v", p.Stages)
	}
}

// TestWaysOutFit: a training that does not fit is refused, and what is offered instead is not.
func TestWaysOutFit(t *testing.T) {
	refused := func(overrides ...string) error {
		return CheckMemory(load(t, remoteRecipe, append([]string{"train.batch=64", "student.context=2048", "train.seq=2048", "train.memory=100"}, overrides...)...))
	}
	var input *hint.Error
	if err := refused(); !errors.As(err, &input) {
		t.Fatalf("64×2048 tokens in 100 MB: %v", err)
	}
	const offered = "what would fit: "
	if !strings.HasPrefix(input.Hint, offered) {
		t.Fatalf("the way out: %s", input.Hint)
	}
	for way := range strings.SplitSeq(strings.TrimPrefix(input.Hint, offered), "; ") {
		way, _, _ = strings.Cut(way, ", the same gradient")
		way, _, _ = strings.Cut(way, " (")
		overrides := append(strings.Split(way, " and "), "train.recompute=true")
		if err := refused(overrides...); err != nil {
			t.Errorf("%v was offered, and refused: %v", overrides, err)
		}
	}
}

// TestModelsOf: which models a recipe comes down to.
func TestModelsOf(t *testing.T) {
	const problems = "name: m\nprompts: {problems: {count: 10}}\n"
	for name, c := range map[string]struct {
		recipe string
		want   Models
	}{
		"its teacher's tokens": {"teacher: {kind: builtin, model: reasoner}\ntokenizer: {from: teacher}\n",
			Models{"builtin:reasoner", "builtin:reasoner", Scratch, "builtin:reasoner"}},
		"its own tokens":     {"teacher: {kind: reference}\n", Models{"", "", Scratch, ""}},
		"cut out of another": {"teacher: {kind: local, model: t.gguf}\nstudent: {from: s.gguf}\n", Models{"t.gguf", "t.gguf", "s.gguf", "s.gguf"}},
		"cut out of its teacher": {"teacher: {kind: builtin, model: reasoner}\nstudent: {from: teacher}\n",
			Models{"builtin:reasoner", "builtin:reasoner", "builtin:reasoner", "builtin:reasoner"}},
		"scored here": {"teacher: {kind: reference}\nscore: {model: open.gguf}\ntokenizer: {from: teacher}\n", Models{"open.gguf", "open.gguf", Scratch, "open.gguf"}},
		"scored elsewhere": {"teacher: {kind: reference}\nscore: {model: open.gguf, by: {kind: remote, endpoint: http://127.0.0.1:1/v1, model: open}}\ntokenizer: {from: teacher}\n",
			Models{"", "open.gguf", Scratch, "open.gguf"}},
	} {
		if got := ModelsOf(load(t, problems+c.recipe)); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestAgeOfPrices(t *testing.T) {
	now := time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)
	for month, want := range map[string]string{"2026-03": "of this month", "2026-04": "of this month", "2026-02": "a month old", "2025-01": "14 months old", "soon": "of unknown age"} {
		if got := ageText(month, now); got != want {
			t.Errorf("%s: %q, want %q", month, got, want)
		}
	}
}
