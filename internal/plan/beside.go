package plan

import (
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// How much the stages do at once. It is settled here because their memory is foreseen from it.
const (
	// AuthorSlots is how many answers the student writes at once in on-policy training.
	AuthorSlots = 32
	// EvalSlots is how many prompts a model answers at once in evaluation.
	EvalSlots = 32
	// EvalContext bounds the context that evaluation makes room for, in tokens.
	EvalContext = 4096
)

// TeacherSlots is how many prompts a teacher that runs here answers at once.
func TeacherSlots(t *config.Teacher) int { return max(32, t.Concurrency) }

// beside is what is in the process beside the student that learns: a teacher that runs along or judges, and the student as
// it writes answers of its own.
type beside struct {
	bytes int64
	work  float64 // what a step takes with it, as a multiple of one without
}

// besideOf reckons that a pass forward is a third of a step, and that decoding takes about twice as long as a pass over the
// same tokens.
func besideOf(t *config.Train, teacher string, shape model.Config) (b beside, err error) {
	length := t.Sequence(shape.Context)
	own := t.OnPolicy.Share > 0
	ownShare := t.OnPolicy.Share * (1 - t.OnPolicy.Start - t.OnPolicy.Ramp/2) // of the batches
	b.work = 1
	if (t.Loss.Dense || own) && teacher != "" {
		m, err := workbench.Open(teacher)
		if err != nil {
			return b, err
		}
		defer m.Close()
		judged := ownShare
		if t.Loss.Dense {
			judged = 1
		}
		b.work += judged * student.FLOPs(m.Config, length) / 3 / student.FLOPs(shape, length)
		if t.Loss.Dense || t.OnPolicy.K == 0 {
			b.bytes += student.Beside(m.Config, m.Bytes(), t.Batch, length)
		}
		if own && t.OnPolicy.K > 0 {
			b.bytes += m.Bytes()
		}
	}
	if own {
		b.bytes += 4*int64(shape.Params()) + AuthorSlots*cacheBytes(shape, length+1)
		b.work += ownShare * 2 / 3
	}
	return b, nil
}

// cacheBytes is the KV cache of one sequence, in binary16; it grows by doubling.
func cacheBytes(cfg model.Config, length int) int64 {
	capacity := int64(64)
	for capacity < int64(length) {
		capacity *= 2
	}
	return 2 * 2 * int64(cfg.Layers) * int64(cfg.KVHeads) * int64(cfg.HeadDim) * capacity
}
