package recipe

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
)

// verifiers returns the recipe's verifiers that ask nobody, made once. Many goroutines judge with them.
func (r *Run) verifiers() ([]verify.Verifier, error) {
	r.checks.once.Do(func() { r.checks.all, r.checks.err = newVerifiers(r.Recipe.Select.Verify) })
	return r.checks.all, r.checks.err
}

// checks are a run's verifiers once they are made.
type checks struct {
	once sync.Once
	all  []verify.Verifier
	err  error
}

func newVerifiers(recipe []config.Verifier) ([]verify.Verifier, error) {
	var all []verify.Verifier
	for i := range recipe {
		if recipe[i].Kind == "judge" {
			continue // see judge.go
		}
		v, err := newVerifier(&recipe[i])
		if err != nil {
			return nil, hint.Errorf("", "select.verify.%d: %w", i, err)
		}
		all = append(all, v)
	}
	return all, nil
}

func newVerifier(c *config.Verifier) (verify.Verifier, error) {
	switch c.Kind {
	case "number":
		return verify.Number(), nil
	case "exact":
		return verify.Exact(), nil
	case "fuzzy":
		return verify.Fuzzy(c.Threshold)
	case "regex":
		return verify.Regex(c.Pattern)
	case "json":
		return verify.JSON(c.Schema)
	case "expr":
		return verify.Expr(c.Expr)
	}
	return nil, fmt.Errorf("kind %q", c.Kind)
}

// check files their verdicts in a row. Held-out rows are judged too: that is the teacher's pass rate.
func (r *Run) check(ctx context.Context, row *distill.Row) error {
	checks, err := r.verifiers()
	if err != nil {
		return err
	}
	return verify.All(ctx, checks, row)
}

// matcher returns the verifier that decides whether an answer is right, or nil where the recipe measures no exact match.
func (r *Run) matcher() (verify.Verifier, error) {
	if r.Recipe.Eval.Match == "none" {
		return nil, nil
	}
	return newVerifier(&config.Verifier{Kind: r.Recipe.Eval.Match, Threshold: 0.9})
}
