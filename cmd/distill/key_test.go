package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestKeyIsNowhere runs everything that uses a key, with a server that throws it back in its errors, and looks for it in all
// that is printed and in every file that is left.
func TestKeyIsNowhere(t *testing.T) {
	const secret = "sk-thekeythatnobodymaysee42"
	program := distillProgram(t)
	answers := serveSage(t)
	answers.reset(func(int) {})
	var requests, keyed atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+secret {
			keyed.Add(1)
		}
		if requests.Add(1)%4 == 3 {
			w.Header().Set("X-Echo", r.Header.Get("Authorization"))
			http.Error(w, fmt.Sprintf(`{"error":{"message":"you sent %s to %s"}}`, r.Header.Get("Authorization"), r.URL), http.StatusInternalServerError)
			return
		}
		answers.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	recipe, run := filepath.Join(dir, "recipe.yaml"), filepath.Join(dir, "run")
	write(t, recipe, fmt.Sprintf(`
name: secret
prompts: {list: [What is one?, What is two?, What is three?, What is four?, What is five?, What is six?], heldout: 0.2, grow: {count: 6}}
teacher: {kind: remote, endpoint: %[1]s/v1, model: sage, key_env: THE_KEY, price: {input: 1, output: 1}}
select:
  verify: [{kind: judge, judge: {by: {kind: remote, endpoint: %[1]s/v1, model: sage, key_env: THE_KEY, price: {input: 1, output: 1}}}}]
tokenizer: {from: train, size: 300}
`, server.URL))
	var printed bytes.Buffer
	do := func(want int, arguments ...string) {
		t.Helper()
		cmd := exec.Command(program, arguments...)
		cmd.Env = append(os.Environ(), "THE_KEY="+secret)
		cmd.Stdout, cmd.Stderr = &printed, &printed
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%v: exit code %d, want %d\n%s", arguments, got, want, &printed)
		}
	}
	for _, stage := range []string{"grow", "generate", "judge"} {
		do(0, "plan", recipe, "--dir", run, "--no-bench")
		do(0, stage, recipe, "--dir", run, "--verbose", "--log-format", "json")
	}
	do(0, "dataset", "card", run)
	do(0, "dataset", "head", run)
	do(2, "recipes", "check", recipe, "--set", "teacher.key_env="+secret[:3]+"_"+secret[3:]) // a key where its name belongs
	do(1, "generate", recipe, "--dir", filepath.Join(dir, "dead"), "--set", "teacher.endpoint=http://127.0.0.1:1/v1", "--set", "prompts.grow=null", "--set", "teacher.limits.when_down=stop")
	if keyed.Load() < 10 || !strings.Contains(printed.String(), "you sent Bearer [redacted]") {
		t.Errorf("the server saw the key %d times; what it says of it is not printed:\n%s", keyed.Load(), &printed)
	}
	if at := strings.Index(printed.String(), secret[4:]); at >= 0 {
		t.Errorf("the key is printed: %.200s", printed.String()[max(0, at-100):])
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(secret[4:])) {
			t.Errorf("the key is in %s", path)
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}
