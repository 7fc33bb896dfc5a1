package verify

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"github.com/seed-d24fde5f/distill"
)

// RubricOptions say how another model judges. The zero value asks for a score from 1 to 10 and passes 7.
type RubricOptions struct {
	Criteria string  // what a good answer is, in words; empty means correct, complete and clear
	Template string  // of the question, as text/template over Prompt, Reference, Response, Criteria, Min and Max; empty means [RubricTemplate]
	Min, Max float64 // the scale; 0 and 0 mean 1 to 10
	Pass     float64 // least score that passes; 0 means two thirds up the scale: 7 on the default one
}

// RubricTemplate is the question that judges are asked unless another is given.
const RubricTemplate = `You grade an answer. A good answer is {{.Criteria}}.

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

// Rubric is what a model that judges is asked about an answer, and how its reply is read. Asking it, paying for it and
// keeping what it said is the caller's business.
type Rubric struct {
	options  RubricOptions
	template *template.Template
}

// NewRubric checks the options.
func NewRubric(o RubricOptions) (*Rubric, error) {
	if o.Criteria == "" {
		o.Criteria = "correct, complete and clear"
	}
	if o.Template == "" {
		o.Template = RubricTemplate
	}
	if o.Min == 0 && o.Max == 0 {
		o.Min, o.Max = 1, 10
	}
	if o.Pass == 0 {
		o.Pass = o.Min + (o.Max-o.Min)*2/3
	}
	if !(o.Min < o.Max) || o.Pass < o.Min || o.Pass > o.Max {
		return nil, fmt.Errorf("verify: judge: scale from %v to %v with %v to pass", o.Min, o.Max, o.Pass)
	}
	t, err := template.New("judge").Parse(o.Template)
	if err != nil {
		return nil, fmt.Errorf("verify: judge: %w", err)
	}
	return &Rubric{o, t}, nil
}

// Question returns what the judge is asked about row.
func (r *Rubric) Question(row *distill.Row) (string, error) {
	var prompt, question strings.Builder
	for _, m := range row.Prompt.Messages {
		if len(row.Prompt.Messages) > 1 {
			fmt.Fprintf(&prompt, "%s: ", m.Role)
		}
		fmt.Fprintln(&prompt, m.Content)
	}
	err := r.template.Execute(&question, map[string]any{"Prompt": strings.TrimSpace(prompt.String()), "Response": row.Response,
		"Reference": row.Prompt.Reference, "Criteria": r.options.Criteria, "Min": r.options.Min, "Max": r.options.Max})
	if err != nil {
		return "", fmt.Errorf("verify: judge: %w", err)
	}
	return question.String(), nil
}

// Verdict reads a judge's reply: the score on its scale, its reason as the detail. A reply without a score on the scale is
// an error.
func (r *Rubric) Verdict(reply string) (distill.Verdict, error) {
	score, reason, err := parseJudgement(reply)
	if err != nil {
		return distill.Verdict{}, err
	}
	if score < r.options.Min || score > r.options.Max {
		return distill.Verdict{}, fmt.Errorf("verify: judge: score %v outside %v to %v", score, r.options.Min, r.options.Max)
	}
	return r.Passing(float32(score), reason), nil
}

// Passing returns the verdict of a score.
func (r *Rubric) Passing(score float32, reason string) distill.Verdict {
	return distill.Verdict{Pass: score >= float32(r.options.Pass), Score: score, Detail: reason}
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
	return 0, "", fmt.Errorf("verify: judge: no score in %.80q", text)
}
