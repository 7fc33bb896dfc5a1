package pack

import (
	"errors"
	"fmt"
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

// Corpus holds examples as compact records, about four bytes a token and six to eight more for each entry of a signal. It
// is filled, then read; reading is safe for concurrent use.
type Corpus struct {
	ends []distill.Token // tokens that end an answer; empty: not checked

	records records
	at      []example
	kind    distill.SignalKind
	tokens  int
}

// example is what stays in memory of one: 24 bytes.
type example struct {
	offset         int64 // of its record
	bytes          int32
	tokens, answer int32
	weight         float32
}

// NewCorpus returns an empty corpus in memory. Where end tokens are given, an example that does not end with one of them
// is refused unless it says it is unfinished: a student that never sees the end never stops.
func NewCorpus(endTokens ...distill.Token) *Corpus { return &Corpus{ends: endTokens} }

// Spill makes the corpus keep at most about hold bytes of records in memory and the rest in a file of its own in dir, which
// is gone when the corpus is closed or the process ends. It is called before the first Add.
func (c *Corpus) Spill(dir string, hold int) { c.records.dir, c.records.hold = dir, hold }

// Close lets go of the file, if there is one. Batches of the corpus are of no use afterwards.
func (c *Corpus) Close() error { return c.records.close() }

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
	case n > maxTokens:
		return fmt.Errorf("pack: example of %d tokens", n)
	}
	if s := e.Signal; s != nil {
		if want := n - e.AnswerStart; s.Len() != want {
			return fmt.Errorf("pack: signal of %d positions for an answer of %d tokens", s.Len(), want)
		}
		if c.kind != "" && c.kind != s.Kind {
			return fmt.Errorf("pack: signal %q among %q: their losses differ", s.Kind, c.kind)
		}
	}
	offset, size, err := c.records.add(e.Tokens, e.Signal)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	if e.Signal != nil {
		c.kind = e.Signal.Kind
	}
	weight := e.Weight
	if weight == 0 {
		weight = 1
	}
	c.at = append(c.at, example{offset, int32(size), int32(n), int32(e.AnswerStart), weight})
	c.tokens += n
	return nil
}

// Len returns the number of examples.
func (c *Corpus) Len() int { return len(c.at) }

// Tokens returns the number of tokens in all examples.
func (c *Corpus) Tokens() int { return c.tokens }

// Example returns example i, which is the caller's own.
func (c *Corpus) Example(i int) (Example, error) {
	at := &c.at[i]
	tokens, signal, err := c.records.read(at.offset, int(at.bytes), int(at.tokens), int(at.tokens-at.answer))
	if err != nil {
		return Example{}, fmt.Errorf("pack: example %d: %w", i, err)
	}
	if signal != nil {
		signal.Kind = c.kind
	}
	return Example{Tokens: tokens, AnswerStart: int(at.answer), Weight: at.weight, Signal: signal}, nil
}

// size is the number of row positions example i takes: its last token is only ever predicted.
func (c *Corpus) size(i int) int { return int(c.at[i].tokens) - 1 }
