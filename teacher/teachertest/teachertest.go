// Package teachertest is the conformance suite of the teacher interface: what every implementation must do, whoever
// knows the answers.
//
//	func TestConformance(t *testing.T) {
//		teachertest.Run(t, func(t *testing.T) teacher.Teacher { … })
//	}
package teachertest

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/teacher"
)

// Run holds the teachers that open makes to the interface's promises. Each subtest opens its own and closes it. The
// teacher must answer an ordinary question and be able to go on for at least 16 tokens.
func Run(t *testing.T, open func(t *testing.T) teacher.Teacher) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, teacher.Teacher)
	}{
		{"Info", testInfo},
		{"Complete", testComplete},
		{"MaxTokens", testMaxTokens},
		{"Greedy", testGreedy},
		{"Concurrent", testConcurrent},
		{"NoMessages", testNoMessages},
		{"Cancelled", testCancelled},
		{"TopK", testTopK},
		{"Sampled", testSampled},
		{"Score", testScore},
		{"Closed", testClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			teacher := open(t)
			defer teacher.Close()
			test.run(t, teacher)
		})
	}
}

// question is an ordinary request for at most n tokens.
func question(n int) teacher.Request {
	return teacher.Request{
		Messages: []distill.Message{{Role: distill.RoleUser, Content: "Once upon a time"}},
		Sampling: distill.Sampling{MaxTokens: n},
	}
}

// ask asks with a time limit and fails the test when there is no answer.
func ask(t *testing.T, known teacher.Teacher, req teacher.Request) *distill.Completion {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := known.Complete(ctx, req)
	if err != nil {
		t.Fatalf("Complete: %v", err)
	}
	return c
}

func testInfo(t *testing.T, known teacher.Teacher) {
	info := known.Info()
	if info.Name == "" {
		t.Error("no name")
	}
	if info.Concurrency < 0 {
		t.Errorf("concurrency %d", info.Concurrency)
	}
	if again := known.Info(); again.Name != info.Name || again.TokenizerHash != info.TokenizerHash {
		t.Errorf("Info changed from %+v to %+v", info, again)
	}
}

func testComplete(t *testing.T, known teacher.Teacher) {
	c := ask(t, known, question(16))
	if c.Teacher != known.Info().Name {
		t.Errorf("completion by %q, teacher is %q", c.Teacher, known.Info().Name)
	}
	if c.Response == "" && c.Reasoning == "" {
		t.Error("empty answer")
	}
	if c.FinishReason != distill.FinishStop && c.FinishReason != distill.FinishLength {
		t.Errorf("finish reason %q", c.FinishReason)
	}
	if c.PromptTokens <= 0 || c.CompletionTokens <= 0 || c.ReasoningTokens > c.CompletionTokens {
		t.Errorf("tokens: prompt %d, completion %d, reasoning %d", c.PromptTokens, c.CompletionTokens, c.ReasoningTokens)
	}
	if c.Latency <= 0 {
		t.Errorf("latency %v", c.Latency)
	}
	if c.Signal != nil {
		t.Error("a signal that nobody asked for")
	}
}

func testMaxTokens(t *testing.T, known teacher.Teacher) {
	c := ask(t, known, question(3))
	if c.CompletionTokens > 3 {
		t.Errorf("%d tokens of at most 3", c.CompletionTokens)
	}
	if c.CompletionTokens == 3 && c.FinishReason != distill.FinishLength && c.FinishReason != distill.FinishStop {
		t.Errorf("finish reason %q at the limit", c.FinishReason)
	}
}

func testGreedy(t *testing.T, known teacher.Teacher) {
	first, second := ask(t, known, question(16)), ask(t, known, question(16))
	if first.Response != second.Response || first.Reasoning != second.Reasoning {
		t.Errorf("temperature 0 answered %q, then %q", first.Response, second.Response)
	}
}

func testConcurrent(t *testing.T, known teacher.Teacher) {
	want := ask(t, known, question(8)).Response
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			c, err := known.Complete(t.Context(), question(8))
			if err != nil {
				t.Errorf("Complete: %v", err)
			} else if c.Response != want {
				t.Errorf("among others it answered %q, alone %q", c.Response, want)
			}
		})
	}
	group.Wait()
}

func testNoMessages(t *testing.T, known teacher.Teacher) {
	_, err := known.Complete(t.Context(), teacher.Request{})
	if err == nil {
		t.Fatal("no error for a request without messages")
	}
	if kind := teacher.KindOf(err); kind != teacher.Permanent {
		t.Errorf("kind %v, want Permanent: %v", kind, err)
	}
}

func testCancelled(t *testing.T, known teacher.Teacher) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := known.Complete(ctx, question(16))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func testTopK(t *testing.T, known teacher.Teacher) {
	if !slices.Contains(known.Info().Signals, distill.TopK) {
		t.Skip("the teacher gives no top-k signal")
	}
	req := question(8)
	req.Signal = distill.SignalSpec{Kind: distill.TopK, K: 5}
	c := ask(t, known, req)
	checkSignal(t, c.Signal, c.TokenLogprobs, req.Signal, len(c.TokenIDs))
	for i, id := range c.TokenIDs {
		if ids, lps := c.Signal.At(i); ids[0] != id {
			// Greedy: the token drawn is the most likely, or ties with it.
			if math.Abs(float64(lps[0]-c.TokenLogprobs[i])) > 1e-3 {
				t.Errorf("position %d: drew %d with %g, most likely is %d with %g", i, id, c.TokenLogprobs[i], ids[0], lps[0])
			}
		}
	}
}

func testSampled(t *testing.T, known teacher.Teacher) {
	if !slices.Contains(known.Info().Signals, distill.Sampled) {
		t.Skip("the teacher gives no sampled signal")
	}
	req := question(8)
	req.Signal = distill.SignalSpec{Kind: distill.Sampled, K: 12}
	c := ask(t, known, req)
	checkSignal(t, c.Signal, c.TokenLogprobs, req.Signal, len(c.TokenIDs))
}

// checkSignal checks what [distill.Signal] promises.
func checkSignal(t *testing.T, s *distill.Signal, logprobs []float32, spec distill.SignalSpec, positions int) {
	t.Helper()
	if positions == 0 || len(logprobs) != positions || s.Len() != positions {
		t.Fatalf("%d token ids, %d log-probabilities, signal of %d positions", positions, len(logprobs), s.Len())
	}
	if s.Kind != spec.Kind {
		t.Errorf("signal of kind %q, asked for %q", s.Kind, spec.Kind)
	}
	for i := range positions {
		ids, lps := s.At(i)
		if len(ids) == 0 || len(ids) > spec.K || len(ids) != len(lps) {
			t.Fatalf("position %d: %d ids and %d log-probabilities, asked for %d", i, len(ids), len(lps), spec.K)
		}
		var sum float64
		for j, lp := range lps {
			sum += math.Exp(float64(lp))
			if lp > 0 || lp != lp {
				t.Errorf("position %d: log-probability %g", i, lp)
			}
			if slices.Contains(ids[:j], ids[j]) {
				t.Errorf("position %d: id %d twice", i, ids[j])
			}
			if spec.Kind == distill.TopK && j > 0 && lp > lps[j-1] {
				t.Errorf("position %d: log-probabilities rise from %g to %g", i, lps[j-1], lp)
			}
		}
		if sum > 1.001 || spec.Kind == distill.Sampled && sum < 0.999 {
			t.Errorf("position %d: probabilities sum to %g", i, sum)
		}
		if logprobs[i] > 0 || logprobs[i] != logprobs[i] {
			t.Errorf("position %d: log-probability of the token %g", i, logprobs[i])
		}
	}
}

func testScore(t *testing.T, known teacher.Teacher) {
	scorer, ok := known.(teacher.Scorer)
	if !ok {
		t.Skip("the teacher does not score")
	}
	req := question(8)
	req.Signal = distill.SignalSpec{Kind: distill.TopK, K: 4}
	c := ask(t, known, req)
	lps, signal, err := scorer.Score(t.Context(), req.Messages, c.TokenIDs, req.Signal)
	if err != nil {
		t.Fatalf("Score: %v", err)
	}
	checkSignal(t, signal, lps, req.Signal, len(c.TokenIDs))
	for i := range lps {
		if math.Abs(float64(lps[i]-c.TokenLogprobs[i])) > 1e-2 {
			t.Errorf("token %d: scored %g, drawn with %g", i, lps[i], c.TokenLogprobs[i])
		}
	}
}

func testClosed(t *testing.T, known teacher.Teacher) {
	if err := known.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if _, err := known.Complete(t.Context(), question(4)); err == nil {
		t.Error("a closed teacher answered")
	}
	if err := known.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
