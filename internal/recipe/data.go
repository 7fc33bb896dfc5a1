package recipe

import (
	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
)

// openData opens the run's dataset for writing.
func (r *Run) openData() (*dataset.Dataset, error) {
	return dataset.Open(r.path(DataDir), dataset.Options{Origin: dataset.Origin{
		Teacher: r.Recipe.Teacher.Model,
		Signal:  distill.SignalKind(r.Recipe.Teacher.Signal.Kind),
	}})
}
