package recipe

import (
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// denseTeacher returns the recipe's teacher as one that runs along in training, opened once and kept until dismissTeacher.
// It must know the student's tokens. Its weights stay as they lie in their file.
func (r *Run) denseTeacher(l *language) (nn.Teacher, error) {
	if !l.exact {
		return nil, hint.Errorf("set tokenizer.from to teacher", "train.loss.dense: the student's vocabulary is not the teacher's")
	}
	if r.along != nil {
		return r.along, nil
	}
	m, err := workbench.Open(r.models.Teacher)
	if err != nil {
		return nil, err
	}
	s, err := student.FromModel(m, student.Frozen(), student.Threads(r.opts.Threads), student.BF16(plan.Precision(&r.Recipe.Train) == "bf16"))
	if err != nil {
		m.Close()
		return nil, err
	}
	s.Own(m)
	r.along = student.NewTeacher(s)
	return r.along, nil
}

// matching adds the matching of hidden states that the recipe asks for, where the teacher runs along.
func (r *Run) matching(l *language, what lesson, options []student.Option) ([]student.Option, error) {
	h := r.Recipe.Train.Hidden
	if h == nil || !what.loss.Dense {
		return options, nil
	}
	if _, err := r.denseTeacher(l); err != nil {
		return nil, err
	}
	m := student.Matching{Teacher: r.along, Distance: student.Distance(h.Distance), Factor: h.Factor, Seed: what.seed}
	for i, layer := range h.Layers {
		m.Pairs = append(m.Pairs, [2]int{i, layer})
	}
	return append(options, student.WithMatching(m)), nil
}

// dismissTeacher lets go of the teacher that ran along, if one did.
func (r *Run) dismissTeacher() {
	if r.along != nil {
		r.along.Close()
		r.along = nil
	}
}
