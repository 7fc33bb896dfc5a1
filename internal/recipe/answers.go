package recipe

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// answer is what one model said to one held-out prompt: a line of answers.jsonl.
type answer struct {
	Role         report.Role `json:"role"`
	File         string      `json:"file,omitempty"`
	PromptID     string      `json:"prompt_id"`
	Prompt       string      `json:"prompt"`
	Reference    string      `json:"reference,omitempty"`
	Reasoning    string      `json:"reasoning,omitempty"`
	Response     string      `json:"response"`
	FinishReason string      `json:"finish_reason"`
	Right        *bool       `json:"right,omitempty"` // nil where nothing was to compare with
	MeanNats     float64     `json:"mean_nats"`       // −log p of its own tokens, a token
	Tokens       int         `json:"tokens"`
}

// answerAll lets every model answer every held-out prompt greedily, once. Where the recipe measures no exact match, only
// teacher and student answer, and only as many prompts as the report shows.
func (r *Run) answerAll(ctx context.Context, all []*subject, rows []distill.Row) ([]answer, error) {
	match, err := r.matcher()
	if err != nil {
		return nil, inputErrorf("", "eval.match: %w", err)
	}
	prompts := distinctPrompts(rows)
	if match == nil {
		prompts = prompts[:min(len(prompts), r.Recipe.Report.Samples)]
	}
	var asked []*subject
	for _, s := range all {
		if match != nil || s.Role == report.Teacher || s.Role == report.Student {
			asked = append(asked, s)
		}
	}
	meter := r.opts.Monitor.Start("eval: answers", "answers", int64(len(asked)*len(prompts)), 0)
	defer meter.Stop()
	var answers []answer
	for _, s := range asked {
		given, err := r.answer(ctx, s, prompts, match, meter)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.path, err)
		}
		answers = append(answers, given...)
	}
	return answers, nil
}

func distinctPrompts(rows []distill.Row) []*distill.Prompt {
	var prompts []*distill.Prompt
	seen := map[string]bool{}
	for i := range rows {
		if p := &rows[i].Prompt; !seen[p.ID] {
			seen[p.ID] = true
			prompts = append(prompts, p)
		}
	}
	return prompts
}

// answer lets one model answer all prompts in one batch.
func (r *Run) answer(ctx context.Context, s *subject, prompts []*distill.Prompt, match verify.Verifier, meter Meter) ([]answer, error) {
	engine := infer.NewEngine(s.ready, infer.EngineOptions{Slots: 32})
	defer engine.Close()
	answers := make([]answer, len(prompts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * engine.Slots())
	for i, p := range prompts {
		group.Go(func() error {
			a, err := r.answerOne(ctx, engine, s, p, match)
			answers[i] = a
			meter.Add(1)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, a := range answers {
		if a.Right != nil {
			s.tally.judged++
			if *a.Right {
				s.tally.right++
			}
		}
	}
	return answers, nil
}

func (r *Run) answerOne(ctx context.Context, engine *infer.Engine, s *subject, p *distill.Prompt, match verify.Verifier) (answer, error) {
	a := answer{Role: s.Role, File: s.File, PromptID: p.ID, Prompt: lastUser(p), Reference: p.Reference}
	ids, err := s.language.format.Prompt(p.Messages, true)
	if err != nil {
		return a, err
	}
	if len(ids) >= s.ready.Context() {
		a.FinishReason = distill.FinishLength // no room for an answer: it is wrong
	} else {
		result, err := engine.Generate(ctx, infer.Request{Prompt: ids, Sampling: distill.Sampling{MaxTokens: r.answerTokens()}, EndTokens: s.language.format.Stops()})
		if err != nil {
			return a, err
		}
		a.Reasoning, a.Response = chat.Split(result.Text)
		a.FinishReason, a.Tokens = result.FinishReason, len(result.Tokens)
		for _, v := range result.Logprobs {
			a.MeanNats -= float64(v) / float64(len(result.Logprobs))
		}
	}
	if match == nil || p.Reference == "" {
		return a, nil
	}
	verdict, err := match.Verify(ctx, &distill.Row{Prompt: *p, Completion: distill.Completion{Reasoning: a.Reasoning, Response: a.Response, FinishReason: a.FinishReason}})
	a.Right = &verdict.Pass
	return a, err
}

// answerTokens is the longest answer of an evaluated model.
func (r *Run) answerTokens() int {
	if n := r.Recipe.Eval.MaxTokens; n > 0 {
		return n
	}
	return r.Recipe.Teacher.Sampling.MaxTokens
}

// remoteTeacher judges a teacher that does not run here by the answers it gave.
func (r *Run) remoteTeacher(rows []distill.Row) *subject {
	s := &subject{Model: report.Model{Role: report.Teacher, Name: r.Recipe.Teacher.Model}}
	match, err := r.matcher()
	if err != nil || match == nil {
		return s
	}
	for i := range rows {
		if v, err := match.Verify(context.Background(), &rows[i]); err == nil && rows[i].Prompt.Reference != "" {
			s.tally.judged++
			if v.Pass {
				s.tally.right++
			}
		}
	}
	return s
}

func lastUser(p *distill.Prompt) string {
	for i := len(p.Messages) - 1; i >= 0; i-- {
		if p.Messages[i].Role == distill.RoleUser {
			return p.Messages[i].Content
		}
	}
	return ""
}
