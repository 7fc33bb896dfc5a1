package train

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/train/loss"
	"github.com/seed-d24fde5f/distill/train/optim"
)

// Batch is what one forward pass reads: rows of tokens with targets, weights and the teacher's signal.
type Batch = nn.Batch

// Totals are sums of losses over learnt positions, in nats.
type Totals = nn.Totals

// Param is a parameter of a model.
type Param = nn.Param

// Reasons why a batch cannot be learnt from.
var (
	ErrShape      = nn.ErrShape
	ErrAllMasked  = nn.ErrAllMasked
	ErrVocabulary = nn.ErrVocabulary
)

// Model is what the loop trains; package student implements it.
type Model interface {
	// Params returns the parameters, in the same order in every process.
	Params() nn.Params
	// Accumulate adds the gradient of scale · Σ weight · loss over the batch to the parameters' gradients.
	Accumulate(b *Batch, l nn.RowLoss, scale float32) (Totals, error)
	// Evaluate returns the losses alone.
	Evaluate(b *Batch, l nn.RowLoss) (Totals, error)
	// Arithmetic returns the workers and the precision that the optimizer is to use as well.
	Arithmetic() (*kernel.Pool, kernel.Precision)
}

// Source gives batches by number, from 0. The same number gives the same batch in every process, which is what makes runs
// resumable. It returns io.EOF past its end, if it has one.
type Source interface {
	Batch(i int) (*Batch, error)
}

// Judged is a Source some of whose batches have an objective of their own, such as those that the student wrote itself.
type Judged interface {
	Source
	// Objective returns what batch i is judged by, once it has been drawn; nil means Options.Objective.
	Objective(i int) *loss.Objective
}

// Options says what is trained and how. Fields without a default must be set.
type Options struct {
	Model     Model
	Data      Source
	Objective *loss.Objective // nil means cross-entropy

	Steps      int             // optimizer steps; 0 means as many as Tokens asks for
	Tokens     int64           // positions to be read, masked ones included; not read where Steps is set
	Accumulate int             // batches a step; 0 means 1
	Rate       float64         // peak learning rate
	Schedule   optim.Schedule  // share of the peak at each step
	Mix        *optim.Schedule // share of the objective's mix at each step; nil means all of it throughout
	Optimizer  optim.Spec
	Clip       float64 // largest norm of all gradients together; 0 means none
	EMA        float64 // decay of an average of the weights, which is what is evaluated and left behind; 0 means none
	Spike      float64 // a gradient this many times larger than usual is skipped; 0 means 20, below 0 none

	Heldout   []*Batch // evaluated every EvalEvery steps and at the end
	EvalEvery int      // 0 means at the end alone
	KeepBest  bool     // leave the weights of the best evaluation behind instead of the last

	Dir             string // folder of the checkpoints; "" means none
	CheckpointEvery int    // steps; 0 means at the end and when stopped alone
	Keep            int    // checkpoints kept; 0 means 2
	Identity        string // what the run is, such as a hash of its recipe: other runs' checkpoints are refused

	Metrics string // folder of metrics.jsonl and TensorBoard's file; "" means none

	Observe func(Progress) // called after every step, on the loop's goroutine; may be nil
	Log     *slog.Logger   // what deserves a line: evaluations, checkpoints, skipped steps; nil means none
}

// Progress is what a step did.
type Progress struct {
	Step, Steps int   // steps done, and in all
	Tokens      int64 // positions read since the beginning, in all processes that worked on the run
	Learnt      int   // positions of this step that were learnt

	Loss         float64 // per unit of weight, in nats, as is what follows
	CrossEntropy float64
	Divergence   float64 // over the positions with a signal; 0 if there are none
	Hidden       float64 // distance of matched hidden states
	Accuracy     float64 // share of positions whose largest logit was the target

	Apart           float64 // share of the step's batches that had an objective of their own
	ApartDivergence float64 // over their positions

	Rate      float64
	GradNorm  float64       // before clipping
	Skipped   string        // why the update was left out; empty if it was not
	PerSecond float64       // positions a second, over the last few steps
	Remaining time.Duration // at that speed

	Heldout *Evaluation // nil where this step had none
}

// Evaluation is what the model loses on held-out batches, per unit of weight, in nats.
type Evaluation struct {
	Step                                     int
	Loss, CrossEntropy, Divergence, Accuracy float64
	Tokens                                   int
}

// Result is what a run came to.
type Result struct {
	Steps    int
	Tokens   int64         // positions read
	Elapsed  time.Duration // in this process
	Loss     float64       // mean of the last steps, at most 20
	Heldout  *Evaluation   // of the weights left behind; nil without held-out batches
	Best     *Evaluation   // the best that was seen
	Skipped  int           // updates left out
	Reverted int           // returns to a checkpoint
	Resumed  int           // step at which this process took up the run; 0 if it began it
}

// withDefaults returns the options with defaults filled in, or an error that names what is wrong.
func (o Options) withDefaults() (Options, error) {
	if o.Model == nil || o.Data == nil {
		return o, errors.New("train: a model and data are needed")
	}
	if o.Objective == nil {
		o.Objective, _ = loss.New(loss.Spec{})
	}
	o.Accumulate = max(1, o.Accumulate)
	if o.Keep <= 0 {
		o.Keep = 2
	}
	if o.Spike == 0 {
		o.Spike = 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Steps <= 0 && o.Tokens > 0 {
		b, err := o.Data.Batch(0)
		if err != nil {
			return o, fmt.Errorf("train: batch 0: %w", err)
		}
		perStep := int64(b.Rows) * int64(b.Length) * int64(o.Accumulate)
		o.Steps = int((o.Tokens + perStep - 1) / perStep)
	}
	switch {
	case o.Steps <= 0:
		return o, errors.New("train: neither steps nor tokens are set")
	case !(o.Rate > 0):
		return o, fmt.Errorf("train: learning rate %v", o.Rate)
	case !(o.EMA >= 0 && o.EMA < 1):
		return o, fmt.Errorf("train: EMA decay %v outside [0, 1)", o.EMA)
	}
	if o.Mix != nil {
		if err := o.Mix.Check(); err != nil {
			return o, err
		}
	}
	return o, o.Schedule.Check()
}
