package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/train/checkpoint"
)

// bestName is the folder, beside the checkpoints, of the weights of the best evaluation.
const bestName = "best"

// arrays returns everything that a checkpoint saves.
func (r *run) arrays() []checkpoint.Array {
	arrays := r.weights()
	slots := r.solver.State()
	if r.ema != nil {
		slots = append(slots, r.ema.State()...)
	}
	for _, s := range slots {
		arrays = append(arrays, checkpoint.Array(s))
	}
	return arrays
}

func (r *run) weights() []checkpoint.Array {
	var arrays []checkpoint.Array
	for _, p := range r.params {
		arrays = append(arrays, checkpoint.Array{Name: p.Name(), Data: p.Data()})
	}
	return arrays
}

// save writes a checkpoint of the present step.
func (r *run) save() error {
	if r.Dir == "" {
		return nil
	}
	r.position.Solver = r.solver.Steps()
	if err := checkpoint.Save(r.Dir, r.Step, checkpoint.State{Meta: r.position, Arrays: r.arrays()}); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	r.saved = r.Step
	r.Log.Debug("checkpoint", "step", r.Step)
	return checkpoint.Prune(r.Dir, r.Keep)
}

// resume goes on from the newest checkpoint, or saves the beginning.
func (r *run) resume() error {
	if r.Dir == "" {
		return nil
	}
	err := r.load()
	if errors.Is(err, checkpoint.ErrNone) {
		if r.CheckpointEvery > 0 {
			return r.save() // something to go back to
		}
		return nil
	}
	if err != nil {
		return err
	}
	r.resumed = r.Step
	r.Log.Info("resumed", "step", r.Step, "of", r.Steps)
	return nil
}

// load restores the newest checkpoint.
func (r *run) load() error {
	warn := func(err error) { r.Log.Warn("checkpoint passed over", "why", err) }
	_, meta, err := checkpoint.Newest(r.Dir, r.arrays(), warn)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	var p position
	if err := json.Unmarshal(meta, &p); err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	if p.Identity != r.Options.Identity {
		return fmt.Errorf("train: checkpoint in %s is of another run", r.Dir)
	}
	r.position = p
	r.solver.SetSteps(p.Solver)
	r.saved = p.Step
	for _, q := range r.params {
		q.Changed()
		clear(q.GradData())
	}
	return nil
}

// evaluateIfDue evaluates the held-out batches if this step is to.
func (r *run) evaluateIfDue() (*Evaluation, error) {
	due := r.Step == r.Steps || (r.EvalEvery > 0 && r.Step%r.EvalEvery == 0)
	if len(r.Heldout) == 0 || !due || (r.Last != nil && r.Last.Step == r.Step) {
		return nil, nil
	}
	if r.ema != nil {
		r.ema.Swap()
		defer r.ema.Swap()
	}
	e, err := Evaluate(r.Model, r.Heldout, r.Objective)
	if err != nil {
		return nil, err
	}
	e.Step = r.Step
	if math.IsNaN(e.Loss) || math.IsInf(e.Loss, 0) {
		r.Log.Warn("the model cannot be evaluated", "step", r.Step, "loss", e.Loss)
		return &e, nil
	}
	r.Last = &e
	r.Log.Info("evaluated", "step", r.Step, "loss", e.Loss, "cross-entropy", e.CrossEntropy, "divergence", e.Divergence)
	if r.position.Best == nil || e.Loss < r.position.Best.Loss {
		r.position.Best = &e
		if r.KeepBest {
			return &e, r.keep()
		}
	}
	return &e, nil
}

// Evaluate returns what a model loses on batches.
func Evaluate(m Model, batches []*Batch, l nn.RowLoss) (Evaluation, error) {
	var totals Totals
	for i, b := range batches {
		t, err := m.Evaluate(b, l)
		if err != nil {
			return Evaluation{}, fmt.Errorf("train: evaluate batch %d: %w", i, err)
		}
		totals.Add(t)
	}
	e := Evaluation{Tokens: totals.Tokens}
	e.Loss, e.CrossEntropy, e.Divergence, e.Accuracy = means(totals)
	return e, nil
}

// keep remembers the present weights as the best.
func (r *run) keep() error {
	if r.Dir != "" {
		return checkpoint.SaveAs(filepath.Join(r.Dir, bestName), checkpoint.State{Meta: r.position.Best, Arrays: r.weights()})
	}
	r.best = r.best[:0]
	for _, p := range r.params {
		r.best = append(r.best, append([]float32(nil), p.Data()...))
	}
	return nil
}

// finish saves the last checkpoint and settles the weights.
func (r *run) finish() (Result, error) {
	if r.saved != r.Step {
		if err := r.save(); err != nil {
			return r.result(), err
		}
	}
	err := r.settle()
	return r.result(), err
}

// settle leaves the weights behind that were asked for: the average, or the best.
func (r *run) settle() error {
	if r.ema != nil {
		r.ema.Swap()
	}
	b := r.position.Best
	if !r.KeepBest || b == nil || b.Step == r.Step {
		return nil
	}
	r.Last = b
	return r.restoreBest()
}

func (r *run) restoreBest() error {
	if r.Dir != "" {
		if _, err := checkpoint.Load(filepath.Join(r.Dir, bestName), r.weights()); err != nil {
			return fmt.Errorf("train: best weights: %w", err)
		}
	}
	for i, p := range r.params {
		if r.Dir == "" {
			copy(p.Data(), r.best[i])
		}
		p.Changed()
	}
	return nil
}
