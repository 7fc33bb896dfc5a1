package report

import "fmt"

// Judge says whether the trained student is better than the untouched one, in one sentence, with what quantization took.
//
// Where exact match was measured, the student is better (worse) when its 95 % interval lies wholly above (below) the
// untouched student's; otherwise the mean KL to the teacher decides, and where there is none, perplexity: a change of
// more than a hundredth in the right direction. Anything between is unclear, and said so.
func Judge(models []Model, gates []Gate) Verdict {
	v := Verdict{Outcome: Unknown, Sentence: "The student was not evaluated.", Gates: gates}
	student := find(models, Student)
	if student == nil {
		return v
	}
	untouched, teacher := find(models, Untouched), find(models, Teacher)
	if untouched == nil {
		v.Sentence = "There is no untouched student to compare with."
	} else {
		v.Outcome, v.Sentence = compare(student, untouched)
	}
	if teacher != nil && teacher.ExactMatch != nil && student.ExactMatch != nil && teacher.ExactMatch.Passed > 0 {
		v.Sentence += fmt.Sprintf(" It keeps %s of the teacher's exact match%s.",
			percent(student.ExactMatch.Value/teacher.ExactMatch.Value), smaller(teacher, student))
	}
	if s := quantized(models, student); s != "" {
		v.Sentence += " " + s
	}
	return v
}

func find(models []Model, role Role) *Model {
	for i := range models {
		if models[i].Role == role {
			return &models[i]
		}
	}
	return nil
}

func compare(student, untouched *Model) (Outcome, string) {
	if s, u := student.ExactMatch, untouched.ExactMatch; s != nil && u != nil && (s.Low > u.High || s.High < u.Low) {
		outcome := Better
		if s.High < u.Low {
			outcome = Worse
		}
		return outcome, fmt.Sprintf("The student is %s than before: exact match %s, from %s.", outcome, percent(s.Value), percent(u.Value))
	}
	if s, u := student.KLToTeacher, untouched.KLToTeacher; s != nil && u != nil {
		outcome := lower(*s, *u)
		return outcome, fmt.Sprintf("The student is %s: KL to the teacher %.4g nats a token, from %.4g.", phrase(outcome), *s, *u)
	}
	if s, u := student.Perplexity, untouched.Perplexity; s != nil && u != nil {
		outcome := lower(*s, *u)
		return outcome, fmt.Sprintf("The student is %s: perplexity %.4g, from %.4g.", phrase(outcome), *s, *u)
	}
	if s, u := student.ExactMatch, untouched.ExactMatch; s != nil && u != nil {
		return Unclear, fmt.Sprintf("Too few prompts to tell: exact match %s, before %s, and the intervals overlap.", percent(s.Value), percent(u.Value))
	}
	return Unknown, "The student and the untouched one share no measure."
}

func lower(now, before float64) Outcome {
	switch {
	case now < before*0.99:
		return Better
	case now > before*1.01:
		return Worse
	}
	return Unclear
}

func phrase(o Outcome) string {
	if o == Unclear {
		return "no clear step from where it was"
	}
	return string(o) + " than before"
}

func smaller(teacher, student *Model) string {
	if student.Parameters <= 0 || teacher.Parameters <= student.Parameters {
		return ""
	}
	return fmt.Sprintf(" with %.3g times fewer parameters", float64(teacher.Parameters)/float64(student.Parameters))
}

// quantized describes the smallest exported file against the float student.
func quantized(models []Model, student *Model) string {
	var least *Model
	for i := range models {
		if m := &models[i]; m.Role == Export && m.Bytes > 0 && (least == nil || m.Bytes < least.Bytes) {
			least = m
		}
	}
	if least == nil {
		return ""
	}
	size := fmt.Sprintf("The smallest file, %s, has %s", least.Format, Bytes(least.Bytes))
	switch {
	case least.ExactMatch != nil && student.ExactMatch != nil:
		return fmt.Sprintf("%s and changes exact match by %s points.", size, signed(100*(least.ExactMatch.Value-student.ExactMatch.Value), 1))
	case least.Perplexity != nil && student.Perplexity != nil:
		return fmt.Sprintf("%s and changes perplexity by %s %%.", size, signed(100*(*least.Perplexity / *student.Perplexity - 1), 2))
	}
	return size + "."
}
