// Package verify judges answers: each verifier looks at one row and says whether it passes, how well, and why.
//
//	Number   the last number of the response equals that of the reference
//	Exact    the response is the reference, but for blanks
//	Fuzzy    the response resembles the reference to a degree
//	Regex    the response matches a regular expression
//	JSON     the response is JSON that satisfies a schema
//	Expr     an expression over the row is true (package rule)
//
// A [Rubric] is for judgements that another model makes: what it is asked, and how its reply is read.
//
// The two calls most users need:
//
//	checks := []verify.Verifier{verify.Number()}
//	err := verify.All(ctx, checks, &row) // fills row.Verdicts
//
// Verifiers are safe for concurrent use, and none leaves the process. A verdict is a fact about an answer;
// what follows from it is for package selection to say.
package verify

import (
	"context"
	"fmt"

	"github.com/seed-d24fde5f/distill"
)

// Verifier judges answers.
type Verifier interface {
	// Name is what the verdict is filed under.
	Name() string
	// Verify judges one row. An error means that no judgement could be made, not that the answer is wrong.
	Verify(ctx context.Context, row *distill.Row) (distill.Verdict, error)
}

// All asks every verifier about row and files their verdicts in it, in place of earlier ones of the same name.
func All(ctx context.Context, verifiers []Verifier, row *distill.Row) error {
	for _, v := range verifiers {
		verdict, err := v.Verify(ctx, row)
		if err != nil {
			return fmt.Errorf("verify: %s: row %s: %w", v.Name(), row.ID, err)
		}
		verdict.Name = v.Name()
		file(row, verdict)
	}
	return nil
}

func file(row *distill.Row, verdict distill.Verdict) {
	for i := range row.Verdicts {
		if row.Verdicts[i].Name == verdict.Name {
			row.Verdicts[i] = verdict
			return
		}
	}
	row.Verdicts = append(row.Verdicts, verdict)
}

// Passed reports whether row has the verdicts of all names and passes them. Without names, all it has must pass.
func Passed(row *distill.Row, names ...string) bool {
	has := make(map[string]bool, len(row.Verdicts))
	for _, v := range row.Verdicts {
		if has[v.Name] = v.Pass; !v.Pass && len(names) == 0 {
			return false
		}
	}
	for _, name := range names {
		if !has[name] {
			return false
		}
	}
	return true
}

// check is a verifier made of a function that needs nothing but the row.
type check struct {
	name  string
	judge func(row *distill.Row) (pass bool, score float32, detail string, err error)
}

func (c check) Name() string { return c.name }

func (c check) Verify(_ context.Context, row *distill.Row) (distill.Verdict, error) {
	pass, score, detail, err := c.judge(row)
	return distill.Verdict{Name: c.name, Pass: pass, Score: score, Detail: detail}, err
}

// scored turns a yes or no into the score 1 or 0.
func scored(pass bool) float32 {
	if pass {
		return 1
	}
	return 0
}
