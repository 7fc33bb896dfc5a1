package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/train"
)

// seedsFile says, below trainDir, what the students of several seeds came to.
const seedsFile = "seeds.json"

// graduate is one of several students that differ in their seed alone.
type graduate struct {
	Seed     uint64  `json:"seed"`
	Dir      string  `json:"dir"`  // of its checkpoints and curve, below trainDir
	File     string  `json:"file"` // below trainDir
	Loss     float64 `json:"loss"`
	Heldout  float64 `json:"heldout_loss"` // 0 where nothing was held out
	Exported bool    `json:"exported"`
}

// learnAll trains the student once for each seed that the recipe asks for, one after another. The one with the least
// held-out loss, the first where nothing is held out, becomes the student; the others are kept and measured.
func (r *Run) learnAll(ctx context.Context, l *language, rows rowSeq, what lesson, identity string) (train.Result, error) {
	n := r.Recipe.Train.Seeds
	if n == 1 {
		return r.learn(ctx, l, rows, what, identity)
	}
	var all []graduate
	var best train.Result
	chosen := -1
	for i := range n {
		what := what
		what.seed = r.Recipe.Seed + uint64(i)
		what.title = fmt.Sprintf("train: seed %d of %d", i+1, n)
		what.dir = fmt.Sprintf("seed-%d", what.seed)
		what.file = fmt.Sprintf("student-seed-%d.gguf", what.seed)
		result, err := r.learn(ctx, l, rows, what, identity)
		if err != nil {
			return result, err
		}
		s := graduate{Seed: what.seed, Dir: what.dir, File: what.file, Loss: result.Loss}
		heldout := math.Inf(1)
		if h := result.Heldout; h != nil {
			s.Heldout, heldout = h.Loss, h.Loss
		}
		if chosen < 0 || heldout < all[chosen].Heldout {
			chosen, best = i, result
		}
		all = append(all, s)
	}
	all[chosen].Exported = true
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return best, err
	}
	student, err := os.ReadFile(r.path(trainDir, all[chosen].File))
	if err != nil {
		return best, err
	}
	return best, errors.Join(durable.WriteFile(r.path(trainDir, trainedFile), student), durable.WriteFile(r.path(trainDir, seedsFile), append(data, '\n')))
}

// taught returns what learnAll kept, nil for one student.
func (r *Run) taught() ([]graduate, error) {
	if r.Recipe.Train.Seeds == 1 {
		return nil, nil
	}
	data, err := os.ReadFile(r.path(trainDir, seedsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // training was left out
	}
	if err != nil {
		return nil, err
	}
	var all []graduate
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", seedsFile, err)
	}
	return all, nil
}

// curveDir returns the folder, below trainDir, of the curve of the student that was exported.
func (r *Run) curveDir() string {
	all, err := r.taught()
	if err != nil {
		return "."
	}
	for _, s := range all {
		if s.Exported {
			return s.Dir
		}
	}
	return "."
}

// seedSubjects returns the students of the other seeds, and marks the exported one where its float weights are evaluated
// as the student. After a last phase under rounding they are not, so there it stands among the others.
func (r *Run) seedSubjects(student *subject) ([]*subject, error) {
	all, err := r.taught()
	var others []*subject
	for _, s := range all {
		seed := s.Seed
		if s.Exported && r.Recipe.Train.QAT == nil {
			student.Seed = &seed
			continue
		}
		others = append(others, &subject{Model: report.Model{Role: report.Seed, Seed: &seed, File: filepath.Join(trainDir, s.File)},
			path: r.path(trainDir, s.File), name: fmt.Sprintf("seed %d", seed)})
	}
	return others, err
}

// describeSeeds gathers what the seeds came to, nil for one student.
func (r *Run) describeSeeds(models []report.Model) (*report.Seeds, error) {
	all, err := r.taught()
	for _, s := range all {
		if s.Exported {
			return report.SeedsOf(models, s.Seed), err
		}
	}
	return nil, err
}
