//go:build unix

package infer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// benchShapes are the models of the speed tables: a student of one million weights, and Llamas of 15 and 60 million.
var benchShapes = map[string]shape{
	"1M":  {arch: "llama", width: 128, ffn: 384, layers: 4, heads: 4, kvHeads: 4, headDim: 32, vocab: 1024, tied: true},
	"15M": {arch: "llama", width: 288, ffn: 768, layers: 6, heads: 6, kvHeads: 6, headDim: 48, vocab: 32000, tied: true},
	"60M": {arch: "llama", width: 512, ffn: 1536, layers: 12, heads: 8, kvHeads: 8, headDim: 64, vocab: 32000},
}

// benchModel writes, or finds, the random model of a shape in a type, and opens it. With DISTILL_BENCH_DIR the files stay
// there, for llama.cpp to be timed on the same; DISTILL_BENCH_THREADS sets the threads.
func benchModel(b *testing.B, name string, t quant.Type) *Model {
	b.Helper()
	s := benchShapes[name]
	s.matrices, s.embedding, s.outputs = t, t, t
	if !t.Fits(s.width) || !t.Fits(s.ffn) {
		b.Skip("rows are no multiple of the block")
	}
	dir := os.Getenv("DISTILL_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%v.gguf", name, t))
	if _, err := os.Stat(path); err != nil {
		writeRandom(b, path, s)
	}
	threads, _ := strconv.Atoi(os.Getenv("DISTILL_BENCH_THREADS"))
	return open(b, path, Options{Threads: threads})
}

func eachModel(b *testing.B, run func(b *testing.B, m *Model)) {
	for _, name := range []string{"1M", "15M", "60M"} {
		for _, t := range []quant.Type{quant.F32, quant.F16, quant.Q8_0, quant.Q4_0, quant.Q4_K} {
			b.Run(fmt.Sprintf("%s/%v", name, t), func(b *testing.B) { run(b, benchModel(b, name, t)) })
		}
	}
}

// measure runs the loop and reports tokens per second, and per second of processor time: on a machine that does other
// things too only the second means something, and only with one thread.
func measure(b *testing.B, tokens int, body func()) {
	body() // tables and scratch memory have grown
	start := processorTime(b)
	for b.Loop() {
		body()
	}
	all := float64(tokens) * float64(b.N)
	b.ReportMetric(all/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(all/(processorTime(b)-start).Seconds(), "tokens/cpu-s")
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPrefill takes 512 tokens at once, with logits for the last.
func BenchmarkPrefill(b *testing.B) {
	eachModel(b, func(b *testing.B, m *Model) {
		ids := make([]Token, 512)
		for i := range ids {
			ids[i] = Token(3 + i*37%500)
		}
		measure(b, len(ids), func() {
			if _, err := m.NewSession().Append(ids...); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// BenchmarkDecode draws 128 tokens after one, greedily.
func BenchmarkDecode(b *testing.B) {
	eachModel(b, func(b *testing.B, m *Model) {
		const n = 128
		s := m.NewSession()
		measure(b, n, func() {
			s.Truncate(0)
			id := Token(1)
			for range n {
				logits, err := s.Append(id)
				if err != nil {
					b.Fatal(err)
				}
				id = argmax(logits)
			}
		})
	})
}

// BenchmarkBatch runs completions of 128 tokens through an engine, many at once.
func BenchmarkBatch(b *testing.B) {
	for _, slots := range []int{1, 32, 128} {
		b.Run(fmt.Sprint(slots), func(b *testing.B) {
			eachModel(b, func(b *testing.B, m *Model) {
				e := NewEngine(m, EngineOptions{Slots: slots})
				defer e.Close()
				r := Request{Sampling: distill.Sampling{MaxTokens: 128, Temperature: 1}}
				measure(b, 128*slots, func() { generateMany(b, e, slots, r) })
			})
		})
	}
}

// generateMany runs a request as many times at once, each with a prompt and a seed of its own.
func generateMany(b *testing.B, e *Engine, times int, r Request) {
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() {
			r := r
			r.Prompt, r.Sampling.Seed = []Token{1, Token(3 + i)}, uint64(i)
			if _, err := e.Generate(context.Background(), r); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}

// BenchmarkDraw runs completions as BenchmarkBatch does: greedily, greedily with the twenty most likely tokens kept at every
// position, and drawn from a nucleus.
func BenchmarkDraw(b *testing.B) {
	for name, r := range map[string]Request{
		"greedy":  {},
		"top20":   {Signal: distill.SignalSpec{Kind: distill.TopK, K: 20}},
		"nucleus": {Sampling: distill.Sampling{Temperature: 1, TopP: 0.95}},
	} {
		r.Sampling.MaxTokens = 128
		for _, slots := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", name, slots), func(b *testing.B) {
				eachModel(b, func(b *testing.B, m *Model) {
					e := NewEngine(m, EngineOptions{Slots: slots})
					defer e.Close()
					measure(b, 128*slots, func() { generateMany(b, e, slots, r) })
				})
			})
		}
	}
}
