package pack

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/seed-d24fde5f/distill"
)

// Errors that callers act on.
var (
	// ErrAllMasked: an example has no token to learn.
	ErrAllMasked = errors.New("pack: nothing to learn: the answer is empty")
	// ErrNoEnd: an example that is not marked Unfinished lacks an end token.
	ErrNoEnd = errors.New("pack: the example does not end with an end token")
	// ErrTooLong: an example does not fit a row, under the policy [Refuse].
	ErrTooLong = errors.New("pack: example longer than a row")
)

// Example is one conversation as token ids.
type Example struct {
	Tokens      []distill.Token // prompt and answer, end token included
	AnswerStart int             // index of the first token that is learnt; 0 for running text, whose first token cannot be
	Unfinished  bool            // the answer was cut off: no end token is expected
	Weight      float32         // what each of its tokens counts in the loss; 0 means 1

	// Signal is the teacher's distribution for each token from AnswerStart on, or nil.
	Signal *distill.Signal
}

// Corpus holds examples in a few large slices, about four bytes a token. It is filled, then read; reading is safe for
// concurrent use.
type Corpus struct {
	ends []distill.Token // tokens that end an answer; empty: not checked

	tokens  []distill.Token
	bounds  []int64 // example i is tokens[bounds[i]:bounds[i+1]]
	answers []int32
	weights []float32

	kind     distill.SignalKind
	rows     []int64 // for example i its signal's positions are signalRows rows[i]…rows[i+1]
	rowEnds  []int64 // in ids and logprobs, one more than there are positions
	ids      []distill.Token
	logprobs []float32
}

// NewCorpus returns an empty corpus. Where end tokens are given, an example that does not end with one of them is
// refused unless it says it is unfinished: a student that never sees the end never stops.
func NewCorpus(endTokens ...distill.Token) *Corpus {
	return &Corpus{ends: endTokens, bounds: []int64{0}, rows: []int64{0}, rowEnds: []int64{0}}
}

// Add copies an example into the corpus.
func (c *Corpus) Add(e Example) error {
	n := len(e.Tokens)
	switch {
	case e.AnswerStart < 0 || e.AnswerStart > n:
		return fmt.Errorf("pack: answer starts at %d of %d tokens", e.AnswerStart, n)
	case max(e.AnswerStart, 1) >= n || e.Weight < 0:
		return ErrAllMasked
	case len(c.ends) > 0 && !e.Unfinished && !slices.Contains(c.ends, e.Tokens[n-1]):
		return ErrNoEnd
	case n > math.MaxInt32:
		return fmt.Errorf("pack: example of %d tokens", n)
	}
	if err := c.addSignal(e); err != nil {
		return err
	}
	weight := e.Weight
	if weight == 0 {
		weight = 1
	}
	c.tokens = append(c.tokens, e.Tokens...)
	c.bounds = append(c.bounds, int64(len(c.tokens)))
	c.answers = append(c.answers, int32(e.AnswerStart))
	c.weights = append(c.weights, weight)
	return nil
}

func (c *Corpus) addSignal(e Example) error {
	s := e.Signal
	if s == nil {
		c.rows = append(c.rows, c.rows[len(c.rows)-1])
		return nil
	}
	if want := len(e.Tokens) - e.AnswerStart; s.Len() != want {
		return fmt.Errorf("pack: signal of %d positions for an answer of %d tokens", s.Len(), want)
	}
	if c.kind != "" && c.kind != s.Kind {
		return fmt.Errorf("pack: signal %q among %q: their losses differ", s.Kind, c.kind)
	}
	c.kind = s.Kind
	base := int64(len(c.ids))
	for _, end := range s.Ends {
		c.rowEnds = append(c.rowEnds, base+int64(end))
	}
	c.ids = append(c.ids, s.IDs...)
	c.logprobs = append(c.logprobs, s.Logprobs...)
	c.rows = append(c.rows, int64(len(c.rowEnds)-1))
	return nil
}

// Len returns the number of examples.
func (c *Corpus) Len() int { return len(c.answers) }

// Tokens returns the number of tokens in all examples.
func (c *Corpus) Tokens() int { return len(c.tokens) }

// Example returns example i; its slices alias the corpus, but for the signal.
func (c *Corpus) Example(i int) Example {
	e := Example{Tokens: c.tokens[c.bounds[i]:c.bounds[i+1]], AnswerStart: int(c.answers[i]), Weight: c.weights[i]}
	if first, last := c.rows[i], c.rows[i+1]; last > first {
		e.Signal = &distill.Signal{Kind: c.kind}
		for r := first; r < last; r++ {
			e.Signal.Append(c.entries(r))
		}
	}
	return e
}

// entries returns the signal at one position of the corpus.
func (c *Corpus) entries(row int64) ([]distill.Token, []float32) {
	from, to := c.rowEnds[row], c.rowEnds[row+1]
	return c.ids[from:to], c.logprobs[from:to]
}

// size is the number of row positions example i takes: its last token is only ever predicted.
func (c *Corpus) size(i int) int { return int(c.bounds[i+1]-c.bounds[i]) - 1 }
