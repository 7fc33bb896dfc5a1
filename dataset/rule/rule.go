// Package rule evaluates conditions that users write about rows, such as
//
//	completion_tokens < 200 && !(response contains "sorry")
//	verdicts["number"] && sample == 0
//
// in the language of github.com/expr-lang/expr, which has no loops without end, no input and no output. The names are
// the columns of the dataset's schema, and prompt (the last user message), reference, meta (the prompt's own fields),
// verdicts and scores (by verifier). A rule is compiled once, where a wrong name or type is an error with its place,
// and then asked of many rows:
//
//	long, err := rule.Compile(`len(reasoning) > 2000`)
//	yes, err := long.Match(&row)
package rule

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/seed-d24fde5f/distill"
)

// Env is what an expression sees of a row.
type Env struct {
	ID               string             `expr:"id"`
	PromptID         string             `expr:"prompt_id"`
	Split            string             `expr:"split"`
	Sample           int                `expr:"sample"`
	Messages         []distill.Message  `expr:"messages"` // with the members Role and Content
	Prompt           string             `expr:"prompt"`   // the last user message
	Reference        string             `expr:"reference"`
	Reasoning        string             `expr:"reasoning"`
	Response         string             `expr:"response"`
	FinishReason     string             `expr:"finish_reason"`
	Teacher          string             `expr:"teacher"`
	PromptTokens     int                `expr:"prompt_tokens"`
	CompletionTokens int                `expr:"completion_tokens"`
	ReasoningTokens  int                `expr:"reasoning_tokens"`
	CostUSD          float64            `expr:"cost_usd"` // 0 when no price is known
	LatencyMS        int                `expr:"latency_ms"`
	CreatedAt        time.Time          `expr:"created_at"`
	Verdicts         map[string]bool    `expr:"verdicts"` // a verifier that did not run gives false
	Scores           map[string]float64 `expr:"scores"`
	Meta             map[string]any     `expr:"meta"`
}

// Rule is a compiled condition. It is safe for concurrent use.
type Rule struct {
	source  string
	program *vm.Program
}

// Compile checks an expression, which must give a boolean. The error shows the place in it.
func Compile(source string) (*Rule, error) {
	program, err := expr.Compile(source, expr.Env(Env{}), expr.AsBool())
	if err != nil {
		return nil, fmt.Errorf("rule: %w", err)
	}
	return &Rule{source, program}, nil
}

// String returns the source.
func (r *Rule) String() string { return r.source }

// Match evaluates the rule for a row.
func (r *Rule) Match(row *distill.Row) (bool, error) {
	env, err := envOf(row)
	if err != nil {
		return false, err
	}
	out, err := expr.Run(r.program, env)
	if err != nil {
		return false, fmt.Errorf("rule: row %s: %w", row.ID, err)
	}
	return out.(bool), nil // AsBool has made sure
}

func envOf(row *distill.Row) (Env, error) {
	env := Env{
		ID: row.ID, PromptID: row.Prompt.ID, Split: string(row.Prompt.Split), Sample: int(row.Sample),
		Messages: row.Prompt.Messages, Reference: row.Prompt.Reference,
		Reasoning: row.Reasoning, Response: row.Response, FinishReason: row.FinishReason, Teacher: row.Teacher,
		PromptTokens: int(row.PromptTokens), CompletionTokens: int(row.CompletionTokens),
		ReasoningTokens: int(row.ReasoningTokens), LatencyMS: int(row.Latency.Milliseconds()), CreatedAt: row.CreatedAt,
		Verdicts: make(map[string]bool, len(row.Verdicts)), Scores: make(map[string]float64, len(row.Verdicts)),
	}
	for _, m := range row.Prompt.Messages {
		if m.Role == distill.RoleUser {
			env.Prompt = m.Content
		}
	}
	if row.CostUSD != nil {
		env.CostUSD = *row.CostUSD
	}
	for _, v := range row.Verdicts {
		env.Verdicts[v.Name], env.Scores[v.Name] = v.Pass, float64(v.Score)
	}
	if len(row.Prompt.Meta) > 0 {
		if err := json.Unmarshal(row.Prompt.Meta, &env.Meta); err != nil {
			return env, fmt.Errorf("rule: row %s: meta: %w", row.ID, err)
		}
	}
	return env, nil
}
