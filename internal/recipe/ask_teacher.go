package recipe

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
	"github.com/seed-d24fde5f/distill/teacher/builtin"
	"github.com/seed-d24fde5f/distill/teacher/local"
	"github.com/seed-d24fde5f/distill/teacher/reference"
	"github.com/seed-d24fde5f/distill/teacher/remote"
)

// openTeacher makes the one that t describes ready to be asked. prompts are what a reference teacher knows.
func (r *Run) openTeacher(t *config.Teacher, prompts iter.Seq2[distill.Prompt, error], purse *budget.Budget) (teacher.Teacher, error) {
	switch t.Kind {
	case "remote":
		return r.openRemote(t, purse)
	case "local":
		return local.Open(t.Model, r.localOptions(t))
	case "builtin":
		return builtin.Open(strings.TrimPrefix(t.Model, workbench.BuiltinPrefix), r.localOptions(t))
	case "reference":
		return openBook(prompts)
	}
	return nil, fmt.Errorf("teacher: kind %q", t.Kind)
}

// openBook makes a teacher of the prompts' own solutions.
func openBook(prompts iter.Seq2[distill.Prompt, error]) (teacher.Teacher, error) {
	var failed error
	t, err := reference.New("reference", func(yield func(distill.Prompt) bool) {
		for p, err := range prompts {
			if failed = err; err != nil || !yield(p) {
				return
			}
		}
	})
	if failed != nil || err != nil {
		return nil, errors.Join(failed, err)
	}
	return t, nil
}

// localOptions are those of a teacher that runs here.
func (r *Run) localOptions(t *config.Teacher) local.Options {
	o := local.Options{Threads: r.opts.Threads, Slots: plan.TeacherSlots(t)}
	if r.Recipe.Prompts.Format == "raw" {
		o.Template = chat.Plain
	}
	return o
}

func (r *Run) openRemote(t *config.Teacher, purse *budget.Budget) (teacher.Teacher, error) {
	opts := r.remoteOptions(t, purse)
	if t.Batch {
		return remote.NewBatch(opts, remote.BatchOptions{Name: r.Recipe.Name, Size: t.BatchSize, Poll: t.BatchPoll})
	}
	return remote.New(opts)
}

// remoteOptions are those of one that is behind a server.
func (r *Run) remoteOptions(t *config.Teacher, purse *budget.Budget) remote.Options {
	opts := remote.Options{
		BaseURL:           t.Endpoint,
		Dialect:           t.Dialect,
		Model:             t.Model,
		Concurrency:       t.Concurrency,
		RequestsPerMinute: t.Limits.RequestsPerMinute,
		TokensPerMinute:   t.Limits.TokensPerMinute,
		Timeout:           t.Limits.Timeout,
		IdleTimeout:       t.Limits.IdleTimeout,
		Retries:           t.Limits.Retries,
		Patience:          t.Limits.Patience,
		Headers:           t.Headers,
		Extra:             t.Extra,
		PrefilledThinking: t.PrefilledThinking,
		MaxOutput:         t.MaxOutput,
		Budget:            purse,
		Logger:            r.log,
	}
	if t.Limits.Retries == 0 {
		opts.Retries = -1 // its zero value means its default
	}
	if t.KeyEnv != "" {
		opts.KeyEnv = []string{t.KeyEnv}
	}
	opts.KeyEnv = append(opts.KeyEnv, t.KeyEnvs...)
	if t.OnTruncated != "keep" {
		opts.OnTruncated = remote.Truncation(t.OnTruncated)
	}
	if t.Limits.WhenDown == "stop" {
		opts.WhenDown = remote.Stop
	}
	if p := t.Price; p != nil {
		opts.Price = &remote.Price{Input: p.Input, CachedInput: p.CachedInput, Output: p.Output, Source: "the recipe"}
	}
	return opts
}

// signalOf is what is kept of the teacher's distribution.
func signalOf(s config.Signal) distill.SignalSpec {
	if s.Kind == "none" {
		return distill.SignalSpec{}
	}
	return distill.SignalSpec{Kind: distill.SignalKind(s.Kind), K: s.K}
}
