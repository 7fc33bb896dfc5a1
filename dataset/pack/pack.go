package pack

import (
	"errors"
	"fmt"

	"github.com/seed-d24fde5f/distill"
)

// TooLong says what becomes of an example that does not fit a row.
type TooLong string

// Policies. Drop leaves it out. CutPrompt cuts tokens off the front of its prompt, so that the answer and its end stay
// whole, and drops it where the answer alone does not fit. Split cuts it into rows of its own, each without the sight of
// the one before: right for running text, wrong for answers. Refuse makes [New] fail.
const (
	Drop      TooLong = "drop"
	CutPrompt TooLong = "cut-prompt"
	Split     TooLong = "split"
	Refuse    TooLong = "refuse"
)

// Options of [New].
type Options struct {
	Rows    int           // B: rows in a batch, at least 1
	Length  int           // T: positions in a row, at least 2
	Pad     distill.Token // fills what is left of a row; never learnt
	Seed    uint64
	TooLong TooLong // empty means [Drop]
	InOrder bool    // no shuffling and one piece a row after another: for evaluation
}

// Batch is B rows of T positions, flattened. Its fields are those of the training graph's batch.
type Batch struct {
	Rows, Length int // B and T

	Tokens  []distill.Token // (B·T)
	Targets []distill.Token // (B·T) the token that follows; the padding token where nothing is learnt
	Weights []float32       // (B·T) what each position counts in the loss; 0 = not learnt

	// Starts, (B·T), is the index in its row of the first token of the example that each position belongs to: a
	// position attends from there to itself, and its rotary position counts from there.
	Starts []int32

	// Signal is the teacher's distribution at each position, aligned with Targets, with empty entries where there is
	// none. Nil means that no example has one.
	Signal *distill.Signal
}

// Report says what packing did with the examples, per epoch.
type Report struct {
	Examples int // that are learnt
	Dropped  int // too long
	Cut      int // whose prompt lost its beginning
	Split    int // that were cut into several rows
	Rows     int
	Batches  int
	Tokens   int // positions that hold a token
	Learnt   int // positions with a weight
}

// Fill returns the share of positions that hold a token rather than padding.
func (r Report) Fill(length int) float64 {
	if r.Rows == 0 {
		return 0
	}
	return float64(r.Tokens) / float64(r.Rows*length)
}

// Position says where in the endless sequence of batches a run is. It is what a checkpoint keeps.
type Position struct {
	Epoch uint64 `json:"epoch"`
	Batch int    `json:"batch"` // of the epoch, the next one to come
}

// Batches is an endless sequence of batches, epoch after epoch. It is not safe for concurrent use.
type Batches struct {
	corpus  *Corpus
	options Options
	pieces  []piece
	report  Report

	at    Position
	rows  [][]piece // of the epoch at.Epoch, whole batches but for the last
	ready bool
}

// New prepares the batches of a corpus, from the first of epoch 0 on.
func New(corpus *Corpus, options Options) (*Batches, error) {
	if options.Rows < 1 || options.Length < 2 {
		return nil, fmt.Errorf("pack: batches of %d rows of %d positions", options.Rows, options.Length)
	}
	b := &Batches{corpus: corpus, options: options}
	for i := range corpus.Len() {
		if err := b.place(i); err != nil {
			return nil, err
		}
	}
	if len(b.pieces) == 0 {
		return nil, fmt.Errorf("pack: none of %d examples fits rows of %d positions (%d dropped)",
			corpus.Len(), options.Length, b.report.Dropped)
	}
	b.plan()
	b.report.Rows = len(b.rows)
	b.report.Batches = b.PerEpoch()
	return b, nil
}

// place decides which positions of example i are used.
func (b *Batches) place(i int) error {
	size, length, answer := b.corpus.size(i), b.options.Length, int(b.corpus.at[i].answer)
	from := 0
	if size > length {
		switch b.options.TooLong {
		case Drop, "":
			b.report.Dropped++
			return nil
		case Refuse:
			return fmt.Errorf("example %d has %d tokens, rows hold %d: %w", i, size+1, length, ErrTooLong)
		case CutPrompt:
			if from = size - length; from >= max(answer, 1) { // the token before the answer must stay: it predicts it
				b.report.Dropped++
				return nil
			}
			b.report.Cut++
		case Split:
			return b.split(i, size)
		default:
			return fmt.Errorf("pack: unknown policy %q for long examples: drop, cut-prompt, split or refuse", b.options.TooLong)
		}
	}
	b.add(piece{int32(i), int32(from), int32(size)})
	b.report.Examples++
	return nil
}

// split places an example that is longer than a row, leaving out rows in which nothing would be learnt.
func (b *Batches) split(i, size int) error {
	for from := 0; from < size; from += b.options.Length {
		p := piece{int32(i), int32(from), int32(min(from+b.options.Length, size))}
		if b.learnt(p) > 0 {
			b.add(p)
		}
	}
	b.report.Examples++
	b.report.Split++
	return nil
}

func (b *Batches) add(p piece) {
	b.pieces = append(b.pieces, p)
	b.report.Tokens += p.size()
	b.report.Learnt += b.learnt(p)
}

// learnt counts the positions of p whose target belongs to the answer.
func (b *Batches) learnt(p piece) int {
	return int(p.to) - max(int(p.from), int(b.corpus.at[p.example].answer)-1)
}

func (b *Batches) plan() {
	if b.ready {
		return
	}
	if b.options.InOrder {
		b.rows = inOrder(b.pieces, b.options.Length)
	} else {
		b.rows = planEpoch(b.pieces, b.options.Length, b.options.Seed, b.at.Epoch)
	}
	b.ready = true
}

// inOrder packs pieces as they come.
func inOrder(pieces []piece, length int) (rows [][]piece) {
	room := 0
	for _, p := range pieces {
		if p.size() > room {
			rows = append(rows, nil)
			room = length
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], p)
		room -= p.size()
	}
	return rows
}

// Report returns what packing did with the examples. Rows and batches are those of the first epoch; others may differ
// by a few.
func (b *Batches) Report() Report { return b.report }

// PerEpoch returns the number of batches in the current epoch. The last may have rows that are all padding.
func (b *Batches) PerEpoch() int {
	b.plan()
	return (len(b.rows) + b.options.Rows - 1) / b.options.Rows
}

// Position returns where the next batch is.
func (b *Batches) Position() Position { return b.at }

// Seek continues at a position that [Batches.Position] returned, in this run or another over the same examples.
func (b *Batches) Seek(p Position) error {
	if p.Epoch != b.at.Epoch {
		b.ready = false
	}
	b.at = p
	if n := b.PerEpoch(); p.Batch < 0 || p.Batch > n {
		return fmt.Errorf("pack: position %d in an epoch of %d batches: the examples are others than they were", p.Batch, n)
	}
	return nil
}

var errMasked = errors.New("pack: a batch without anything to learn")

// Next returns the next batch, for ever. epoch is the one it belongs to; it rises by one after the last batch of each.
// The batch is the caller's own.
func (b *Batches) Next() (batch *Batch, epoch uint64, err error) {
	if b.at.Batch >= b.PerEpoch() {
		b.at = Position{Epoch: b.at.Epoch + 1}
		b.ready = false
		b.plan()
	}
	from := b.at.Batch * b.options.Rows
	epoch = b.at.Epoch
	if batch, err = b.fill(b.rows[from:min(from+b.options.Rows, len(b.rows))]); err != nil {
		return nil, epoch, err
	}
	b.at.Batch++
	for _, w := range batch.Weights {
		if w > 0 {
			return batch, epoch, nil
		}
	}
	return nil, epoch, errMasked // Add and place make sure of the contrary
}

// fill lays rows out as a batch.
func (b *Batches) fill(rows [][]piece) (*Batch, error) {
	n, length := b.options.Rows*b.options.Length, b.options.Length
	out := &Batch{Rows: b.options.Rows, Length: length, Tokens: make([]distill.Token, n),
		Targets: make([]distill.Token, n), Weights: make([]float32, n), Starts: make([]int32, n)}
	if b.corpus.kind != "" {
		out.Signal = &distill.Signal{Kind: b.corpus.kind, Ends: make([]int32, 0, n)}
	}
	for r := range b.options.Rows {
		at := 0
		if r < len(rows) {
			for _, p := range rows[r] {
				if err := b.copy(out, r*length+at, int32(at), p); err != nil {
					return nil, err
				}
				at += p.size()
			}
		}
		for ; at < length; at++ {
			i := r*length + at
			out.Tokens[i], out.Targets[i], out.Starts[i] = b.options.Pad, b.options.Pad, int32(at)
			if out.Signal != nil {
				out.Signal.Append(nil, nil)
			}
		}
	}
	return out, nil
}

// copy writes piece p at index at of the batch, which is position start of its row.
func (b *Batches) copy(out *Batch, at int, start int32, p piece) error {
	e, err := b.corpus.Example(int(p.example))
	if err != nil {
		return err
	}
	firstLearnt := int32(max(e.AnswerStart-1, 0))
	for t := p.from; t < p.to; t++ {
		out.Tokens[at] = e.Tokens[t]
		out.Starts[at] = start
		out.Targets[at] = b.options.Pad
		if t >= firstLearnt {
			out.Targets[at], out.Weights[at] = e.Tokens[t+1], e.Weight
		}
		if out.Signal != nil {
			// The signal of the token that is predicted here: the answer's tokens are counted from AnswerStart.
			if position := int(t) + 1 - e.AnswerStart; t >= firstLearnt && position < e.Signal.Len() {
				out.Signal.Append(e.Signal.At(position))
			} else {
				out.Signal.Append(nil, nil)
			}
		}
		at++
	}
	return nil
}
