package recipe

import (
	"context"
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/config"
)

// verifiers makes the recipe's verifiers that ask nobody, once.
func (r *Run) verifiers() ([]verify.Verifier, error) {
	if r.checks != nil {
		return r.checks, nil
	}
	for i := range r.Recipe.Select.Verify {
		if r.Recipe.Select.Verify[i].Kind == "judge" {
			continue // see grade.go
		}
		v, err := newVerifier(&r.Recipe.Select.Verify[i])
		if err != nil {
			return nil, inputErrorf("", "select.verify.%d: %w", i, err)
		}
		r.checks = append(r.checks, v)
	}
	return r.checks, nil
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
