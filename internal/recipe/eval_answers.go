package recipe

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/progress"
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
		return nil, hint.Errorf("", "eval.match: %w", err)
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
	written, before, err := openJournal[answer](r.path(evalDir, answersFile))
	if err != nil {
		return nil, err
	}
	defer written.close()
	known := map[[3]string]answer{}
	for _, a := range before {
		known[a.key()] = a
	}
	meter := r.opts.Monitor.Start("eval: answers", "answers", int64(len(asked)*len(prompts)), int64(len(known)))
	defer meter.Stop()
	var answers []answer
	for _, s := range asked {
		o := oral{run: r, subject: s, match: match, meter: meter, known: known, written: written, limit: r.answerTokens(s, rows)}
		given, err := o.ask(ctx, prompts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.path, err)
		}
		answers = append(answers, given...)
	}
	return answers, nil
}

// key tells answers apart.
func (a *answer) key() [3]string { return [3]string{string(a.Role), a.File, a.PromptID} }

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

// oral is one model being asked.
type oral struct {
	run     *Run
	subject *subject
	match   verify.Verifier // nil where nothing is compared
	meter   progress.Meter
	known   map[[3]string]answer // given before evaluation was interrupted
	written *journal[answer]
	limit   int // tokens of an answer
}

// ask lets the model answer all prompts in one batch.
func (o *oral) ask(ctx context.Context, prompts []*distill.Prompt) ([]answer, error) {
	engine := infer.NewEngine(o.subject.ready, infer.EngineOptions{Slots: plan.EvalSlots})
	defer engine.Close()
	answers := make([]answer, len(prompts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * engine.Slots())
	for i, p := range prompts {
		wanted := answer{Role: o.subject.Role, File: o.subject.File, PromptID: p.ID, Prompt: lastUser(p), Reference: p.Reference}
		if a, ok := o.known[wanted.key()]; ok {
			answers[i] = a
			continue
		}
		group.Go(func() error {
			a, err := o.askOne(ctx, engine, wanted, p)
			if err != nil {
				return err
			}
			answers[i] = a
			o.meter.Add(1)
			return o.written.add(a)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	o.subject.right = map[string]bool{}
	for _, a := range answers {
		if a.Right != nil {
			o.subject.right[a.PromptID] = *a.Right
		}
	}
	return answers, nil
}

func (o *oral) askOne(ctx context.Context, engine *infer.Engine, a answer, p *distill.Prompt) (answer, error) {
	s := o.subject
	ids, err := s.language.format.Prompt(p.Messages, true)
	if err != nil {
		return a, err
	}
	if len(ids) >= s.ready.Context() {
		a.FinishReason = distill.FinishLength // no room for an answer: it is wrong
	} else {
		result, err := engine.Generate(ctx, infer.Request{Prompt: ids, Sampling: distill.Sampling{MaxTokens: o.limit}, EndTokens: s.language.format.Stops()})
		if err != nil {
			return a, err
		}
		a.Reasoning, a.Response = chat.Split(result.Text)
		a.FinishReason, a.Tokens = result.FinishReason, len(result.Tokens)
		for _, v := range result.Logprobs {
			a.MeanNats -= float64(v) / float64(len(result.Logprobs))
		}
	}
	if o.match == nil || p.Reference == "" {
		return a, nil
	}
	verdict, err := o.match.Verify(ctx, &distill.Row{Prompt: *p, Completion: distill.Completion{Reasoning: a.Reasoning, Response: a.Response, FinishReason: a.FinishReason}})
	a.Right = &verdict.Pass
	return a, err
}

// answerTokens is the longest answer of an evaluated model: what the recipe says, else the teacher's limit. A student that
// learnt nothing yet may never stop, so without a word from the recipe it has twice the longest held-out answer.
func (r *Run) answerTokens(s *subject, rows []distill.Row) int {
	if n := r.Recipe.Eval.MaxTokens; n > 0 {
		return n
	}
	limit := r.Recipe.Teacher.Sampling.MaxTokens
	if s.Role != report.Untouched {
		return limit
	}
	longest := 0
	for i := range rows {
		if e, err := s.language.example(&rows[i], true); err == nil {
			longest = max(longest, len(e.Tokens)-e.AnswerStart)
		}
	}
	if longest == 0 || limit > 0 && limit < 2*longest {
		return limit
	}
	return 2 * longest
}

// remoteTeacher judges a teacher that does not run here by the answers it gave.
func (r *Run) remoteTeacher(rows []distill.Row) *subject {
	s := &subject{Model: report.Model{Role: report.Teacher, Name: r.Recipe.Teacher.Model}, right: map[string]bool{}}
	match, err := r.matcher()
	if err != nil || match == nil {
		return s
	}
	for i := range rows {
		if v, err := match.Verify(context.Background(), &rows[i]); err == nil && rows[i].Prompt.Reference != "" {
			s.right[rows[i].Prompt.ID] = v.Pass
		}
	}
	return s
}

func lastUser(p *distill.Prompt) string {
	for _, m := range slices.Backward(p.Messages) {
		if m.Role == distill.RoleUser {
			return m.Content
		}
	}
	return ""
}
