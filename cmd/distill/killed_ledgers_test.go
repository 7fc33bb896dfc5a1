package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill/dataset"
)

// sage is an OpenAI server that answers, grades and invents tasks by rules. Each reply names its question, so that a ledger
// shows what was asked. It calls at with the number of each request since the last reset.
type sage struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // the names of the questions since the last reset
	at    func(n int)
}

func serveSage(t *testing.T) *sage {
	s := new(sage)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *sage) reset(at func(int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.at = nil, at
}

func (s *sage) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *sage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	var request struct {
		Messages []struct{ Content string }
		Seed     int64
	}
	if json.NewDecoder(r.Body).Decode(&request) != nil || len(request.Messages) == 0 {
		fmt.Fprint(w, `{"object":"list","data":[{"id":"sage","object":"model"}]}`)
		return
	}
	question := request.Messages[len(request.Messages)-1].Content
	name := fmt.Sprintf("q%016x", xxhash.Sum64String(fmt.Sprint(question, request.Seed)))
	s.mu.Lock()
	s.asked = append(s.asked, name)
	n, at := len(s.asked), s.at
	s.mu.Unlock()
	reply := "The answer to " + name + " is yes."
	switch {
	case strings.HasPrefix(question, "You grade"):
		reply = fmt.Sprintf(`{"reason": "see %s", "score": %d}`, name, 1+len(question)%10)
	case strings.HasPrefix(question, "Here are some"):
		reply = ""
		for i := range 3 {
			reply += fmt.Sprintf("%d. Tell me of %s thing%d in %d words.\n", i+1, name, i, xxhash.Sum64String(name+fmt.Sprint(i))%1000)
		}
	}
	at(n)
	text, _ := json.Marshal(reply)
	fmt.Fprintf(w, `{"model":"sage","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],
		"usage":{"prompt_tokens":20,"completion_tokens":10,"total_tokens":30}}`, text)
}

// TestLedgersKilled kills each stage that pays for answers with SIGKILL, again and again, after a random number of requests:
// those who grow prompts, the teacher, the judge. What was on disk is never asked again, and in the end the ledgers hold
// what a run holds that nobody killed.
func TestLedgersKilled(t *testing.T) {
	program := distillProgram(t)
	server := serveSage(t)
	dir := t.TempDir()
	recipe := filepath.Join(dir, "recipe.yaml")
	var list strings.Builder
	for i := range 20 {
		fmt.Fprintf(&list, "    - What is the number %d good for?\n", i)
	}
	write(t, recipe, fmt.Sprintf(`
name: killed
prompts:
  list:
%s  heldout: 0.2
  grow: {count: 150}
teacher: {kind: remote, endpoint: %[2]s/v1, model: sage, concurrency: 4, samples: 2, price: {input: 1, output: 1}}
select:
  verify: [{kind: judge, judge: {by: {kind: remote, endpoint: %[2]s/v1, model: sage, price: {input: 10, output: 10}}}}]
tokenizer: {from: train, size: 300}
`, &list, server.URL))
	whole, cut := filepath.Join(dir, "whole"), filepath.Join(dir, "cut")
	random := rand.New(rand.NewPCG(3, 4))
	for _, stage := range []struct{ command, ledger string }{{"grow", "grow"}, {"generate", "data"}, {"judge", "judged/judge"}} {
		server.reset(func(int) {})
		if out, err := exec.Command(program, stage.command, recipe, "--dir", whole, "--quiet").CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", stage.command, err, out)
		}
		kills := 0
		for finished := false; !finished; {
			durable := ledgerNames(t, filepath.Join(cut, stage.ledger))
			cmd := exec.Command(program, stage.command, recipe, "--dir", cut, "--quiet")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			last := 5 + random.IntN(8) // more than the calls in flight, so that each attempt gets on
			server.reset(func(n int) {
				if n == last && kills < 5 {
					_ = cmd.Process.Kill()
				}
			})
			err := cmd.Run()
			if finished = err == nil; !finished {
				if kills++; kills > 5 {
					t.Fatalf("%s: %v\n%s", stage.command, err, &stderr)
				}
			}
			for _, name := range server.names() {
				if slices.Contains(durable, name) {
					t.Errorf("%s: asked again for %s, which was on disk", stage.command, name)
				}
			}
		}
		want, got := ledgerNames(t, filepath.Join(whole, stage.ledger)), ledgerNames(t, filepath.Join(cut, stage.ledger))
		if kills < 3 || len(want) < 12 || !slices.Equal(want, got) {
			t.Errorf("%s: %d kills, %d replies are kept where there are %d without them", stage.command, kills, len(got), len(want))
		}
	}
}

var questionName = regexp.MustCompile(`q[0-9a-f]{16}`)

// ledgerNames returns, in order, the names of the questions whose answers a ledger holds, as a crash left it: from a copy.
func ledgerNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	snapshot := filepath.Join(t.TempDir(), "ledger")
	if err := os.CopyFS(snapshot, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Open(snapshot, dataset.Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	for row, err := range data.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, questionName.FindString(row.Response))
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("%s: an answer is there twice", dir)
	}
	return names
}
