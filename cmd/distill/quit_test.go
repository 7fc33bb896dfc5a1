//go:build unix

package main_test

import (
	"bufio"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAskedWhereItIs runs a training that would take long, opens the page whose address it prints, and asks it by SIGQUIT
// where it is: it answers in one line and goes on. An interruption then ends it with exit code 4 and the way to continue.
func TestAskedWhereItIs(t *testing.T) {
	program, err := exec.LookPath("distill") // this test's own, put on the path by testscript
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	recipe := filepath.Join(dir, "long.yaml")
	write(t, recipe, `name: long
prompts: {problems: {count: 60, max_steps: 1}, heldout: 0.2}
teacher: {kind: reference}
tokenizer: {from: train, size: 300}
student: {layers: 1, width: 32, ffn: 64, heads: 2, context: 128}
train: {steps: 1000000, batch: 2, checkpoint_every: 100000, eval_every: 100000}
`)
	cmd := exec.Command(program, "run", recipe, "--dir", filepath.Join(dir, "run"), "--watch")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			lines <- s.Text()
		}
	}()
	wait := func(pattern string) string {
		t.Helper()
		var seen []string
		for deadline := time.After(time.Minute); ; {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("it ended without a line like %s:\n%s", pattern, strings.Join(seen, "\n"))
				}
				if regexp.MustCompile(pattern).MatchString(line) {
					return line
				}
				seen = append(seen, line)
			case <-deadline:
				t.Fatalf("no line like %s:\n%s", pattern, strings.Join(seen, "\n"))
			}
		}
	}
	address := strings.TrimPrefix(wait(`^watch at http://127\.0\.0\.1:[0-9]+$`), "watch at ")
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("the page: %s", response.Status)
	}
	wait(`stage=generate.*`)
	for range 2 { // it goes on afterwards
		// A signal before the first step is answered without steps: ask until there are some.
		for asked := ""; !strings.Contains(asked, "steps/s"); {
			if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
				t.Fatal(err)
			}
			asked = wait(`^long(,|$)`)
			time.Sleep(20 * time.Millisecond)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	wait(`^continue with: distill run .*long\.yaml`)
	for range lines { // to its end, which Wait would cut off
	}
	err = cmd.Wait()
	ended = true
	if code := cmd.ProcessState.ExitCode(); code != 4 {
		t.Errorf("exit code %d (%v)", code, err)
	}
}
