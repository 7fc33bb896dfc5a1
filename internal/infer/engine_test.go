package infer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

func stories(tb testing.TB, o Options) *Model {
	tb.Helper()
	return open(tb, fixture.Shared(tb, "models", "stories260K-f32.gguf"), o)
}

func engine(tb testing.TB, m *Model, slots int) *Engine {
	tb.Helper()
	e := NewEngine(m, EngineOptions{Slots: slots})
	tb.Cleanup(e.Close)
	return e
}

func generate(tb testing.TB, e *Engine, r Request) Result {
	tb.Helper()
	result, err := e.Generate(context.Background(), r)
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// variedRequests differ in prompt, length and every way of sampling.
func variedRequests(n int) []Request {
	var all []Request
	for i := range n {
		r := Request{Prompt: storiesPrompt, Sampling: distill.Sampling{MaxTokens: 5 + i%17, Seed: uint64(i)}}
		if i%5 > 0 {
			r.Prompt = []Token{1}
			for j := range i * 7 % 90 {
				r.Prompt = append(r.Prompt, Token(3+(i*31+j*17)%500))
			}
		}
		switch i % 4 {
		case 1:
			r.Sampling.Temperature = 1
			r.Signal = distill.SignalSpec{Kind: distill.TopK, K: 8}
		case 2:
			r.Sampling.Temperature, r.Sampling.TopP, r.Sampling.TopK = 0.8, 0.9, 40
			r.Signal = distill.SignalSpec{Kind: distill.Sampled, K: 16}
		case 3:
			r.Sampling.Temperature, r.Sampling.MinP, r.Sampling.RepetitionPenalty = 1.2, 0.05, 1.3
		}
		all = append(all, r)
	}
	return all
}

func TestEngineIsGreedyLikeLlamaCpp(t *testing.T) {
	e := engine(t, stories(t, Options{}), 2)
	r := generate(t, e, Request{Prompt: storiesPrompt, Sampling: distill.Sampling{MaxTokens: len(storiesGreedy)}})
	if fmt.Sprint(r.Tokens) != fmt.Sprint(storiesGreedy) {
		t.Errorf("got %v, want %v", r.Tokens, storiesGreedy)
	}
	if r.FinishReason != distill.FinishLength || len(r.Logprobs) != len(r.Tokens) {
		t.Errorf("finished by %q with %d log-probabilities for %d tokens", r.FinishReason, len(r.Logprobs), len(r.Tokens))
	}
}

// An answer is the same, to the last bit of its log-probabilities, alone and in any company, with any number of threads
// and slots, from a fresh cache and from one that holds a part of the prompt.
func TestAnswersDoNotDependOnCompany(t *testing.T) {
	requests := variedRequests(48)
	alone := make([]Result, len(requests))
	one := engine(t, stories(t, Options{Threads: 1}), 1)
	for i, r := range requests {
		alone[i] = generate(t, one, r)
	}
	for _, c := range []struct{ threads, slots int }{{1, 5}, {2, 48}, {3, 7}} {
		e := engine(t, stories(t, Options{Threads: c.threads}), c.slots)
		for range 2 {
			var wg sync.WaitGroup
			for i, r := range requests {
				wg.Go(func() {
					got, err := e.Generate(context.Background(), r)
					if err != nil {
						t.Error(err)
						return
					}
					if !sameResult(got, alone[i]) {
						t.Errorf("threads %d, slots %d, request %d:\n got %v\nwant %v", c.threads, c.slots, i, got, alone[i])
					}
				})
			}
			wg.Wait()
		}
	}
}

func sameResult(a, b Result) bool {
	same := slices.Equal(a.Tokens, b.Tokens) && slices.Equal(a.Logprobs, b.Logprobs) && a.Text == b.Text && a.FinishReason == b.FinishReason
	if a.Signal == nil || b.Signal == nil {
		return same && a.Signal == b.Signal
	}
	return same && slices.Equal(a.Signal.Ends, b.Signal.Ends) && slices.Equal(a.Signal.IDs, b.Signal.IDs) && slices.Equal(a.Signal.Logprobs, b.Signal.Logprobs)
}

// Scoring a completion finds the log-probabilities that generating it reported, and those of the whole logits.
func TestScoreAgreesWithGenerate(t *testing.T) {
	m := stories(t, Options{})
	e := engine(t, m, 4)
	spec := distill.SignalSpec{Kind: distill.TopK, K: 5}
	r := generate(t, e, Request{Prompt: storiesPrompt, Signal: spec, Sampling: distill.Sampling{MaxTokens: 40, Temperature: 1, Seed: 3}})
	all := append(slices.Clone(storiesPrompt), r.Tokens...)
	logprobs, signal, err := e.Score(context.Background(), all, len(storiesPrompt), spec)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(logprobs, r.Logprobs) || !slices.Equal(signal.IDs, r.Signal.IDs) || !slices.Equal(signal.Logprobs, r.Signal.Logprobs) {
		t.Errorf("scored %v\ngenerated %v", logprobs, r.Logprobs)
	}
	logits, err := m.Logits(all)
	if err != nil {
		t.Fatal(err)
	}
	v := m.cfg.Vocab
	for i, id := range r.Tokens {
		row := logits[(len(storiesPrompt)+i-1)*v:][:v]
		var sum float64
		for _, x := range row {
			sum += math.Exp(float64(x))
		}
		if want := float64(row[id]) - math.Log(sum); math.Abs(want-float64(logprobs[i])) > 1e-5 {
			t.Errorf("position %d: %v, want %v", i, logprobs[i], want)
		}
	}
}

func TestSignals(t *testing.T) {
	e := engine(t, stories(t, Options{}), 1)
	for _, spec := range []distill.SignalSpec{{Kind: distill.TopK, K: 12}, {Kind: distill.Sampled, K: 50}} {
		r := generate(t, e, Request{Prompt: storiesPrompt, Signal: spec, Sampling: distill.Sampling{MaxTokens: 20, Temperature: 1}})
		if r.Signal.Len() != len(r.Tokens) {
			t.Fatalf("%s: %d positions for %d tokens", spec.Kind, r.Signal.Len(), len(r.Tokens))
		}
		for i := range r.Tokens {
			ids, logprobs := r.Signal.At(i)
			var mass float64
			seen := map[Token]bool{}
			for j, p := range logprobs {
				mass += math.Exp(float64(p))
				if seen[ids[j]] {
					t.Errorf("%s: token %d twice", spec.Kind, ids[j])
				}
				seen[ids[j]] = true
				if spec.Kind == distill.TopK && j > 0 && p > logprobs[j-1] {
					t.Errorf("top-k rises at %d", j)
				}
			}
			if spec.Kind == distill.Sampled && math.Abs(mass-1) > 1e-5 || mass > 1+1e-5 || spec.Kind == distill.TopK && len(ids) != spec.K {
				t.Errorf("%s: %d entries of mass %v", spec.Kind, len(ids), mass)
			}
		}
	}
}

// Sampled signals are unbiased: their mean over many seeds approaches the distribution.
func TestSampledSignalIsUnbiased(t *testing.T) {
	logits := []float32{1, 0, -1, 2, -30, 0.5}
	var sum float64
	for _, x := range logits {
		sum += math.Exp(float64(x))
	}
	var d distribution
	d.set(logits, 1)
	mean := make([]float64, len(logits))
	const rounds, k = 4000, 7
	for seed := range uint64(rounds) {
		r := newRecorder(distill.SignalSpec{Kind: distill.Sampled, K: k}, seed)
		r.record(logits, &d)
		ids, logprobs := r.signal.At(0)
		for i, id := range ids {
			mean[id] += math.Exp(float64(logprobs[i])) / rounds
		}
	}
	for i, x := range logits {
		p := math.Exp(float64(x)) / sum
		if deviation := math.Sqrt(p * (1 - p) / (rounds * k)); math.Abs(mean[i]-p) > 5*deviation+1e-9 {
			t.Errorf("token %d: mean %v, probability %v", i, mean[i], p)
		}
	}
}

func TestStopTextAndStreaming(t *testing.T) {
	m := stories(t, Options{})
	e := engine(t, m, 2)
	free := generate(t, e, Request{Prompt: storiesPrompt, Sampling: distill.Sampling{MaxTokens: 60}})
	if len(free.Text) < 30 {
		t.Fatalf("too little text to cut: %q", free.Text)
	}
	stop := free.Text[20:25]
	want, _, _ := strings.Cut(free.Text, stop)
	var streamed strings.Builder
	var tokens []Token
	r := generate(t, e, Request{Prompt: storiesPrompt, Sampling: distill.Sampling{MaxTokens: 60, Stop: []string{"never", stop}},
		OnToken: func(id Token, text string) {
			tokens = append(tokens, id)
			streamed.WriteString(text)
		}})
	if r.Text != want || streamed.String() != want || r.FinishReason != distill.FinishStop {
		t.Errorf("text %q, streamed %q, finished by %q; want %q", r.Text, streamed.String(), r.FinishReason, want)
	}
	if !slices.Equal(r.Tokens, free.Tokens[:len(r.Tokens)]) || !slices.Equal(tokens, r.Tokens) {
		t.Error("a stop text changed the tokens before it")
	}
}

func TestTextStreamHoldsBack(t *testing.T) {
	s := newTextStream([]string{"END", "é!"})
	var shown []string
	for _, piece := range []string{"a\xc3", "\xa9", "b E", "N", "x", "\xf0\x9f", "\x98\x80", "EN", "D tail"} {
		shown = append(shown, s.push([]byte(piece)))
	}
	want := []string{"a", "", "éb ", "", "ENx", "", "😀", "", ""}
	if !slices.Equal(shown, want) || !s.stopped || string(s.text) != "aéb ENx😀" {
		t.Errorf("shown %q, want %q; text %q", shown, want, s.text)
	}
}

func TestEndTokens(t *testing.T) {
	e := engine(t, stories(t, Options{}), 1)
	r := generate(t, e, Request{Prompt: storiesPrompt, EndTokens: []Token{storiesGreedy[4]}})
	if !slices.Equal(r.Tokens, storiesGreedy[:5]) || r.FinishReason != distill.FinishStop {
		t.Errorf("%v, finished by %q", r.Tokens, r.FinishReason)
	}
}

func TestContextIsTheLimit(t *testing.T) {
	e := engine(t, stories(t, Options{Context: 32}), 1)
	r := generate(t, e, Request{Prompt: storiesPrompt, Sampling: distill.Sampling{Temperature: 1}})
	if r.FinishReason != distill.FinishLength || len(r.Tokens) != 32-len(storiesPrompt) {
		t.Errorf("%d tokens, finished by %q", len(r.Tokens), r.FinishReason)
	}
}

func TestRefusals(t *testing.T) {
	e := engine(t, stories(t, Options{Context: 32}), 1)
	for _, prompt := range [][]Token{nil, {1, 512}, {-1}, make([]Token, 32), make([]Token, 40)} {
		if _, err := e.Generate(context.Background(), Request{Prompt: prompt}); err == nil {
			t.Errorf("prompt of %d tokens accepted", len(prompt))
		}
	}
	if _, _, err := e.Score(context.Background(), storiesPrompt, 0, distill.SignalSpec{}); err == nil {
		t.Error("scoring the first token accepted")
	}
}

func TestCancelAndClose(t *testing.T) {
	m := stories(t, Options{Context: 1 << 20})
	e := NewEngine(m, EngineOptions{Slots: 1})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := e.Generate(ctx, Request{Prompt: storiesPrompt, Sampling: distill.Sampling{Temperature: 1},
		OnToken: func(Token, string) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled call: %v", err)
	}
	started := make(chan struct{})
	var once sync.Once
	done := make(chan error)
	go func() {
		_, err := e.Generate(context.Background(), Request{Prompt: []Token{1}, Sampling: distill.Sampling{Temperature: 5},
			OnToken: func(Token, string) { once.Do(func() { close(started) }) }})
		done <- err
	}()
	<-started
	e.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("call in flight: %v", err)
	}
	if _, err := e.Generate(context.Background(), Request{Prompt: storiesPrompt}); !errors.Is(err, ErrClosed) {
		t.Errorf("call after Close: %v", err)
	}
}
