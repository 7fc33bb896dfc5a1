package pack

import (
	"errors"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/half"
)

const end = distill.Token(9999)

// aCorpus draws examples whose tokens are all different, so that every position of a batch can be traced back.
func aCorpus(t *rapid.T, longest int) *Corpus {
	c := NewCorpus(end)
	signal := rapid.Bool().Draw(t, "signal")
	next := distill.Token(10000)
	for range rapid.IntRange(1, 40).Draw(t, "examples") {
		n := rapid.IntRange(2, longest).Draw(t, "n")
		e := Example{AnswerStart: rapid.IntRange(0, n-1).Draw(t, "answer"), Weight: rapid.Float32Range(0.5, 2).Draw(t, "weight")}
		for range n - 1 {
			e.Tokens = append(e.Tokens, next)
			next++
		}
		e.Tokens = append(e.Tokens, end)
		if signal {
			e.Signal = &distill.Signal{Kind: distill.TopK}
			for _, id := range e.Tokens[e.AnswerStart:] {
				e.Signal.Append([]distill.Token{id, id + 1}, []float32{-0.5, -1})
			}
		}
		if err := c.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Every example that fits is learnt exactly once an epoch: each token of its answer has its weight, follows its
// predecessor, sees no neighbour, and carries its own signal; the prompt and the padding have no weight.
func TestEpochLearnsEveryAnswerOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(2, 70).Draw(t, "length")
		c := aCorpus(t, 80)
		options := Options{Rows: rapid.IntRange(1, 4).Draw(t, "rows"), Length: length, Pad: -1, Seed: rapid.Uint64().Draw(t, "seed"),
			TooLong: rapid.SampledFrom([]TooLong{Drop, CutPrompt, Split}).Draw(t, "policy"), InOrder: rapid.Bool().Draw(t, "in order")}
		b, err := New(c, options)
		if err != nil {
			if b != nil || c.Len() == 0 {
				t.Fatal(err)
			}
			return // nothing fits
		}
		learnt, tokens := 0, 0
		wanted := make(map[[2]distill.Token]float32) // predecessor and token, of all answers
		for i := range c.Len() {
			e, err := c.Example(i)
			if err != nil {
				t.Fatal(err)
			}
			for j := max(e.AnswerStart, 1); j < len(e.Tokens); j++ {
				wanted[[2]distill.Token{e.Tokens[j-1], e.Tokens[j]}] = e.Weight
			}
		}
		for range b.PerEpoch() {
			batch, epoch, err := b.Next()
			if err != nil || epoch != 0 {
				t.Fatal(epoch, err)
			}
			for i, w := range batch.Weights {
				start, at := int(batch.Starts[i]), i%length
				if start > at || start < 0 || (start < at && int(batch.Starts[i-1]) != start) {
					t.Fatalf("position %d starts at %d", at, start)
				}
				if batch.Tokens[i] == -1 {
					if w != 0 || start != at {
						t.Fatalf("padding with weight %v, start %d of %d", w, start, at)
					}
					continue
				}
				tokens++
				if start < at && batch.Tokens[i-1]+1 != batch.Tokens[i] {
					t.Fatalf("token %d after %d in one example", batch.Tokens[i], batch.Tokens[i-1])
				}
				if w == 0 {
					continue
				}
				learnt++
				step := [2]distill.Token{batch.Tokens[i], batch.Targets[i]}
				if wanted[step] != w {
					t.Fatalf("%v has weight %v where %v was wanted", step, w, wanted[step])
				}
				delete(wanted, step)
				if batch.Signal != nil {
					if ids, _ := batch.Signal.At(i); ids[0] != batch.Targets[i] {
						t.Fatalf("the signal of %d is at %d", ids[0], batch.Targets[i])
					}
				}
			}
			if batch.Signal != nil && batch.Signal.Len() != len(batch.Tokens) {
				t.Fatalf("signal of %d positions", batch.Signal.Len())
			}
		}
		report := b.Report()
		if learnt != report.Learnt || tokens != report.Tokens || report.Examples+report.Dropped != c.Len() {
			t.Fatalf("learnt %d of %d tokens: %+v", learnt, tokens, report)
		}
		if report.Dropped == 0 && len(wanted) > 0 {
			t.Fatalf("not learnt: %v", wanted)
		}
		if _, epoch, _ := b.Next(); epoch != 1 {
			t.Fatalf("epoch %d after the first", epoch)
		}
	})
}

// A run that stops anywhere and continues elsewhere sees the batches of a run that never stopped.
func TestSeekContinues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := aCorpus(t, 30)
		options := Options{Rows: 2, Length: 32, Seed: 7}
		whole, err := New(c, options)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			whole.Next()
		}
		again, _ := New(c, options)
		if err := again.Seek(whole.Position()); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			want, e1, _ := whole.Next()
			got, e2, _ := again.Next()
			if e1 != e2 || !reflect.DeepEqual(want, got) {
				t.Fatalf("epoch %d: %v\nepoch %d: %v", e1, want, e2, got)
			}
		}
	})
}

func TestEpochsDiffer(t *testing.T) {
	c := NewCorpus()
	for i := range 50 {
		c.Add(Example{Tokens: []distill.Token{int32(i), 1, 2, 3}, AnswerStart: 1})
	}
	b, err := New(c, Options{Rows: 100, Length: 4})
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := b.Next()
	second, _, _ := b.Next()
	if reflect.DeepEqual(first.Tokens, second.Tokens) {
		t.Error("two epochs in the same order")
	}
}

func TestAddRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		example Example
		want    error
	}{
		"nothing to learn": {Example{Tokens: []distill.Token{1, end}, AnswerStart: 2}, ErrAllMasked},
		"single token":     {Example{Tokens: []distill.Token{end}}, ErrAllMasked},
		"empty":            {Example{}, ErrAllMasked},
		"no end":           {Example{Tokens: []distill.Token{1, 2}, AnswerStart: 1}, ErrNoEnd},
		"unfinished":       {Example{Tokens: []distill.Token{1, 2}, AnswerStart: 1, Unfinished: true}, nil},
		"short signal": {Example{Tokens: []distill.Token{1, 2, end}, AnswerStart: 1,
			Signal: &distill.Signal{Kind: distill.TopK, Ends: []int32{0}}}, errors.New("")},
	} {
		c := NewCorpus(end)
		err := c.Add(test.example)
		if (err == nil) != (test.want == nil) || errors.Is(test.want, ErrAllMasked) != errors.Is(err, ErrAllMasked) ||
			errors.Is(test.want, ErrNoEnd) != errors.Is(err, ErrNoEnd) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (c.Len() != 0 || c.Tokens() != 0) {
			t.Errorf("%s: kept", name)
		}
	}
}

// An example comes back as it was put in, from memory and from a file, whose removal leaves nothing behind.
func TestCorpusKeepsExamples(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		c := NewCorpus()
		if hold := rapid.IntRange(-1, 400).Draw(t, "hold"); hold >= 0 {
			c.Spill(dir, hold)
		}
		var all []Example
		for range rapid.IntRange(1, 30).Draw(t, "examples") {
			e := Example{Tokens: rapid.SliceOfN(rapid.Int32(), 2, 30).Draw(t, "tokens"), Weight: 1, AnswerStart: 1}
			if exact := rapid.IntRange(0, 2).Draw(t, "signal"); exact > 0 {
				e.Signal = &distill.Signal{Kind: distill.Sampled}
				for range len(e.Tokens) - 1 {
					ids := rapid.SliceOfN(rapid.Int32(), 0, 5).Draw(t, "ids")
					logprobs := make([]float32, len(ids))
					for i := range logprobs {
						if logprobs[i] = rapid.Float32Range(-20, 0).Draw(t, "logprob"); exact == 1 {
							logprobs[i] = half.FromF16(half.F16(logprobs[i]))
						}
					}
					e.Signal.Append(ids, logprobs)
				}
			}
			if err := c.Add(e); err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		for i, want := range all {
			got, err := c.Example(i)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("example %d:\n%s", i, diff)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Fatalf("%s is left behind", left[0].Name())
		}
	})
}

func TestTooLongPolicies(t *testing.T) {
	c := NewCorpus()
	c.Add(Example{Tokens: make([]distill.Token, 10), AnswerStart: 6}) // 9 positions, 4 answer tokens
	c.Add(Example{Tokens: make([]distill.Token, 20), AnswerStart: 2}) // the answer alone is too long
	c.Add(Example{Tokens: make([]distill.Token, 4), AnswerStart: 2})
	for policy, want := range map[TooLong]Report{
		Drop:      {Examples: 1, Dropped: 2},
		CutPrompt: {Examples: 2, Dropped: 1, Cut: 1},
		Split:     {Examples: 3, Split: 2},
	} {
		b, err := New(c, Options{Rows: 1, Length: 6, TooLong: policy})
		if err != nil {
			t.Fatal(policy, err)
		}
		got := b.Report()
		if got.Examples != want.Examples || got.Dropped != want.Dropped || got.Cut != want.Cut || got.Split != want.Split {
			t.Errorf("%s: %+v", policy, got)
		}
	}
	if _, err := New(c, Options{Rows: 1, Length: 6, TooLong: Refuse}); !errors.Is(err, ErrTooLong) {
		t.Errorf("refuse: %v", err)
	}
	if _, err := New(c, Options{Rows: 1, Length: 2}); err == nil {
		t.Error("nothing fits and no error")
	}
	if _, err := New(c, Options{Rows: 1, Length: 6, TooLong: "x"}); err == nil {
		t.Error("unknown policy accepted")
	}
}

// With several examples a row, best fit leaves less than two percent of padding.
func TestFill(t *testing.T) {
	c := NewCorpus()
	for i := range 5000 {
		c.Add(Example{Tokens: make([]distill.Token, 20+i*7919%180), AnswerStart: 5})
	}
	b, err := New(c, Options{Rows: 8, Length: 512})
	if err != nil {
		t.Fatal(err)
	}
	if fill := b.Report().Fill(512); fill < 0.98 {
		t.Errorf("rows are filled to %.1f %%", 100*fill)
	}
}

func BenchmarkPlanEpoch(b *testing.B) {
	pieces := make([]piece, 100_000)
	for i := range pieces {
		pieces[i] = piece{int32(i), 0, int32(20 + i*7919%400)}
	}
	for b.Loop() {
		planEpoch(pieces, 512, 1, 1)
	}
}
