package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/teacher"
)

// oracleServer is an OpenAI server that answers questions, grades answers and invents tasks, all by rules, and counts.
type oracleServer struct {
	*httptest.Server
	mu     sync.Mutex
	asked  map[string]int // by the words a question begins with
	keys   map[string]bool
	failAt int // so many grades, then 402
}

func serveOracle(t *testing.T) *oracleServer {
	s := &oracleServer{asked: map[string]int{}, keys: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *oracleServer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/models" {
		_, _ = w.Write([]byte(`{"object":"list","data":[{"id":"sage","object":"model"}]}`))
		return
	}
	var req openai.ChatRequest
	_ = json.NewDecoder(r.Body).Decode(&req)
	question := req.Messages[len(req.Messages)-1].Content.Text
	kind := strings.Join(strings.Fields(question)[:3], " ")
	s.mu.Lock()
	s.asked[kind]++
	s.keys[question] = true
	n := s.asked[kind]
	s.mu.Unlock()
	reply := "The answer to that is " + question
	switch kind {
	case "You grade an":
		if s.failAt > 0 && n > s.failAt {
			w.WriteHeader(http.StatusPaymentRequired)
			return
		}
		reply = fmt.Sprintf(`{"reason": "so it is", "score": %d}`, 1+len(question)%10)
	case "Here are some":
		reply = ""
		for i := range 4 {
			reply += fmt.Sprintf("%d. Tell me about thing%d%d of kind%d and colour%d.\n", i+1, len(question)*7+i, n, n*i, n+i)
		}
		reply += "5. What is the number 3 good for?\n" // held out or not, it is there already
	}
	w.Header().Set("Content-Type", "application/json")
	text, _ := json.Marshal(reply)
	fmt.Fprintf(w, `{"model":"sage","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],
		"usage":{"prompt_tokens":20,"completion_tokens":10,"total_tokens":30}}`, text)
}

func (s *oracleServer) count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[kind]
}

// judgedRecipe asks 30 prompts twice and lets every training answer that is long enough be graded.
func judgedRecipe(url string, more string) string {
	list := ""
	for i := range 30 {
		list += fmt.Sprintf("    - What is the number %d good for?%s\n", i, strings.Repeat(" And why?", i%7))
	}
	return fmt.Sprintf(`
name: judged
prompts:
  list:
%s  heldout: 0.2
%s
teacher: {kind: remote, endpoint: %[3]s/v1, model: sage, samples: 2, price: {input: 1, output: 1}}
select:
  dedup: none
  verify:
    - {kind: regex, pattern: "number [0-9]*[02468] good"}
    - kind: judge
      judge: {by: {kind: remote, endpoint: %[3]s/v1, model: sage, concurrency: 2, price: {input: 10, output: 10}}}
tokenizer: {from: train, size: 300}
`, list, more, url)
}

// openRun opens a run and closes it with the test.
func openRun(t *testing.T, dir, text string, overrides ...string) *Run {
	t.Helper()
	run, err := Open(load(t, text, overrides...), dir, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.Close() })
	return run
}

// A judge is asked once about each training answer that the other checks let pass; its grades decide what is learnt; who
// changes the threshold pays nothing, who changes the criteria pays again; what it cost is the stage's.
func TestJudge(t *testing.T) {
	s, dir := serveOracle(t), filepath.Join(t.TempDir(), "run")
	text := judgedRecipe(s.URL, "")
	const grade = "You grade an"
	kept := func(overrides ...string) (ids []string, judged int) {
		run := openRun(t, dir, text, overrides...)
		defer run.Close()
		if err := run.Do(t.Context(), "generate", "judge"); err != nil {
			t.Fatal(err)
		}
		rows, _, err := run.selectRows()
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range rows {
			if err != nil {
				t.Fatal(err)
			}
			if row.Prompt.Split == distill.Heldout {
				continue
			}
			ids = append(ids, row.ID)
			if v := row.Verdicts[len(row.Verdicts)-1]; v.Name != "judge" || !v.Pass {
				t.Errorf("a row is learnt with the verdict %+v", v)
			}
		}
		at := run.state.Stages["judge"]
		if want := float64(at.Calls) * 300e-6; at.CostUSD == nil || *at.CostUSD < want*0.999 || *at.CostUSD > want*1.001 {
			t.Errorf("the stage says %d calls for %v dollars", at.Calls, at.CostUSD)
		}
		return ids, s.count(grade)
	}
	seven, n := kept()
	if n == 0 || n > 60 || len(seven) == 0 || len(seven) == n {
		t.Fatalf("%d grades, %d rows kept", n, len(seven))
	}
	three, again := kept("select.verify.1.judge.pass=3")
	if again != n || len(three) <= len(seven) {
		t.Errorf("another threshold: %d further grades, %d rows where %d passed the higher one", again-n, len(three), len(seven))
	}
	if _, again := kept("select.verify.1.judge.criteria=short"); again != 2*n {
		t.Errorf("other criteria: %d further grades, want %d", again-n, n)
	}
	if _, again := kept("select.verify.1.judge.criteria=short"); again != 2*n {
		t.Error("a judge that is done was asked again")
	}
}

// A judge that runs out of money, or is killed, has been paid once for all that it said.
func TestJudgeGoesOn(t *testing.T) {
	s, dir := serveOracle(t), filepath.Join(t.TempDir(), "run")
	text := judgedRecipe(s.URL, "")
	const grade = "You grade an"
	do := func(overrides ...string) error {
		run := openRun(t, dir, text, append(overrides, "select.verify.1.judge.by.concurrency=2")...)
		defer run.Close()
		return run.Do(t.Context(), "generate", "judge")
	}
	if err := do("select.verify.1.judge.budget.calls=5"); teacher.KindOf(err) != teacher.Limit {
		t.Fatalf("with a budget of five calls: %v", err)
	}
	if n := s.count(grade); n != 5 {
		t.Errorf("%d grades with a budget of five calls", n)
	}
	s.failAt = 9
	if err := do(); teacher.KindOf(err) != teacher.Fatal {
		t.Fatalf("an account without money: %v", err)
	}
	s.failAt = 0
	ledger, err := dataset.Open(filepath.Join(dir, judgedDir, "judge"), dataset.Options{ReadOnly: true})
	if err != nil || ledger.Len() != 9 {
		t.Fatalf("%d grades are kept: %v", ledger.Len(), err)
	}
	ledger.Close()
	before := s.count(grade)
	if err := do(); err != nil {
		t.Fatal(err)
	}
	ledger, err = dataset.Open(filepath.Join(dir, judgedDir, "judge"), dataset.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	if n := s.count(grade); n-before != ledger.Len()-9 {
		t.Errorf("%d more calls for %d more grades", n-before, ledger.Len()-9)
	}
}

// Grown prompts are asked like any other. Held-out prompts stay what they were, are shown to nobody and are not grown
// again; a growth that was interrupted ends as one that was not, and pays for no reply twice.
func TestGrow(t *testing.T) {
	s := serveOracle(t)
	text := judgedRecipe(s.URL, "  grow: {count: 90, seeds: 8}")
	prompts := func(run *Run) (ids []string, heldout []string) {
		for p, err := range run.eachPrompt() {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, p.ID)
			if p.Split == distill.Heldout {
				heldout = append(heldout, p.Messages[0].Content)
			}
		}
		return ids, heldout
	}
	plain := openRun(t, t.TempDir(), judgedRecipe(s.URL, ""))
	_, heldout := prompts(plain)
	base := t.TempDir()
	whole := openRun(t, filepath.Join(base, "whole"), text)
	if err := whole.Do(t.Context(), "grow", "generate"); err != nil {
		t.Fatal(err)
	}
	want, still := prompts(whole)
	if len(want) != 120 || len(heldout) == 0 || !slices.Equal(heldout, still) {
		t.Fatalf("%d prompts, %d of them held out where %d were", len(want), len(still), len(heldout))
	}
	for question := range s.keys {
		for _, secret := range heldout {
			if strings.HasPrefix(question, "Here are") && strings.Contains(question, secret+"\n") {
				t.Errorf("a held-out prompt was shown: %s", secret)
			}
		}
	}
	replies := whole.state.Stages["grow"].Calls
	if n := s.count("Here are some"); int64(n) != replies || n > 90 {
		t.Errorf("%d calls for %d replies", n, replies)
	}
	// The server's inventions depend on how often it was asked: only what is kept makes the second run like the first.
	cut := openRun(t, filepath.Join(base, "cut"), text, "prompts.grow.budget.calls=10")
	if err := cut.Do(t.Context(), "grow"); teacher.KindOf(err) != teacher.Limit {
		t.Fatal(err)
	}
	cut.Close()
	before := s.count("Here are some")
	cut = openRun(t, filepath.Join(base, "cut"), text)
	if err := cut.Do(t.Context(), "grow"); err != nil {
		t.Fatal(err)
	}
	if n := s.count("Here are some") - before; int64(n) != cut.state.Stages["grow"].Calls-10 {
		t.Errorf("%d calls after the interruption for %d replies in all", n, cut.state.Stages["grow"].Calls)
	}
	found, _ := prompts(cut)
	if len(found) != 120 {
		t.Errorf("%d prompts after an interruption", len(found))
	}
}

// The plan tells what judges and growing will cost, before and after they have begun.
func TestPlanTellsWhoIsAsked(t *testing.T) {
	s, dir := serveOracle(t), filepath.Join(t.TempDir(), "run")
	text := judgedRecipe(s.URL, "  grow: {count: 12, seeds: 8}")
	plan := func() *plan.Plan {
		p, err := Preview(load(t, text), dir, Options{}).Plan(t.Context(), PlanOptions{NoBench: true})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := plan()
	if p.Prompts != 42 || len(p.Asked) != 2 || p.Asked[0].Purpose != "grow" || p.Asked[1].Purpose != "judge" {
		t.Fatalf("%d prompts, %+v", p.Prompts, p.Asked)
	}
	grow, judge := p.Asked[0], p.Asked[1]
	if grow.Calls < 3 || grow.MostCalls != 48 || grow.USD == nil || grow.USD.Likely <= 0 || grow.MostUSD <= grow.USD.Likely {
		t.Errorf("growing: %+v", grow)
	}
	if want := 2 * (42 - p.Heldout); judge.Calls != want || judge.USD == nil || judge.PriceSource != "the recipe" {
		t.Errorf("judging: %+v, want %d calls", judge, want)
	}
	run := openRun(t, dir, text)
	if err := run.Do(t.Context(), "grow", "generate", "judge"); err != nil {
		t.Fatal(err)
	}
	run.Close()
	p = plan()
	if p.Generate.Calls != 0 || p.Asked[0].Calls != 0 || p.Asked[1].Calls > 42 {
		t.Errorf("after all is done: %d calls, %+v", p.Generate.Calls, p.Asked)
	}
}

// A stage that is interrupted in asking goes on, and the stages after it find what it found.
func TestInterruptedJudge(t *testing.T) {
	s, dir := serveOracle(t), filepath.Join(t.TempDir(), "run")
	text := judgedRecipe(s.URL, "")
	ctx, stop := context.WithCancel(t.Context())
	c := &countdown{stage: "judge", stop: stop}
	c.left.Store(4)
	run, err := Open(load(t, text), dir, Options{Threads: 1, Monitor: c})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Do(ctx, "generate", "judge"); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	run.Close()
	run = openRun(t, dir, text)
	if err := run.Do(t.Context(), "generate", "judge"); err != nil {
		t.Fatal(err)
	}
	if got, calls := run.state.Stages["judge"].Calls, s.count("You grade an"); got != int64(calls) {
		t.Errorf("%d grades are kept of %d that were paid for", got, calls)
	}
}

func TestEnding(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		" 34+24=58\n\n58 ":     "34+24=58 58",
		"\x1b[2Jgone\a\u202e!": "[2Jgone!",
		"one and twenty apples are left in the two baskets": "…les are left in the two baskets",
	} {
		if got := ending(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
