package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
)

// TestServedModelTeaches: a model that is served is asked over HTTP, its answers are scored by the same weights, and a
// student learns from both. The server stops when its context ends, with exit code 0.
func TestServedModelTeaches(t *testing.T) {
	stories := fixture.Shared(t, "models", "stories260K-f32.gguf")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"distill", "serve", stories, "--addr", "127.0.0.1:0", "--quiet"}, strings.NewReader(""), in, io.Discard)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, _, _ := strings.Cut(line, " ")

	dir := t.TempDir()
	recipe := filepath.Join(dir, "served.yaml")
	text := fmt.Sprintf(`name: served
prompts: {list: [Once upon a time, One day, Tom, Lily, Ben, A dog, The sun, Mia], heldout: 0.5}
teacher: {kind: remote, endpoint: "%s/v1", model: stories260K-f32, samples: 2, sampling: {max_tokens: 24}}
score: {model: %q}
select: {unfinished: keep}
student: {layers: 1, width: 32, ffn: 64, heads: 2, context: 128}
train: {steps: 4, batch: 2, loss: {kind: forward_kl}}
export: {formats: [q8_0], hf: false, modelfile: false}
eval: {speed: false}
`, address, stories)
	if err := os.WriteFile(recipe, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var result, notes strings.Builder
	code := execute(t.Context(), []string{"distill", "run", recipe, "--dir", filepath.Join(dir, "run")}, strings.NewReader(""), &result, &notes)
	if code != codeDone || !strings.Contains(result.String(), "KL to the teacher") {
		t.Errorf("exit code %d\n%s%s", code, result.String(), notes.String())
	}
	// A wrong name of the model fails at once, and says which there are.
	notes.Reset()
	code = execute(t.Context(), []string{"distill", "generate", recipe, "--dir", filepath.Join(dir, "wrong"), "--set", "teacher.model=nobody"}, strings.NewReader(""), &result, &notes)
	if code != codeFailed || !strings.Contains(notes.String(), "hint: it has stories260K-f32") {
		t.Errorf("exit code %d\n%s", code, notes.String())
	}
	stop()
	if code := <-ended; code != codeDone {
		t.Errorf("the server ended with exit code %d", code)
	}
}
