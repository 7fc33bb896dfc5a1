package recipe

import (
	"context"
	"errors"
	"os"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/device"
	"github.com/seed-d24fde5f/distill/internal/plan"
)

// PlanOptions say how much may be done to know better.
type PlanOptions struct {
	Pilot   int  // questions to be asked, and paid, beforehand; their answers are kept
	NoBench bool // do not time a training step, nor decoding, and ask a teacher that runs here nothing
	// Measured is what bench --ssh found on other machines; it counts before published figures.
	Measured []device.Measurement
}

// Plan estimates what the run will take. But for a pilot it spends nothing and writes nothing.
func (r *Run) Plan(ctx context.Context, o PlanOptions) (*plan.Plan, error) {
	prompts, err := r.preparePrompts()
	if err != nil {
		return nil, err
	}
	known := plan.Known{Prompts: prompts.Count, Heldout: prompts.Heldout}
	if o.Pilot > 0 {
		if known.PilotCalls, err = r.pilot(ctx, o.Pilot); err != nil {
			return nil, err
		}
	}
	if known.Answers, err = r.answersSoFar(); err != nil {
		return nil, err
	}
	if !o.NoBench && known.Answers.Rows == 0 {
		if known.Tried, err = r.try(ctx, &known.Answers); err != nil {
			return nil, err
		}
	}
	if r.Recipe.Prompts.Grow != nil {
		if known.Grow, err = r.growthSoFar(); err != nil {
			return nil, err
		}
	}
	if known.Judges, err = r.judgedSoFar(known.Answers.Rows > 0); err != nil {
		return nil, err
	}
	return plan.New(ctx, r.Recipe, known, plan.Options{Dir: r.Dir, Threads: r.opts.Threads, Program: r.opts.Program, NoBench: o.NoBench, Measured: o.Measured})
}

// pilot asks the first few questions that have no answer yet, in the way the run will, and keeps the answers.
func (r *Run) pilot(ctx context.Context, n int) (asked int, err error) {
	a, err := r.newAsker("pilot", "teacher", &r.Recipe.Teacher, DataDir, r.eachPrompt())
	if err != nil {
		return 0, err
	}
	defer a.close()
	a.finish = r.check
	if err := a.check(ctx); err != nil {
		return 0, err
	}
	meter := r.opts.Monitor.Start("pilot", "rows", int64(n), 0)
	defer meter.Stop()
	err = a.ask(ctx, func(yield func(question, error) bool) {
		for q, err := range r.wanted() {
			if err == nil && a.data.Has(q.id) {
				continue
			}
			if asked++; asked > n || !yield(q, err) {
				return
			}
		}
	}, meter)
	return min(asked, n), errors.Join(err, a.data.Seal())
}

// answersSoFar describes the wanted rows: those that are there already by their answers, all by their questions.
func (r *Run) answersSoFar() (plan.Answers, error) {
	var known plan.Answers
	for q, err := range r.wanted() {
		if err != nil {
			return known, err
		}
		known.Wanted++
		for _, message := range q.prompt.Messages {
			known.QuestionBytes += len(message.Content)
		}
	}
	if _, err := os.Stat(r.path(DataDir)); err != nil {
		return known, nil
	}
	data, err := dataset.Open(r.path(DataDir), dataset.Options{ReadOnly: true})
	if err != nil {
		return known, err
	}
	defer data.Close()
	for row, err := range data.InOrder(idsOf(r.wanted())) {
		if err != nil {
			return known, err
		}
		known.Rows++
		known.Prompt.Add(float64(row.PromptTokens))
		known.Answer.Add(float64(row.CompletionTokens))
		known.Seconds.Add(row.Latency.Seconds())
	}
	if known.Rows > 0 {
		known.RowBytes = float64(folderBytes(r.path(DataDir))) / float64(known.Rows)
	}
	return known, nil
}

// ledgerSoFar describes the ledger in a folder of the run; there may be none yet.
func (r *Run) ledgerSoFar(dir string) (plan.Ledger, error) {
	var known plan.Ledger
	if _, err := os.Stat(r.path(dir)); err != nil {
		return known, nil
	}
	data, err := dataset.Open(r.path(dir), dataset.Options{ReadOnly: true})
	if err != nil {
		return known, err
	}
	defer data.Close()
	var seconds, tokens float64
	for row, err := range data.Rows() {
		if err != nil {
			return known, err
		}
		known.Replies++
		seconds, tokens = seconds+row.Latency.Seconds(), tokens+float64(row.CompletionTokens)
	}
	if tokens > 0 {
		known.SecondsPerToken = seconds / tokens
	}
	return known, nil
}

// growthSoFar describes how far the growing of prompts has come.
func (r *Run) growthSoFar() (known plan.Growth, err error) {
	known.By, known.Missing = r.grower(), r.Recipe.Prompts.Grow.Count
	if _, err := os.Stat(r.path(grownFile)); err == nil {
		for _, err := range promptsIn(r.path(grownFile)) {
			if err != nil {
				return known, err
			}
			known.Missing--
		}
		known.Missing = max(0, known.Missing)
	}
	known.Ledger, err = r.ledgerSoFar(growDir)
	return known, err
}

// judgedSoFar describes how far each judge has come.
func (r *Run) judgedSoFar(answered bool) ([]plan.Judge, error) {
	judges, err := r.graders()
	if err != nil || len(judges) == 0 {
		return nil, err
	}
	passing := 1.0
	if answered && len(r.Recipe.Select.Verify) > len(judges) {
		if passing, err = r.passingShare(); err != nil {
			return nil, err
		}
	}
	var known []plan.Judge
	for _, g := range judges {
		rubric, err := g.rubric.Question(new(distill.Row))
		if err != nil {
			return nil, err
		}
		ledger, err := r.ledgerSoFar(g.dir())
		if err != nil {
			return nil, err
		}
		known = append(known, plan.Judge{Ledger: ledger, Name: g.Name, By: g.by, RubricBytes: len(rubric), Passing: passing})
	}
	return known, nil
}

// passingShare is the share of the training answers so far that the checks let pass.
func (r *Run) passingShare() (float64, error) {
	var rows, passed float64
	for row, err := range r.checkedRows(r.path(DataDir)) {
		if err != nil {
			return 0, err
		}
		if row.Prompt.Split == distill.Heldout {
			continue
		}
		if rows++; verify.Passed(&row) {
			passed++
		}
	}
	if rows == 0 {
		return 1, nil
	}
	return passed / rows, nil
}
