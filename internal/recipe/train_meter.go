package recipe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/metric"
)

// trainMeter shows and writes down how training goes.
type trainMeter struct {
	run    *Run
	lesson lesson
	steps  int
	last   int // step
	meter  progress.Meter
	writer *metric.Writer
	failed error
	wrote  func() *round // what the student last wrote itself, nil for nothing; nil where it does not write
}

func newTrainMeter(r *Run, what lesson, steps int) *trainMeter {
	return &trainMeter{run: r, lesson: what, steps: steps}
}

// observe is called after every step. The step that a continued run begins with is known only now.
func (m *trainMeter) observe(p train.Progress) {
	if m.meter == nil {
		m.meter = m.run.opts.Monitor.Start(m.lesson.title, "steps", int64(m.steps), int64(p.Step-1))
		m.last = p.Step - 1
		m.writer, m.failed = metric.Open(m.run.path(trainDir, m.lesson.dir), p.Step-1)
		if m.failed != nil {
			m.run.log.Warn("the curve is not kept", "error", m.failed)
		}
	}
	m.meter.Add(int64(p.Step - m.last)) // less than nothing when training went back to a checkpoint
	m.last = p.Step
	note := fmt.Sprintf("loss %.4f  %.0f tokens/s", p.Loss, p.PerSecond)
	if p.Heldout != nil {
		note += fmt.Sprintf("  held out %.4f", p.Heldout.Loss)
	}
	values := stepValues(p)
	if m.wrote != nil {
		if w := m.wrote(); w != nil {
			note += fmt.Sprintf("  own answers %.0f tokens", w.tokens)
			if p.Apart > 0 {
				note += fmt.Sprintf(", %.4f from the teacher", p.ApartDivergence)
			}
			values = append(values, ownValues(p, w)...)
		}
	}
	m.meter.Note(note)
	for _, v := range values {
		progress.Measure(m.meter, p.Step, v.Name, v.Value)
	}
	if m.failed != nil {
		return
	}
	if m.failed = m.writer.Write(p.Step, values); m.failed != nil {
		m.run.log.Warn("the curve is no longer kept", "error", m.failed)
	}
}

// stepValues are the measures of a step.
func stepValues(p train.Progress) []metric.Value {
	values := []metric.Value{
		{Name: "tokens", Value: float64(p.Tokens)}, {Name: "loss", Value: p.Loss}, {Name: "cross_entropy", Value: p.CrossEntropy},
		{Name: "divergence", Value: p.Divergence}, {Name: "accuracy", Value: p.Accuracy}, {Name: "learning_rate", Value: p.Rate},
		{Name: "grad_norm", Value: p.GradNorm}, {Name: "tokens_per_s", Value: p.PerSecond},
	}
	if p.Hidden > 0 {
		values = append(values, metric.Value{Name: "hidden", Value: p.Hidden})
	}
	if h := p.Heldout; h != nil {
		values = append(values, metric.Value{Name: "heldout_loss", Value: h.Loss}, metric.Value{Name: "heldout_cross_entropy", Value: h.CrossEntropy})
		if h.Divergence > 0 {
			values = append(values, metric.Value{Name: "heldout_divergence", Value: h.Divergence})
		}
	}
	if p.Skipped != "" {
		values = append(values, metric.Value{Name: "skipped", Value: 1})
	}
	return values
}

// ownValues are those of a step's batches that the student wrote itself, and of the round they come from.
func ownValues(p train.Progress, w *round) []metric.Value {
	values := []metric.Value{{Name: "own_share", Value: p.Apart}, {Name: "own_answer_tokens", Value: w.tokens},
		{Name: "own_finished", Value: w.finished}, {Name: "own_nats", Value: w.nats}}
	if p.Apart > 0 {
		values = append(values, metric.Value{Name: "own_divergence", Value: p.ApartDivergence})
	}
	return values
}

func (m *trainMeter) stop() {
	if m.meter != nil {
		m.meter.Stop()
	}
	if m.writer != nil {
		if err := m.writer.Close(); err != nil && !errors.Is(err, m.failed) {
			m.run.log.Warn("the curve could not be closed", "error", err)
		}
	}
}

// quieter makes what a part tells of its ordinary course a matter for --verbose: the meter shows the same.
type quieter struct{ slog.Handler }

func (q quieter) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, lowered(level))
}

func (q quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	return q.Handler.Handle(ctx, r)
}

func (q quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{q.Handler.WithAttrs(attrs)}
}
func (q quieter) WithGroup(name string) slog.Handler { return quieter{q.Handler.WithGroup(name)} }

func lowered(level slog.Level) slog.Level {
	if level == slog.LevelInfo {
		return slog.LevelDebug
	}
	return level
}
