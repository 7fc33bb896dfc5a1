package recipe

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/pack"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/train"
)

// heldBytes is how much of the examples of one split stays in memory; what is more lies in a file beside the training's.
const heldBytes = 8 << 20

// heldoutExamples bounds the rows that the held-out loss is measured on, every tenth of a run: more only make it slower.
const heldoutExamples = 2048

// corpora are the examples of both splits.
type corpora struct {
	train, heldout *pack.Corpus
	empty          int // rows without anything to learn
}

// encode turns the selected rows into examples.
func (r *Run) encode(l *language, rows rowSeq, reasoning bool) (*corpora, error) {
	c := &corpora{train: pack.NewCorpus(l.format.Stops()...), heldout: pack.NewCorpus(l.format.Stops()...)}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(selectionMemory)) // as in selectRows
	l.across.reset()
	c.train.Spill(r.path(trainDir), heldBytes)
	c.heldout.Spill(r.path(trainDir), heldBytes)
	for row, err := range rows {
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		if row.Prompt.Split == distill.Heldout && c.heldout.Len() == heldoutExamples {
			break // they come last
		}
		e, err := l.example(&row, reasoning)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("row %s: %w", row.ID, err), c.close())
		}
		corpus := c.train
		if row.Prompt.Split == distill.Heldout {
			corpus = c.heldout
		}
		switch err := corpus.Add(e); {
		case errors.Is(err, pack.ErrAllMasked):
			c.empty++
		case err != nil:
			return nil, errors.Join(fmt.Errorf("row %s: %w", row.ID, err), c.close())
		}
	}
	if c.train.Len() == 0 {
		return nil, errors.Join(hint.Errorf("distill dataset stats shows what the teacher gave", "no row is left to learn from"), c.close())
	}
	if err := l.across.judge(r); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// close lets go of the examples. Nothing depends on its success.
func (c *corpora) close() error { return errors.Join(c.train.Close(), c.heldout.Close()) }

// packed is a training source over packed batches, addressed by number as exact resume needs.
type packed struct {
	batches *pack.Batches
	teacher nn.Teacher // that runs along, or nil
	first   []int      // number of the first batch of each epoch known so far
	next    int        // number of the batch that Next gives
}

func newPacked(b *pack.Batches) *packed { return &packed{batches: b, first: []int{0}} }

// Batch implements train.Source.
func (p *packed) Batch(i int) (*train.Batch, error) {
	if i != p.next {
		if err := p.seek(i); err != nil {
			return nil, err
		}
	}
	b, _, err := p.batches.Next()
	if err != nil {
		return nil, err
	}
	p.next = i + 1
	batch := trainBatch(b)
	asksTeacher(batch, p.teacher)
	return batch, nil
}

// seek goes to batch i. The number of batches of an epoch is known once it has been entered.
func (p *packed) seek(i int) error {
	for {
		epoch := len(p.first) - 1
		if err := p.batches.Seek(pack.Position{Epoch: uint64(epoch)}); err != nil {
			return err
		}
		end := p.first[epoch] + p.batches.PerEpoch()
		if i < end {
			break
		}
		p.first = append(p.first, end)
	}
	epoch := len(p.first) - 1
	for p.first[epoch] > i {
		epoch--
	}
	p.next = i
	return p.batches.Seek(pack.Position{Epoch: uint64(epoch), Batch: i - p.first[epoch]})
}

// asksTeacher lets a batch ask a teacher that runs along, if there is one, instead of reading what was kept of it.
func asksTeacher(b *train.Batch, t nn.Teacher) {
	if t != nil {
		b.Teacher, b.Signal = t, nil
	}
}

func trainBatch(b *pack.Batch) *train.Batch {
	return &train.Batch{Rows: b.Rows, Length: b.Length, Tokens: b.Tokens, Targets: b.Targets, Weights: b.Weights, Starts: b.Starts, Signal: b.Signal}
}

// heldoutBatches packs the held-out examples in their order, nothing cut or shuffled.
func heldoutBatches(c *pack.Corpus, o pack.Options) ([]*train.Batch, error) {
	if c.Len() == 0 {
		return nil, nil
	}
	o.InOrder = true
	b, err := pack.New(c, o)
	if err != nil {
		return nil, err
	}
	var all []*train.Batch
	for range b.PerEpoch() {
		batch, _, err := b.Next()
		if err != nil {
			return nil, err
		}
		all = append(all, trainBatch(batch))
	}
	return all, nil
}
