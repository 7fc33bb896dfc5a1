package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
	"github.com/seed-d24fde5f/distill/teacher/builtin"
	"github.com/seed-d24fde5f/distill/teacher/local"
	"github.com/seed-d24fde5f/distill/teacher/reference"
	"github.com/seed-d24fde5f/distill/teacher/remote"
)

// openTeacher makes the recipe's teacher ready to be asked.
func (r *Run) openTeacher(prompts []distill.Prompt, purse *budget.Budget) (teacher.Teacher, error) {
	t := &r.Recipe.Teacher
	switch t.Kind {
	case "remote":
		return r.openRemote(t, purse)
	case "local":
		return local.Open(t.Model, r.localOptions())
	case "builtin":
		return builtin.Open(strings.TrimPrefix(t.Model, builtinPrefix), r.localOptions())
	case "reference":
		return reference.New("reference", slices.Values(prompts))
	}
	return nil, fmt.Errorf("teacher: kind %q", t.Kind)
}

// localOptions are those of a teacher that runs here.
func (r *Run) localOptions() local.Options {
	o := local.Options{Threads: r.opts.Threads, Slots: max(32, r.Recipe.Teacher.Concurrency)}
	if r.Recipe.Prompts.Format == "raw" {
		o.Template = chat.Plain
	}
	return o
}

// builtinName returns the MODEL argument of a teacher that runs here.
func builtinName(t *config.Teacher) string {
	if t.Kind == "builtin" && !strings.HasPrefix(t.Model, builtinPrefix) {
		return builtinPrefix + t.Model
	}
	return t.Model
}

func (r *Run) openRemote(t *config.Teacher, purse *budget.Budget) (teacher.Teacher, error) {
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
	if t.Batch {
		return remote.NewBatch(opts, remote.BatchOptions{Name: r.Recipe.Name})
	}
	return remote.New(opts)
}

// signal is what the recipe keeps of the teacher's distribution.
func (r *Run) signal() distill.SignalSpec { return signalOf(r.Recipe.Teacher.Signal) }

func signalOf(s config.Signal) distill.SignalSpec {
	if s.Kind == "none" {
		return distill.SignalSpec{}
	}
	return distill.SignalSpec{Kind: distill.SignalKind(s.Kind), K: s.K}
}
