package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/template"

	"github.com/seed-d24fde5f/distill"
)

// ErrBudget says that the judge's budget is spent. Rows that were not judged have no verdict of it.
var ErrBudget = errors.New("the judge's budget is spent")

// Asker answers a judge's question. It is what this package needs of a teacher; costUSD is nil when no price is known.
type Asker interface {
	Ask(ctx context.Context, messages []distill.Message) (text string, costUSD *float64, err error)
}

// JudgeOptions say how another model judges. The zero value asks for a score from 1 to 10 and passes 7.
type JudgeOptions struct {
	Name     string  // of the verdict; empty means "judge"
	Criteria string  // what a good answer is, in words; empty means correct, complete and clear
	Template string  // of the question, as text/template over Prompt, Reference, Response and Criteria; empty means [JudgeTemplate]
	Min, Max float64 // the scale; 0 and 0 mean 1 to 10
	Pass     float64 // least score that passes; 0 means two thirds up the scale: 7 on the default one
	MaxCalls int     // most questions asked; 0 means no limit
	MaxUSD   float64 // most money spent; 0 means no limit
	EstUSD   float64 // price set aside for each question in flight, so that MaxUSD holds with many at once
}

// JudgeTemplate is the question that judges are asked unless another is given.
const JudgeTemplate = `You grade an answer. A good answer is {{.Criteria}}.

[Question]
{{.Prompt}}
{{if .Reference}}
[Reference answer]
{{.Reference}}
{{end}}
[Answer to be graded]
{{.Response}}

Judge the answer on its merits; its length and its own claims about its quality do not count. Reply with one line of JSON and nothing else:
{"reason": "one sentence", "score": a number from {{.Min}} to {{.Max}}}`

// judge is a verifier that asks a model.
type judge struct {
	JudgeOptions
	asker    Asker
	template *template.Template

	mu    sync.Mutex
	calls int
	spent float64 // with what is set aside for calls in flight
}

// Judge returns a verifier that asks another model. Score is the model's, on its scale; detail is its reason. The
// budget is the judge's own: once it is spent, Verify returns [ErrBudget].
func Judge(asker Asker, options JudgeOptions) (Verifier, error) {
	if options.Name == "" {
		options.Name = "judge"
	}
	if options.Criteria == "" {
		options.Criteria = "correct, complete and clear"
	}
	if options.Template == "" {
		options.Template = JudgeTemplate
	}
	if options.Min == 0 && options.Max == 0 {
		options.Min, options.Max = 1, 10
	}
	if options.Pass == 0 {
		options.Pass = options.Min + (options.Max-options.Min)*2/3
	}
	if !(options.Min < options.Max) || options.Pass < options.Min || options.Pass > options.Max {
		return nil, fmt.Errorf("verify: judge: scale from %v to %v with %v to pass", options.Min, options.Max, options.Pass)
	}
	t, err := template.New("judge").Parse(options.Template)
	if err != nil {
		return nil, fmt.Errorf("verify: judge: %w", err)
	}
	return &judge{JudgeOptions: options, asker: asker, template: t}, nil
}

func (j *judge) Name() string { return j.JudgeOptions.Name }

func (j *judge) Verify(ctx context.Context, row *distill.Row) (distill.Verdict, error) {
	question, err := j.question(row)
	if err != nil {
		return distill.Verdict{}, err
	}
	if err := j.setAside(); err != nil {
		return distill.Verdict{}, err
	}
	text, cost, err := j.asker.Ask(ctx, []distill.Message{{Role: distill.RoleUser, Content: question}})
	j.settle(cost, err)
	if err != nil {
		return distill.Verdict{}, err
	}
	score, reason, err := parseJudgement(text)
	if err != nil {
		return distill.Verdict{}, err
	}
	if score < j.Min || score > j.Max {
		return distill.Verdict{}, fmt.Errorf("judge: score %v outside %v to %v", score, j.Min, j.Max)
	}
	return distill.Verdict{Pass: score >= j.Pass, Score: float32(score), Detail: reason}, nil
}

func (j *judge) question(row *distill.Row) (string, error) {
	var prompt, question strings.Builder
	for _, m := range row.Prompt.Messages {
		if len(row.Prompt.Messages) > 1 {
			fmt.Fprintf(&prompt, "%s: ", m.Role)
		}
		fmt.Fprintln(&prompt, m.Content)
	}
	err := j.template.Execute(&question, map[string]any{"Prompt": strings.TrimSpace(prompt.String()), "Response": row.Response,
		"Reference": row.Prompt.Reference, "Criteria": j.Criteria, "Min": j.Min, "Max": j.Max})
	return question.String(), err
}

// setAside counts a question before it is asked, so that questions in flight cannot overrun the budget together.
func (j *judge) setAside() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.MaxCalls > 0 && j.calls >= j.MaxCalls || j.MaxUSD > 0 && j.spent+j.EstUSD > j.MaxUSD || j.MaxUSD > 0 && j.spent >= j.MaxUSD {
		return ErrBudget
	}
	j.calls++
	j.spent += j.EstUSD
	return nil
}

// settle replaces what was set aside by what was paid. A call that failed without a price is taken to cost nothing.
func (j *judge) settle(cost *float64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case cost != nil:
		j.spent += *cost - j.EstUSD
	case err != nil:
		j.spent -= j.EstUSD
	}
}

// parseJudgement reads the JSON object of a judge's reply, which may have text around it.
func parseJudgement(text string) (score float64, reason string, err error) {
	body := unfence(text)
	for at := strings.LastIndexByte(body, '{'); at >= 0; at = strings.LastIndexByte(body[:at], '{') {
		var reply struct {
			Score  *float64 `json:"score"`
			Reason string   `json:"reason"`
		}
		if json.NewDecoder(strings.NewReader(body[at:])).Decode(&reply) == nil && reply.Score != nil {
			return *reply.Score, reply.Reason, nil
		}
	}
	return 0, "", fmt.Errorf("judge: no score in %.80q", text)
}
