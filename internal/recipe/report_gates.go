package recipe

import (
	"fmt"

	"github.com/seed-d24fde5f/distill/internal/report"
)

// gates holds the result against the conditions of the recipe.
func (r *Run) gates(models []report.Model) []report.Gate {
	g := &r.Recipe.Eval.Gates
	var all []report.Gate
	add := func(name string, pass bool, format string, args ...any) {
		all = append(all, report.Gate{Name: name, Pass: pass, Detail: fmt.Sprintf(format, args...)})
	}
	student, teacher := modelOf(models, report.Student), modelOf(models, report.Teacher)
	if g.NotWorse {
		verdict := report.Judge(models, nil)
		add("not_worse", verdict.Outcome == report.Better || verdict.Outcome == report.Unclear, "the student is %s", verdict.Outcome)
	}
	if g.ExactMatch != nil {
		got := exactMatch(student)
		add("exact_match", got >= *g.ExactMatch, "%.1f %% of held-out prompts, at least %.1f %% wanted", 100*got, 100**g.ExactMatch)
	}
	if g.OfTeacher != nil {
		got, of := exactMatch(student), exactMatch(teacher)
		add("of_teacher", got >= *g.OfTeacher*of, "%.1f %% where the teacher has %.1f %%, at least %.0f %% of it wanted", 100*got, 100*of, 100**g.OfTeacher)
	}
	if g.QuantizedWithin != nil {
		for i := range models {
			if m := &models[i]; m.Role == report.Export {
				loss := exactMatch(student) - exactMatch(m)
				add("quantized_within", m.ExactMatch != nil && loss <= *g.QuantizedWithin, "%s loses %.1f points against the float student, at most %.1f wanted", m.Format, 100*loss, 100**g.QuantizedWithin)
			}
		}
	}
	if g.MaxKL != nil {
		if student != nil && student.KLToTeacher != nil {
			add("max_kl", *student.KLToTeacher <= *g.MaxKL, "%.4f nats a token, at most %.4f wanted", *student.KLToTeacher, *g.MaxKL)
		} else {
			add("max_kl", false, "KL to the teacher could not be measured")
		}
	}
	return all
}

func modelOf(models []report.Model, role report.Role) *report.Model {
	for i := range models {
		if models[i].Role == role {
			return &models[i]
		}
	}
	return nil
}

func exactMatch(m *report.Model) float64 {
	if m == nil || m.ExactMatch == nil {
		return 0
	}
	return m.ExactMatch.Value
}
