package recipe

import (
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// beside returns what is in the process beside the student that learns: a teacher that runs along or judges, and the
// student as it writes answers of its own. bytes is their memory, work what a step takes with them, as a multiple of one
// without: a pass forward is a third of a step, and decoding takes about twice as long as a pass over the same tokens.
func (r *Run) beside(cfg model.Config, length int) (bytes int64, work float64, err error) {
	t := &r.Recipe.Train
	own := t.OnPolicy.Share > 0
	work = 1
	if (t.Loss.Dense || own) && r.teacherModel() != "" {
		m, err := workbench.Open(r.teacherModel())
		if err != nil {
			return 0, 0, err
		}
		defer m.Close()
		judged := 1.0 // share of the batches
		if !t.Loss.Dense {
			judged = t.OnPolicy.Share * (1 - t.OnPolicy.Start - t.OnPolicy.Ramp/2)
		}
		work += judged * student.FLOPs(m.Config, length) / 3 / student.FLOPs(cfg, length)
		if t.Loss.Dense || t.OnPolicy.K == 0 {
			bytes += student.Beside(m.Config, m.Bytes(), t.Batch, length)
		}
		if own && t.OnPolicy.K > 0 {
			bytes += m.Bytes()
		}
	}
	if own {
		bytes += 4*int64(cfg.Params()) + slotsOfAuthor*cacheBytes(cfg, length+1)
		work += t.OnPolicy.Share * (1 - t.OnPolicy.Start - t.OnPolicy.Ramp/2) * 2 / 3
	}
	return bytes, work, nil
}

// cacheBytes is the KV cache of one sequence, in binary16; it grows by doubling.
func cacheBytes(cfg model.Config, length int) int64 {
	capacity := int64(64)
	for capacity < int64(length) {
		capacity *= 2
	}
	return 2 * 2 * int64(cfg.Layers) * int64(cfg.KVHeads) * int64(cfg.HeadDim) * capacity
}
