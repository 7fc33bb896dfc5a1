package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

var (
	kills      = flag.Int("kills", 5, "how often generation is killed")
	killedRows = flag.Int("killed-rows", 200, "prompts of the generation that is killed")
)

// TestGenerateKilled kills `distill generate` with SIGKILL at random moments of a run against a real model served over
// HTTP. In the end every prompt has one row, and no request was repeated for a row that was already on disk.
func TestGenerateKilled(t *testing.T) {
	weights := fixture.Shared(t, "models", "stories260K-f32.gguf")
	questions := fixture.Shared(t, "data", "gsm8k", "train.jsonl")
	program := distillProgram(t)
	asked := newWitness(t, serveModel(t, program, weights))
	dir := t.TempDir()
	recipe := filepath.Join(dir, "recipe.yaml")
	write(t, recipe, fmt.Sprintf(`
name: killed
prompts: {file: %s, template: "{{.question}}", reference: {field: answer, after: "####"}, limit: %d, heldout: 0.05}
teacher: {kind: remote, endpoint: %s/v1, model: stories260K-f32, concurrency: 4, sampling: {max_tokens: 24}}
tokenizer: {from: train}
`, questions, *killedRows, asked.url))
	run := filepath.Join(dir, "run")
	random := rand.New(rand.NewPCG(1, 2))
	killed := 0
	for finished := false; !finished; {
		written := writtenQuestions(t, filepath.Join(run, "data"))
		asked.forget()
		cmd := exec.Command(program, "generate", recipe, "--dir", run, "--quiet")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var killer *time.Timer
		if killed < *kills {
			// A kill falls after a few more answers, wherever in the writing of them it may hit.
			wait := 50*time.Millisecond + time.Duration(random.Int64N(int64(250*time.Millisecond)))
			killer = time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		}
		err := cmd.Wait()
		finished = err == nil
		if killer != nil {
			killer.Stop()
		}
		if !finished {
			if killed++; killed > *kills {
				t.Fatalf("generate failed: %v\n%s", err, &stderr)
			}
		}
		for _, question := range asked.all() {
			if written[question] {
				t.Errorf("asked again for a row that was on disk: %.60q", question)
			}
		}
	}
	if killed < *kills {
		t.Errorf("the run was over after %d of %d kills", killed, *kills)
	}
	if n := len(writtenQuestions(t, filepath.Join(run, "data"))); n != *killedRows {
		t.Errorf("%d distinct rows after %d kills, want %d", n, killed, *killedRows)
	}
}

// distillProgram returns the path of distill as a process of its own, which TestMain puts into PATH.
func distillProgram(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("distill")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// serveModel starts `distill serve` on a free port and returns its address.
func serveModel(t *testing.T, program, weights string) *url.URL {
	t.Helper()
	cmd := exec.Command(program, "serve", weights, "--addr", "127.0.0.1:0", "--ctx", "1024", "--quiet")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var address string
	if _, err := fmt.Fscan(out, &address); err != nil {
		t.Fatalf("distill serve printed no address: %v", err)
	}
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// latency is what the witness adds to every answer, so that a run lasts long enough to be killed.
const latency = 30 * time.Millisecond

// witness stands before a server and remembers which questions were asked.
type witness struct {
	url   string
	mu    sync.Mutex
	asked []string
}

func newWitness(t *testing.T, target *url.URL) *witness {
	w := new(witness)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = nil
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) {} // a killed client hangs up
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var request struct {
			Messages []struct{ Content string }
		}
		if json.Unmarshal(body, &request) == nil && len(request.Messages) > 0 {
			w.mu.Lock()
			w.asked = append(w.asked, strings.TrimSpace(request.Messages[len(request.Messages)-1].Content))
			w.mu.Unlock()
		}
		time.Sleep(latency)
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = nil
}

func (w *witness) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.asked...)
}

// writtenQuestions reads which questions have a row on disk, as a crash left them, from a copy of the folder.
func writtenQuestions(t *testing.T, dir string) map[string]bool {
	t.Helper()
	written := make(map[string]bool)
	if _, err := os.Stat(dir); err != nil {
		return written
	}
	snapshot := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(snapshot, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Open(snapshot, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	ids := make(map[string]bool)
	for row, err := range data.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if ids[row.ID] {
			t.Errorf("row %s is there twice", row.ID)
		}
		ids[row.ID] = true
		written[strings.TrimSpace(row.Prompt.Messages[len(row.Prompt.Messages)-1].Content)] = true
	}
	return written
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
