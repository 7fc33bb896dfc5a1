package infer

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/model"
)

// open makes the model of a file ready and closes it with the test.
func open(tb testing.TB, path string, o Options) *Model {
	tb.Helper()
	source, err := model.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer source.Close()
	m, err := New(source, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(m.Close)
	return m
}

func ask(tb testing.TB, oracle string, args ...string) string {
	tb.Helper()
	out, err := exec.Command(oracle, args...).Output()
	if err != nil {
		tb.Fatalf("llama_oracle %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func numbers(ids []Token) []string {
	var s []string
	for _, id := range ids {
		s = append(s, fmt.Sprint(id))
	}
	return s
}

func parse(tb testing.TB, line string) (ids []Token) {
	tb.Helper()
	for _, f := range strings.Fields(line) {
		var id Token
		if _, err := fmt.Sscan(f, &id); err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// greedy continues a prompt without an engine, sampler or batch.
func greedy(tb testing.TB, m *Model, prompt []Token, n int) (ids []Token) {
	tb.Helper()
	s := m.NewSession()
	next := prompt
	for range n {
		logits, err := s.Append(next...)
		if err != nil {
			tb.Fatal(err)
		}
		next = []Token{argmax(logits)}
		ids = append(ids, next...)
	}
	return ids
}

// relativeError is ‖got − want‖ / ‖want‖.
func relativeError(got, want []float32) float64 {
	var difference, size float64
	for i, w := range want {
		d := float64(got[i] - w)
		difference += d * d
		size += float64(w) * float64(w)
	}
	return math.Sqrt(difference / size)
}

func oracleLogits(tb testing.TB, oracle, path string, ids []Token) []float32 {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "logits.f32")
	ask(tb, oracle, append([]string{"logits", path, out}, numbers(ids)...)...)
	b, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

// The ids are those of llama.cpp, from the oracle's README.
var (
	storiesPrompt = []Token{1, 403, 407}
	storiesGreedy = []Token{261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408}
)

func TestGreedyEqualsLlamaCpp(t *testing.T) {
	m := open(t, fixture.Shared(t, "models", "stories260K-f32.gguf"), Options{})
	got := greedy(t, m, storiesPrompt, len(storiesGreedy))
	if fmt.Sprint(got) != fmt.Sprint(storiesGreedy) {
		t.Errorf("greedy continuation\n got %v\nwant %v", got, storiesGreedy)
	}
}

func TestLogitsAgreeWithLlamaCpp(t *testing.T) {
	oracle := fixture.Oracle(t)
	path := fixture.Shared(t, "models", "stories260K-f32.gguf")
	m := open(t, path, Options{Context: 256})
	for _, n := range []int{1, 7, 200} {
		ids := []Token{1}
		for i := 1; i < n; i++ {
			ids = append(ids, Token(3+i*37%500))
		}
		want := oracleLogits(t, oracle, path, ids)
		got, err := m.Logits(ids)
		if err != nil {
			t.Fatal(err)
		}
		if e := relativeError(got, want); e > 1e-3 || math.IsNaN(e) {
			t.Errorf("%d tokens: logits differ by %.2g of the largest", n, e)
		} else {
			t.Logf("%d tokens: %.2g", n, e)
		}
	}
}
