package recipe

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/teacher"
)

const (
	// tryLimit is how long a teacher that runs here is tried.
	tryLimit = 15 * time.Second
	// tryBytes is the size above which it is not: loading it would take longer than everything else in a plan.
	tryBytes = 2e9
)

// try asks a teacher that runs here the first questions, as many at once as the run will, to learn how long answers are and
// what they take. They cost nothing and are not kept. It returns how many were answered: all that were asked, or none where
// that would take longer than the limit, since the short answers that come first tell little.
func (r *Run) try(ctx context.Context, known *plan.Answers) (int, error) {
	t := &r.Recipe.Teacher
	if t.Kind != "local" && t.Kind != "builtin" {
		return 0, nil
	}
	m, err := workbench.Open(plan.ModelOf(t))
	if err != nil {
		return 0, err
	}
	bytes := m.Bytes()
	m.Close()
	if bytes > tryBytes {
		return 0, nil
	}
	one, err := r.openTeacher(t, r.eachPrompt(), nil)
	if err != nil {
		return 0, err
	}
	defer one.Close()
	limited, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	answers, err := r.answersTo(limited, one, plan.TeacherSlots(t))
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return 0, nil
	case err != nil:
		return 0, err
	}
	for _, a := range answers {
		known.Prompt.Add(float64(a.PromptTokens))
		known.Answer.Add(float64(a.CompletionTokens))
		known.Seconds.Add(a.Latency.Seconds())
	}
	return len(answers), nil
}

// answersTo asks the first questions, all at once.
func (r *Run) answersTo(ctx context.Context, one teacher.Teacher, most int) ([]*distill.Completion, error) {
	var asked []question
	for q, err := range r.wanted() {
		if err != nil {
			return nil, err
		}
		if asked = append(asked, q); len(asked) == most {
			break
		}
	}
	answers := make([]*distill.Completion, len(asked))
	group, ctx := errgroup.WithContext(ctx)
	for i, q := range asked {
		group.Go(func() (err error) {
			sampling := samplingOf(&r.Recipe.Teacher.Sampling)
			sampling.Seed = r.seedOf(&q)
			answers[i], err = one.Complete(ctx, teacher.Request{Messages: q.prompt.Messages, Sampling: sampling, Signal: signalOf(r.Recipe.Teacher.Signal)})
			return err
		})
	}
	return answers, group.Wait()
}
