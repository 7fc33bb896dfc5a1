package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
)

func generate(t *testing.T, n int, opt Options) []Problem {
	t.Helper()
	problems, err := Generate(n, opt)
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

var number = regexp.MustCompile(`\d+`)

// told returns the numbers that the question states, in digits or in words, with how often each is stated.
func told(question string) map[int]int {
	counts := make(map[int]int)
	for _, digits := range number.FindAllString(question, -1) {
		n, _ := strconv.Atoi(digits)
		counts[n]++
	}
	for n, word := range map[int]string{2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"} {
		counts[n] += strings.Count(question, word)
	}
	counts[2] += strings.Count(question, "twice")
	return counts
}

// TestChainSolvesTheQuestion checks that the chain uses every number of the question and, beside them, only results
// of its own, each of which is used before the end.
func TestChainSolvesTheQuestion(t *testing.T) {
	for _, p := range generate(t, 20_000, Options{Seed: 3}) {
		given := told(p.Question)
		known, used := make(map[int]int), make(map[int]int)
		for n, count := range given {
			known[n] += count
		}
		for _, e := range p.Chain {
			for _, operand := range []int{e.A, e.B} {
				if known[operand] == 0 {
					t.Fatalf("%s\n%s: operand %d comes from nowhere", p.Question, p.Key, operand)
				}
				used[operand]++
			}
			known[e.Result]++
		}
		for n, count := range known {
			if last := p.Chain[len(p.Chain)-1].Result; n == last {
				count--
			}
			if used[n] < count {
				t.Fatalf("%s\n%s: %d is given %d times and used %d times", p.Question, p.Key, n, count, used[n])
			}
		}
		if want := strconv.Itoa(p.Chain[len(p.Chain)-1].Result); p.Answer != want {
			t.Fatalf("%s: answer %s, chain ends with %s", p.Question, p.Answer, want)
		}
	}
}

func TestReasoningWorksTheChain(t *testing.T) {
	for _, p := range generate(t, 20_000, Options{Seed: 4}) {
		lines := strings.Split(p.Reasoning, "\n")
		if len(lines) != p.Steps || len(p.Chain) != p.Steps {
			t.Fatalf("%d lines and %d equations for %d steps: %q", len(lines), len(p.Chain), p.Steps, p.Reasoning)
		}
		for i, line := range lines {
			checkWork(t, line, p.Chain[i])
		}
	}
}

func TestEnglish(t *testing.T) {
	sentence := regexp.MustCompile(`^[A-Z][A-Za-z0-9 ,]*[a-z0-9][.?]$`)
	oneOfMany := regexp.MustCompile(`\b1 \w+s\b`)
	for _, p := range generate(t, 20_000, Options{Seed: 5}) {
		sentences := regexp.MustCompile(`[^.?]+[.?]`).FindAllString(p.Question, -1)
		for i, s := range sentences {
			if !sentence.MatchString(strings.TrimPrefix(s, " ")) {
				t.Fatalf("not a sentence: %q in %q", s, p.Question)
			}
			if asks := strings.HasSuffix(s, "?"); asks != (i == len(sentences)-1) {
				t.Fatalf("want one question, at the end: %q", p.Question)
			}
		}
		if strings.Contains(p.Question, "  ") || oneOfMany.MatchString(p.Question) {
			t.Fatalf("bad English: %q", p.Question)
		}
	}
}

func TestEveryTemplateIsTold(t *testing.T) {
	const n = 20_000
	count := make(map[string]int)
	var ops [256]int
	steps := make([]int, longestChain+1)
	for _, p := range generate(t, n, Options{Seed: 6}) {
		for _, name := range p.Templates {
			count[name]++
		}
		for _, e := range p.Chain {
			ops[e.Op]++
		}
		steps[p.Steps]++
	}
	for _, sc := range []scene{thingScene, moneyScene, bookScene, tripScene} {
		for _, parts := range [][]template{sc.openings, sc.events, sc.endings} {
			for _, part := range parts {
				if count[part.name] < n/200 {
					t.Errorf("template %q: told %d times in %d problems", part.name, count[part.name], n)
				}
				for _, wording := range part.say {
					if strings.Count(wording, "{") != strings.Count(wording, "}") {
						t.Errorf("template %q: unbalanced braces in %q", part.name, wording)
					}
				}
			}
		}
	}
	if len(count) < 20 {
		t.Errorf("%d templates, want at least 20", len(count))
	}
	for k := 1; k <= longestChain; k++ { // the standard deviation of each count is 61
		if steps[k] < n/4-400 || steps[k] > n/4+400 {
			t.Errorf("%d problems of %d steps, want about %d", steps[k], k, n/4)
		}
	}
	all := ops[Plus] + ops[Minus] + ops[Times] + ops[Over]
	for _, op := range []Op{Plus, Minus, Times, Over} {
		if ops[op]*15 < all {
			t.Errorf("operation %c: %d of %d equations", op, ops[op], all)
		}
	}
}

// TestManyMoreProblemsThanAnyTrainingSet estimates the number of distinct problems from the number of pairs that
// coincide among n candidates: about n²/2 pairs, each equal with probability at least 1/distinct.
func TestManyMoreProblemsThanAnyTrainingSet(t *testing.T) {
	const n = 20_000
	for steps, least := range []float64{1: 1e5, 2: 2e6, 3: 2e7, 4: 2e7} {
		if steps == 0 {
			continue
		}
		seen := make(map[string]int)
		pairs := 0
		for i := range n {
			p := tell(rand.New(rand.NewPCG(7, uint64(i))), steps)
			pairs += seen[p.Question]
			seen[p.Question]++
		}
		t.Logf("%d steps: %d equal pairs among %d", steps, pairs, n)
		if estimate := n * float64(n) / 2 / float64(max(pairs, 1)); estimate < least {
			t.Errorf("%d steps: %d equal pairs among %d, about %.2g distinct problems, want %.2g", steps, pairs, n, estimate, least)
		}
	}
}

func TestNoHeldoutChainInTraining(t *testing.T) {
	training := make(map[string]bool)
	for _, p := range generate(t, 30_000, Options{Seed: 1, Split: distill.Train}) {
		if p.Split != distill.Train {
			t.Fatalf("problem of split %q in training", p.Split)
		}
		training[p.Key] = true
	}
	for _, p := range generate(t, 2_000, Options{Seed: 2, Split: distill.Heldout}) {
		if training[p.Key] {
			t.Fatalf("held-out chain %s in training", p.Key)
		}
	}
	held := 0
	for _, p := range generate(t, 20_000, Options{Seed: 3}) {
		if p.Split == distill.Heldout {
			held++
		}
	}
	if held < 850 || held > 1150 { // 1000 expected, standard deviation 31 and a little more, since short chains repeat
		t.Errorf("%d of 20000 held out, want about 1000", held)
	}
}

func TestSmallerShareHoldsOutASubset(t *testing.T) {
	for _, p := range generate(t, 5_000, Options{Seed: 8, HeldoutShare: 0.02}) {
		if p.Split == distill.Heldout && SplitOf(p.Key, 0.05) != distill.Heldout {
			t.Fatalf("%s is held out at 2 %% and trained on at 5 %%", p.Key)
		}
	}
}

func TestSameSeedSameProblems(t *testing.T) {
	long, short := generate(t, 300, Options{Seed: 9}), generate(t, 100, Options{Seed: 9})
	for i := range short {
		if short[i].Question != long[i].Question || short[i].ID != long[i].ID || short[i].Reasoning != long[i].Reasoning {
			t.Fatalf("problem %d differs: %q and %q", i, short[i].Question, long[i].Question)
		}
	}
	ids := make(map[string]bool)
	for _, p := range long {
		if ids[p.ID] {
			t.Fatalf("id %s twice", p.ID)
		}
		ids[p.ID] = true
	}
	if other := generate(t, 1, Options{Seed: 10})[0]; other.Question == long[0].Question {
		t.Error("two seeds begin with the same problem")
	}
}

func TestStepsAreAsAsked(t *testing.T) {
	for _, p := range generate(t, 500, Options{Seed: 1, MinSteps: 2, MaxSteps: 3}) {
		if p.Steps < 2 || p.Steps > 3 {
			t.Fatalf("%d steps, want 2 or 3", p.Steps)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, opt := range []Options{
		{MinSteps: 3, MaxSteps: 2}, {MaxSteps: 5}, {MinSteps: -1}, {HeldoutShare: 1}, {HeldoutShare: -0.1}, {Split: "test"},
	} {
		if _, err := New(opt); err == nil {
			t.Errorf("New(%+v) gave no error", opt)
		}
	}
}

func TestGenerateSaysWhenThereAreNoMore(t *testing.T) {
	// A share so small that hardly any chain is held out.
	if _, err := Generate(100, Options{Split: distill.Heldout, HeldoutShare: 1e-6, MaxSteps: 1}); !errors.Is(err, ErrExhausted) {
		t.Fatalf("error %v, want ErrExhausted", err)
	}
}

func TestPromptCarriesTheSolution(t *testing.T) {
	p := generate(t, 1, Options{Seed: 11})[0]
	prompt := p.Prompt()
	var meta Meta
	if err := json.Unmarshal(prompt.Meta, &meta); err != nil {
		t.Fatal(err)
	}
	if meta.Reasoning != p.Reasoning || meta.Chain != p.Key || meta.Steps != p.Steps {
		t.Errorf("meta %+v of problem %+v", meta, p)
	}
	if prompt.Reference != p.Answer || prompt.ID != p.ID || prompt.Messages[0].Content != p.Question {
		t.Errorf("prompt %+v of problem %+v", prompt, p)
	}
}

func ExampleGenerate() {
	problems, err := Generate(2, Options{Seed: 1, MinSteps: 2, Split: distill.Train})
	if err != nil {
		panic(err)
	}
	for _, p := range problems {
		fmt.Printf("%s\n%s\nThe answer is %s.\n\n", p.Question, p.Reasoning, p.Answer)
	}
	// Output:
	// Ivan starts with 85 pears. He sells 66 pears. Nora brings 6 packs with 10 pears each. How many pears does Ivan have in the end?
	// 85-66=25-6=19
	// 6*10=60
	// 19+60=79
	// The answer is 79.
	//
	// Ivan has a book of 6 parts with 6 pages each. He reads 8 pages a day for 2 days. He reads the rest in 2 days, with equally many pages each day. How many pages does he read each day?
	// 6*6=36
	// 8*2=16
	// 36-16=26-6=20
	// 20/2=10
	// The answer is 10.
}

func BenchmarkGenerate(b *testing.B) {
	g, err := New(Options{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		g.Next()
	}
}
