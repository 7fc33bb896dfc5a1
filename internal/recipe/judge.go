package recipe

import (
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/local"
)

// judge is a teacher that says how likely each token of an answer is that the student wrote.
type judge interface {
	teacher.Scorer
	Close() error
}

// openJudge opens the recipe's teacher as a judge, for texts of at most so many tokens.
func (r *Run) openJudge(longest int) (judge, error) {
	m, err := workbench.Open(r.models.Teacher)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	o := r.localOptions(&r.Recipe.Teacher)
	o.Context, o.Slots = longest, 1 // it answers nothing
	return local.New(m, o)
}
