package train

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed-d24fde5f/distill"
)

// Sequence is one row of a batch: T tokens with what is to be learnt at each. The slices have the same length; Starts and
// Signal may be nil, as in Batch.
type Sequence struct {
	Tokens, Targets []distill.Token
	Weights         []float32
	Starts          []int32
	Signal          *distill.Signal
}

// Loader is a Source over sequences in memory: it goes through all of them in an order that each epoch shuffles anew, for
// ever.
type Loader struct {
	sequences []Sequence
	rows      int
	seed      uint64

	epoch int // of order
	order []int
}

// NewLoader returns a source of batches of the given number of rows. The sequences must be of one length, and at least
// one of them must learn something.
func NewLoader(sequences []Sequence, rows int, seed uint64) (*Loader, error) {
	if len(sequences) == 0 || rows <= 0 {
		return nil, fmt.Errorf("train: %d sequences in batches of %d", len(sequences), rows)
	}
	length, learnt := len(sequences[0].Tokens), false
	for i, s := range sequences {
		if len(s.Tokens) != length || length == 0 || len(s.Targets) != length || len(s.Weights) != length ||
			(s.Starts != nil && len(s.Starts) != length) || (s.Signal != nil && s.Signal.Len() != length) {
			return nil, fmt.Errorf("train: sequence %d: lengths differ from %d", i, length)
		}
		for _, w := range s.Weights {
			learnt = learnt || w > 0
		}
	}
	if !learnt {
		return nil, fmt.Errorf("train: %w", ErrAllMasked)
	}
	return &Loader{sequences: sequences, rows: rows, seed: seed, epoch: -1}, nil
}

// Batch implements Source. Epochs are not aligned to batches: a batch may hold the end of one and the beginning of the
// next.
func (l *Loader) Batch(i int) (*Batch, error) {
	rows := make([]Sequence, l.rows)
	for r := range rows {
		n := i*l.rows + r
		rows[r] = l.sequences[l.at(n/len(l.sequences), n%len(l.sequences))]
	}
	return NewBatch(rows)
}

// at returns which sequence is the i-th of an epoch.
func (l *Loader) at(epoch, i int) int {
	if epoch != l.epoch {
		l.order = rand.New(rand.NewPCG(l.seed, uint64(epoch))).Perm(len(l.sequences))
		l.epoch = epoch
	}
	return l.order[i]
}

// Batches cuts sequences into batches in their order, for evaluation. The last one is filled with rows of weight 0.
func Batches(sequences []Sequence, rows int) ([]*Batch, error) {
	var batches []*Batch
	for lo := 0; lo < len(sequences); lo += rows {
		part := append([]Sequence(nil), sequences[lo:min(len(sequences), lo+rows)]...)
		for len(part) < rows {
			filler := part[0]
			filler.Weights, filler.Signal = make([]float32, len(filler.Tokens)), nil
			part = append(part, filler)
		}
		b, err := NewBatch(part)
		if err != nil {
			return nil, err
		}
		if b.Weight() > 0 {
			batches = append(batches, b)
		}
	}
	return batches, nil
}

// NewBatch makes one batch of sequences of one length. Signals must be of one kind.
func NewBatch(rows []Sequence) (*Batch, error) {
	b := &Batch{Rows: len(rows), Length: len(rows[0].Tokens)}
	packed, signals := false, distill.SignalKind("")
	for _, s := range rows {
		b.Tokens, b.Targets, b.Weights = append(b.Tokens, s.Tokens...), append(b.Targets, s.Targets...), append(b.Weights, s.Weights...)
		packed = packed || s.Starts != nil
		if s.Signal == nil {
			continue
		}
		if signals != "" && signals != s.Signal.Kind {
			return nil, fmt.Errorf("train: signals %s and %s in one batch", signals, s.Signal.Kind)
		}
		signals = s.Signal.Kind
	}
	if len(b.Tokens) != b.Rows*b.Length {
		return nil, fmt.Errorf("train: %w", ErrShape)
	}
	if packed {
		for _, s := range rows {
			if s.Starts == nil {
				s.Starts = make([]int32, b.Length)
			}
			b.Starts = append(b.Starts, s.Starts...)
		}
	}
	if signals != "" {
		b.Signal = joinSignals(rows, signals, b.Length)
	}
	return b, nil
}

// joinSignals puts the signals of rows one after another; rows without have empty entries.
func joinSignals(rows []Sequence, kind distill.SignalKind, length int) *distill.Signal {
	joined := &distill.Signal{Kind: kind}
	for _, s := range rows {
		base := int32(len(joined.IDs))
		if s.Signal == nil {
			for range length {
				joined.Ends = append(joined.Ends, base)
			}
			continue
		}
		for _, end := range s.Signal.Ends {
			joined.Ends = append(joined.Ends, base+end)
		}
		joined.IDs = append(joined.IDs, s.Signal.IDs...)
		joined.Logprobs = append(joined.Logprobs, s.Signal.Logprobs...)
	}
	return joined
}
