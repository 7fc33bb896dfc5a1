package nn

import (
	"errors"
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Batch is what one forward pass reads: B rows of T tokens each, a row being one sequence or several packed after one
// another. Position n = b·T + t is element t of row b.
type Batch struct {
	Rows, Length int // B and T

	Tokens  []distill.Token // (B·T)
	Targets []distill.Token // (B·T) the token to be predicted at each position; not read where the weight is 0
	Weights []float32       // (B·T) what each position counts in the loss; 0 = not learnt

	// Starts, (B·T), is the index in its row of the first token of the sequence that each position belongs to: a
	// position attends from there to itself, and its rotary position counts from there. Nil means 0 everywhere: one
	// sequence a row.
	Starts []int32

	// Signal is the teacher's distribution at each position, aligned with Targets, with empty entries where there is
	// none. Nil means there is none at all.
	Signal *distill.Signal

	// Teacher is a teacher in this process, asked for its whole distribution instead of Signal. Nil means none.
	Teacher Teacher
}

// Teacher gives the distribution of a model in this process for the positions of a batch.
type Teacher interface {
	// Begin reads a batch; what follows is about it, until the next Begin.
	Begin(b *Batch) error
	// Vocab returns the size of the teacher's vocabulary.
	Vocab() int
	// Logits fills dst, (len(rows), Vocab), with the logits at those positions.
	Logits(dst kernel.Matrix, rows []int32)
}

// Reasons why a batch cannot be learnt from.
var (
	ErrShape      = errors.New("nn: lengths of the batch disagree with its shape")
	ErrAllMasked  = errors.New("nn: no position of the batch is learnt")
	ErrVocabulary = errors.New("nn: token outside the vocabulary")
	errFrozen     = errors.New("nn: parameter is frozen")
)

// Weight returns the sum of the weights.
func (b *Batch) Weight() float64 {
	var sum float64
	for _, w := range b.Weights {
		sum += float64(w)
	}
	return sum
}

// hash returns a number that depends on the tokens.
func (b *Batch) hash() (h uint64) {
	for _, id := range b.Tokens {
		h = splitmix(h ^ uint64(id))
	}
	return h
}

// Check returns an error unless the lengths fit the shape, tokens and learnt targets lie in the vocabulary, weights are
// not negative, starts are in order, and something is learnt.
func (b *Batch) Check(vocab int) error {
	n := b.Rows * b.Length
	if b.Rows <= 0 || b.Length <= 0 || len(b.Tokens) != n || len(b.Targets) != n || len(b.Weights) != n ||
		(b.Starts != nil && len(b.Starts) != n) || (b.Signal != nil && b.Signal.Len() != n) {
		return fmt.Errorf("%w (%d, %d)", ErrShape, b.Rows, b.Length)
	}
	learnt := false
	for i, id := range b.Tokens {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("%w: token %d at position %d, vocabulary %d", ErrVocabulary, id, i, vocab)
		}
		w := b.Weights[i]
		if !(w >= 0) {
			return fmt.Errorf("nn: weight %v at position %d", w, i)
		}
		if w == 0 {
			continue
		}
		learnt = true
		if id := b.Targets[i]; id < 0 || int(id) >= vocab {
			return fmt.Errorf("%w: target %d at position %d, vocabulary %d", ErrVocabulary, id, i, vocab)
		}
	}
	if !learnt {
		return ErrAllMasked
	}
	return b.checkStarts()
}

func (b *Batch) checkStarts() error {
	for i, s := range b.Starts {
		t := i % b.Length
		if s < 0 || int(s) > t || (t > 0 && s != int32(t) && s != b.Starts[i-1]) {
			return fmt.Errorf("nn: start %d at position %d of row %d", s, t, i/b.Length)
		}
	}
	return nil
}

// layout is what attention reads of a batch: for each of N rows, the first row it attends to and its rotary position.
type layout struct {
	start, position []int32
}

// set fills the layout from a batch.
func (l *layout) set(b *Batch) {
	n := b.Rows * b.Length
	if len(l.start) != n {
		l.start, l.position = make([]int32, n), make([]int32, n)
	}
	for i := range n {
		t := i % b.Length
		start := 0
		if b.Starts != nil {
			start = int(b.Starts[i])
		}
		l.start[i] = int32(i - t + start)
		l.position[i] = int32(t - start)
	}
}
