package recipe

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// subject is a model to be evaluated: the very file that would be used.
type subject struct {
	report.Model
	path     string // MODEL argument
	name     string // instead of the model's own
	language *language
	ready    *infer.Model
	losses   []*losses       // by row; nil for a row that it could not be measured on
	right    map[string]bool // by prompt, for those that have something to compare with
}

// subjects lists what the recipe evaluates, the teacher first.
func (r *Run) subjects() ([]*subject, error) {
	var all []*subject
	if r.models.Teacher != "" {
		all = append(all, &subject{Model: report.Model{Role: report.Teacher}, path: r.models.Teacher})
	}
	student := &subject{Model: report.Model{Role: report.Student, File: filepath.Join(trainDir, r.trainedFile())}, path: r.trainedPath()}
	others, err := r.seedSubjects(student)
	if err != nil {
		return nil, err
	}
	all = append(all, &subject{Model: report.Model{Role: report.Untouched}, path: r.untouched()}, student)
	all = append(all, others...)
	if r.Recipe.Train.Control != "none" {
		all = append(all, &subject{Model: report.Model{Role: report.Control, File: filepath.Join(trainDir, controlFile)}, path: r.path(trainDir, controlFile), name: "on answers alone"})
	}
	for _, format := range r.Recipe.Export.Formats {
		path := exportPath(r.Dir, format)
		all = append(all, &subject{
			Model: report.Model{Role: report.Export, Format: strings.ToUpper(format), File: filepath.Join(ExportDir, filepath.Base(path))}, path: path})
	}
	return all, nil
}

// open makes the subject ready to run.
func (s *subject) open(r *Run) error {
	m, err := workbench.OpenWithTokenizer(s.path)
	if err != nil {
		return err
	}
	defer m.Close()
	exact, err := r.models.Shares(m.Tokenizer)
	if err != nil {
		return err
	}
	if s.language, err = r.newLanguage(m.Tokenizer, m.Template, exact); err != nil {
		return err
	}
	s.Name, s.Parameters = cmp.Or(s.name, m.Name), int64(m.Params())
	s.Bytes = fileBytes(s.path, m)
	s.BitsPerWeight = 8 * float64(m.Bytes()) / float64(max(1, m.Params()))
	s.ready, err = infer.New(m, infer.Options{Threads: r.opts.Threads, Context: min(m.Context, plan.EvalContext)})
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return nil
}

// fileBytes is the size of a model's file, or of its weights where it is a folder or inside the program.
func fileBytes(path string, m *model.Model) int64 {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return info.Size()
	}
	return m.Bytes()
}

func (s *subject) close() {
	if s.ready != nil {
		s.ready.Close()
		s.ready = nil
	}
}
