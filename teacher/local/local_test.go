package local

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/teachertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stories opens a real model: 260 thousand parameters, no chat template.
func stories(t testing.TB, o Options) *Teacher {
	known, err := Open(fixture.Shared(t, "models", "stories260K-f32.gguf"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { known.Close() })
	return known
}

func TestConformance(t *testing.T) {
	teachertest.Run(t, func(t *testing.T) teacher.Teacher { return stories(t, Options{Threads: 2, Slots: 4}) })
}

func once(text string, n int) teacher.Request {
	return teacher.Request{Messages: []distill.Message{{Role: distill.RoleUser, Content: text}}, Sampling: distill.Sampling{MaxTokens: n}}
}

// The greedy continuation of the ids 1 403 407 ("Once upon") that llama.cpp's library computes: shared/oracle/README.md.
func TestGreedyAsLlamaCPP(t *testing.T) {
	known := stories(t, Options{})
	req := once("Once upon", 20)
	req.Signal = distill.SignalSpec{Kind: distill.TopK, K: 1}
	prompt, err := known.Format().Prompt(req.Messages, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(prompt) != 3 || prompt[0] != 1 || prompt[1] != 403 || prompt[2] != 407 {
		t.Fatalf("prompt ids %v", prompt)
	}
	c, err := known.Complete(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := []distill.Token{261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408}
	for i, id := range want {
		if c.TokenIDs[i] != id {
			t.Fatalf("token %d is %d, llama.cpp chooses %d", i, c.TokenIDs[i], id)
		}
	}
}

// What a request gets does not depend on what else is in the batch.
func TestBatchChangesNothing(t *testing.T) {
	known := stories(t, Options{Slots: 8})
	ask := func(seed uint64) string {
		req := once("Once upon a time", 40)
		req.Sampling.Temperature, req.Sampling.Seed = 1, seed
		c, err := known.Complete(context.Background(), req)
		if err != nil {
			t.Error(err)
			return ""
		}
		return c.Response
	}
	alone := make([]string, 16)
	for i := range alone {
		alone[i] = ask(uint64(i))
	}
	var group sync.WaitGroup
	for i := range alone {
		group.Go(func() {
			if got := ask(uint64(i)); got != alone[i] {
				t.Errorf("seed %d: %q among others, %q alone", i, got, alone[i])
			}
		})
	}
	group.Wait()
	if alone[0] == alone[1] {
		t.Error("seeds 0 and 1 wrote the same")
	}
}

func TestPromptTooLong(t *testing.T) {
	_, err := stories(t, Options{Context: 32}).Complete(t.Context(), once(strings.Repeat("word ", 64), 4))
	if teacher.KindOf(err) != teacher.Permanent || !strings.Contains(err.Error(), "context of 32") {
		t.Errorf("error %v", err)
	}
}

// Close ends what is under way, at once.
func TestCloseCutsOff(t *testing.T) {
	known := stories(t, Options{Slots: 2})
	ended := make(chan error, 8)
	for range cap(ended) {
		go func() {
			for {
				if _, err := known.Complete(context.Background(), once("Once", 400)); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	time.Sleep(20 * time.Millisecond)
	known.Close()
	for range cap(ended) {
		select {
		case err := <-ended:
			if !errors.Is(err, errClosed) {
				t.Errorf("error %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("a call outlived Close")
		}
	}
}

func TestOpenFails(t *testing.T) {
	for path, word := range map[string]string{
		"no/such/file.gguf": "no such file",
		t.TempDir():         "config.json",
	} {
		if _, err := Open(path, Options{}); teacher.KindOf(err) != teacher.Fatal || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open(fixture.Shared(t, "models", "stories260K-f32.gguf"), Options{Template: "{% if %}"}); teacher.KindOf(err) != teacher.Fatal {
		t.Errorf("broken template: %v", err)
	}
}

// The thinking that a template opens, or a model does, is kept apart and counted.
func TestThinking(t *testing.T) {
	known := stories(t, Options{Template: "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}"})
	c, err := known.Complete(t.Context(), once("Once upon a time", 12))
	if err != nil {
		t.Fatal(err)
	}
	if c.Reasoning == "" || c.Response != "" || c.ReasoningTokens != c.CompletionTokens {
		t.Errorf("thinking that never ended came as %+v", c)
	}
}
