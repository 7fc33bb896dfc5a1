package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/train/loss"
	"github.com/seed-d24fde5f/distill/train/metric"
	"github.com/seed-d24fde5f/distill/train/optim"
)

// Run trains the model, continuing from the newest checkpoint in Dir if there is one. When the context is cancelled it
// saves a checkpoint and returns the context's error with the result so far. Either way the model is left with the weights
// that were asked for: the average, the best that were evaluated, or the last.
func Run(ctx context.Context, o Options) (Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Result{}, err
	}
	r, err := newRun(o)
	if err != nil {
		return Result{}, err
	}
	if err := r.resume(); err != nil {
		return r.result(), err
	}
	if err := r.openMetrics(); err != nil {
		return r.result(), err
	}
	defer r.closeMetrics()
	for r.Step < o.Steps {
		if ctx.Err() != nil {
			return r.stop(ctx)
		}
		p, err := r.step()
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return r.stop(ctx) // a source that was waiting gave up: the step had not begun
		}
		if err != nil {
			return r.result(), err
		}
		if p.Heldout, err = r.evaluateIfDue(); err != nil {
			return r.result(), err
		}
		if err := r.report(p); err != nil {
			return r.result(), err
		}
		good := r.Guard.InARow == 0 // weights that gave no usable gradient are nothing to go back to
		if good && o.CheckpointEvery > 0 && r.Step%o.CheckpointEvery == 0 && r.Step < o.Steps {
			if err := r.save(); err != nil {
				return r.result(), err
			}
		}
	}
	return r.finish()
}

// stop ends a run whose context has ended.
func (r *run) stop(ctx context.Context) (Result, error) {
	return r.result(), errors.Join(context.Cause(ctx), r.save(), r.settle())
}

// run is a run under way: the options, what they were made into, and what a checkpoint saves of it.
type run struct {
	Options
	position
	params   nn.Params // those that are learnt
	pool     *kernel.Pool
	solver   optim.Solver
	ema      *optim.EMA // nil without
	best     [][]float32
	pending  []*Batch
	metrics  *metric.Writer // nil without
	reported int            // last step in the metrics
	began    time.Time
	resumed  int
	speed    speedometer
	saved    int // step of the last checkpoint, −1 for none
}

// position is the part of a run that is not arrays: what a checkpoint keeps as JSON.
type position struct {
	Step     int         `json:"step"`
	Batch    int         `json:"batch"` // number of the next one
	Read     int64       `json:"tokens"`
	Solver   int         `json:"solver_steps"`
	Best     *Evaluation `json:"best,omitempty"`
	Last     *Evaluation `json:"last,omitempty"`
	Losses   []float64   `json:"losses"` // of the last steps
	Guard    guard       `json:"guard"`
	Identity string      `json:"identity"`
}

func newRun(o Options) (*run, error) {
	pool, prec := o.Model.Arithmetic()
	r := &run{Options: o, params: o.Model.Params().Learnt(), pool: pool, began: time.Now(), saved: -1}
	r.position.Identity = o.Identity
	r.Guard.Rate = 1
	if len(r.params) == 0 {
		return nil, errors.New("train: the model has no parameter to be learnt")
	}
	var err error
	if r.solver, err = optim.New(o.Optimizer, r.params, pool, prec); err != nil {
		return nil, err
	}
	if o.EMA > 0 {
		r.ema = optim.NewEMA(o.EMA, r.params, pool)
	}
	optim.ClearGrads(r.params)
	return r, nil
}

// step draws batches, adds up their gradients and updates the weights.
func (r *run) step() (Progress, error) {
	start := time.Now()
	weight, err := r.draw()
	if err != nil {
		return Progress{}, err
	}
	objective := r.Objective
	if r.Mix != nil {
		objective = objective.WithMix(objective.Spec().Mix * r.Mix.At(r.Step, r.Steps))
	}
	totals, apart, err := r.accumulate(objective, float32(1/weight))
	if err != nil {
		return Progress{}, fmt.Errorf("train: step %d: %w", r.Step+1, err)
	}
	positions := 0
	for _, b := range r.pending {
		positions += b.Rows * b.Length
	}
	p := Progress{Steps: r.Steps, Learnt: totals.Tokens, GradNorm: optim.GradNorm(r.pool, r.params)}
	p.Apart = float64(apart.batches) / float64(len(r.pending))
	_, _, p.ApartDivergence, _ = means(apart.Totals)
	p.Loss, p.CrossEntropy, p.Divergence, p.Accuracy = means(totals)
	p.Hidden = totals.Hidden / totals.Weight
	p.Rate = r.Rate * r.Schedule.At(r.Step, r.Steps) * r.Guard.Rate
	p.Skipped = r.Guard.judge(p.Loss, p.GradNorm, r.Spike)
	if p.Skipped == "" {
		err = r.update(p)
	} else {
		err = r.skip(p)
	}
	if err != nil {
		return p, err
	}
	p.Step, p.Tokens = r.Step, r.Read
	r.speed.add(positions, time.Since(start))
	p.PerSecond = r.speed.perSecond()
	p.Remaining = time.Duration(float64(r.Steps-r.Step) * float64(positions) / p.PerSecond * float64(time.Second))
	return p, nil
}

// apart sums the losses of batches with an objective of their own.
type apart struct {
	Totals
	batches int
}

// accumulate adds up the gradients of the pending batches.
func (r *run) accumulate(mixed *loss.Objective, scale float32) (totals Totals, own apart, err error) {
	for i, b := range r.pending {
		l := r.objective(r.Batch + i)
		stored := l == r.Objective
		if stored {
			l = mixed
		}
		t, err := r.Model.Accumulate(b, l, scale)
		if err != nil {
			return totals, own, err
		}
		totals.Add(t)
		if !stored {
			own.Add(t)
			own.batches++
		}
	}
	return totals, own, nil
}

// objective returns what batch i is judged by, before the step's mix.
func (r *run) objective(i int) *loss.Objective {
	if judged, ok := r.Data.(Judged); ok {
		if o := judged.Objective(i); o != nil {
			return o
		}
	}
	return r.Objective
}

// draw takes the batches of the next step from the source and returns the sum of their weights.
func (r *run) draw() (weight float64, err error) {
	r.pending = r.pending[:0]
	for i := range r.Accumulate {
		b, err := r.Data.Batch(r.Batch + i)
		if err != nil {
			return 0, fmt.Errorf("train: batch %d: %w", r.Batch+i, err)
		}
		if b.Signal != nil {
			if err := r.objective(r.Batch + i).Supports(b.Signal.Kind); err != nil {
				return 0, err
			}
		}
		r.pending = append(r.pending, b)
		weight += b.Weight()
	}
	if !(weight > 0) || math.IsInf(weight, 0) {
		return 0, fmt.Errorf("train: step %d: weights sum to %v: %w", r.Step+1, weight, ErrAllMasked)
	}
	return weight, nil
}

// update lets the solver step and moves on.
func (r *run) update(p Progress) error {
	r.solver.Prepare(p.Rate, optim.ClipScale(p.GradNorm, r.Clip))
	if err := r.solver.Step(optim.Model(r.params)); err != nil {
		return err
	}
	if r.ema != nil {
		r.ema.Update()
	}
	r.Losses = append(r.Losses, p.Loss)
	if len(r.Losses) > 20 {
		r.Losses = r.Losses[1:]
	}
	r.advance()
	return nil
}

// advance moves past the batches of a step.
func (r *run) advance() {
	for _, b := range r.pending {
		r.Read += int64(b.Rows) * int64(b.Length)
	}
	r.Batch += r.Accumulate
	r.Step++
}

// means returns what totals are per unit of weight.
func means(t Totals) (loss, crossEntropy, divergence, accuracy float64) {
	if t.Signals > 0 {
		divergence = t.Divergence / t.Signals
	}
	if t.Weight == 0 {
		return 0, 0, 0, 0
	}
	return t.Loss / t.Weight, t.CrossEntropy / t.Weight, divergence, t.Correct / t.Weight
}

// result says what the run has come to.
func (r *run) result() Result {
	res := Result{Steps: r.Step, Tokens: r.Read, Elapsed: time.Since(r.began), Best: r.Best, Heldout: r.Last,
		Skipped: r.Guard.Skipped, Reverted: r.Guard.Reverted, Resumed: r.resumed}
	for _, l := range r.Losses {
		res.Loss += l / float64(len(r.Losses))
	}
	return res
}

// speedometer measures positions a second over the last steps.
type speedometer struct {
	positions [8]int
	elapsed   [8]time.Duration
	n         int
}

func (s *speedometer) add(positions int, elapsed time.Duration) {
	s.positions[s.n%len(s.positions)], s.elapsed[s.n%len(s.elapsed)] = positions, elapsed
	s.n++
}

func (s *speedometer) perSecond() float64 {
	var positions int
	var elapsed time.Duration
	for i, p := range s.positions {
		positions += p
		elapsed += s.elapsed[i]
	}
	return float64(positions) / max(1e-9, elapsed.Seconds())
}
