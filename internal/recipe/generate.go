package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
	"github.com/seed-d24fde5f/distill/teacher/remote"
	"github.com/seed-d24fde5f/distill/train/metric"
)

// lastWords is how long answers in flight may still take after an interruption: a remote one has been paid for.
const lastWords = 30 * time.Second

// toleratedFailures is the share of calls that may fail for passing reasons without stopping the run; the prompts are left
// out, and asked again by the next run.
const toleratedFailures = 0.01

// generate asks the teacher every prompt that the dataset has no answer to.
func generate(ctx context.Context, r *Run, st *StageState) (string, error) {
	prompts, err := r.makePrompts()
	if err != nil {
		return "", err
	}
	if err := r.savePrompts(prompts); err != nil {
		return "", err
	}
	data, err := r.openData()
	if err != nil {
		return "", err
	}
	defer data.Close()
	wanted := r.wanted(prompts)
	spent, err := spentOn(data)
	if err != nil {
		return "", err
	}
	limits := r.Recipe.Teacher.Budget
	purse := budget.New(budget.Limits{USD: limits.USD, Tokens: limits.Tokens, Calls: limits.Calls, Time: limits.Time}, spent)
	t, err := r.openTeacher(prompts, purse)
	if err != nil {
		return "", err
	}
	defer t.Close()

	asker := &asker{run: r, teacher: t, data: data, purse: purse}
	askErr := asker.ask(ctx, wanted)
	// What was answered is sealed whatever happened, so that it can be read.
	if err := errors.Join(askErr, data.Seal()); err != nil {
		asker.settle(st, data)
		return "", err
	}
	asker.settle(st, data)
	return digestOf(wanted, data), nil
}

// question is one row that shall be.
type question struct {
	id     string // of the row
	prompt *distill.Prompt
	sample int32
}

// wanted lists the rows that the recipe asks for: each prompt as often as it says for its split.
func (r *Run) wanted(prompts []distill.Prompt) []question {
	var all []question
	who, sampling := r.teacherIdentity(), r.sampling()
	for i := range prompts {
		p := &prompts[i]
		samples := r.Recipe.Teacher.Samples
		if p.Split == distill.Heldout {
			samples = r.Recipe.Teacher.HeldoutSamples
		}
		for s := range int32(samples) {
			all = append(all, question{dataset.RowID(p.ID, s, who, sampling), p, s})
		}
	}
	return all
}

// teacherIdentity is what makes an answer another answer beside the sampling: who is asked, and what is kept of it.
func (r *Run) teacherIdentity() string {
	t := &r.Recipe.Teacher
	who := t.Kind + " " + t.Model
	if t.Endpoint != "" {
		who += " " + t.Endpoint
	}
	if len(t.Extra) > 0 {
		if text, err := json.Marshal(t.Extra); err == nil {
			who += " " + string(text) // another effort, say, is another answer
		}
	}
	if t.Signal.Kind != "none" {
		who += fmt.Sprintf(" %s/%d", t.Signal.Kind, t.Signal.K)
	}
	return who
}

// sampling is the recipe's, without its seed: another seed of the run does not make paid answers worthless.
func (r *Run) sampling() distill.Sampling { return samplingOf(&r.Recipe.Teacher.Sampling) }

func samplingOf(s *config.Sampling) distill.Sampling {
	return distill.Sampling{
		Temperature: s.Temperature, TopP: s.TopP, TopK: s.TopK, MinP: s.MinP,
		RepetitionPenalty: s.RepetitionPenalty, MaxTokens: s.MaxTokens, Stop: s.Stop,
	}
}

// seedOf returns the seed of one answer, which depends on the run's seed and on what is asked, not on the order of asking.
func (r *Run) seedOf(q question) uint64 {
	return xxhash.Sum64String(fmt.Sprintf("%d %s %d", r.Recipe.Seed, q.prompt.ID, q.sample))
}

// digestOf returns a digest of the wanted rows that are there.
func digestOf(wanted []question, data *dataset.Dataset) string {
	var ids []string
	for _, q := range wanted {
		if data.Has(q.id) {
			ids = append(ids, q.id)
		}
	}
	return digest(ids)
}

// spentOn adds up what the rows of a dataset have cost.
func spentOn(data *dataset.Dataset) (budget.Spending, error) {
	var s budget.Spending
	for row, err := range data.Rows() {
		if err != nil {
			return s, err
		}
		s.Calls++
		s.Tokens += int64(row.PromptTokens) + int64(row.CompletionTokens)
		if row.CostUSD != nil {
			s.USD += *row.CostUSD
		}
	}
	return s, nil
}

// asker has many calls in flight and makes each answer durable.
type asker struct {
	run     *Run
	teacher teacher.Teacher
	data    *dataset.Dataset
	purse   *budget.Budget

	mu     sync.Mutex
	failed map[teacher.Kind]int
	last   error
	cost   float64
}

// ask asks what the dataset does not have.
func (a *asker) ask(ctx context.Context, wanted []question) error {
	var rest []question
	for _, q := range wanted {
		if !a.data.Has(q.id) {
			rest = append(rest, q)
		}
	}
	if t, ok := a.teacher.(*remote.Teacher); ok && len(rest) > 0 {
		if err := t.Check(ctx); err != nil {
			return err // a wrong port or name fails at once, not after the patience that a running server is owed
		}
	}
	meter := a.run.opts.Monitor.Start("generate", "rows", int64(len(wanted)), int64(len(wanted)-len(rest)))
	defer meter.Stop()
	a.failed = map[teacher.Kind]int{}

	ctx, cancelTime := a.purse.Context(ctx)
	defer cancelTime()
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopCalls := context.AfterFunc(ctx, func() {
		if a.run.Recipe.Teacher.Kind != "remote" {
			cancel()
			return
		}
		a.run.log.Info("waiting for answers in flight", "at_most", lastWords)
		time.AfterFunc(lastWords, cancel)
	})
	defer stopCalls()

	questions := make(chan question)
	group, stopping := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(questions)
		for _, q := range rest {
			if err := a.data.Ready(); err != nil {
				return err
			}
			select {
			case questions <- q:
			case <-stopping.Done():
				return context.Cause(stopping)
			}
		}
		return nil
	})
	for range a.concurrency() {
		group.Go(func() error {
			for q := range questions {
				if err := a.one(calls, q, meter); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		if errors.Is(err, budget.ErrTimeUp) {
			return teacher.Errorf(teacher.Limit, "raise teacher.budget.time to go on", "generation reached its limit on time")
		}
		return err
	}
	return a.verdict(len(rest))
}

func (a *asker) concurrency() int {
	if n := a.teacher.Info().Concurrency; n > 0 && (a.run.Recipe.Teacher.Kind != "remote" || a.run.Recipe.Teacher.Batch) {
		return n
	}
	return a.run.Recipe.Teacher.Concurrency
}

// one asks one question and keeps the answer. Only what ends the whole stage is returned as an error.
func (a *asker) one(ctx context.Context, q question, meter Meter) error {
	sampling := a.run.sampling()
	sampling.Seed = a.run.seedOf(q)
	answer, err := a.complete(ctx, teacher.Request{Messages: q.prompt.Messages, Sampling: sampling, Signal: a.run.signal()})
	if err != nil {
		kind := teacher.KindOf(err)
		if ctx.Err() != nil || kind == teacher.Fatal || kind == teacher.Limit {
			return err
		}
		a.mu.Lock()
		a.failed[kind]++
		a.last = err
		a.mu.Unlock()
		a.run.log.Warn("no answer", "prompt", q.prompt.ID, "sample", q.sample, "error", err)
		return nil
	}
	row := distill.Row{ID: q.id, Prompt: *q.prompt, Sample: q.sample, CreatedAt: time.Now().UTC(), Completion: *answer}
	if err := a.run.judge(ctx, &row); err != nil {
		return err
	}
	if err := a.data.Append(ctx, row); err != nil {
		return err
	}
	meter.Add(1)
	if answer.CostUSD != nil {
		a.mu.Lock()
		a.cost += *answer.CostUSD
		meter.Note(fmt.Sprintf("$%.4f", a.cost))
		measure(meter, 0, metric.Value{Name: "cost_usd", Value: a.cost})
		a.mu.Unlock()
	}
	return nil
}

// complete asks within the budget. A remote teacher keeps to it by itself.
func (a *asker) complete(ctx context.Context, req teacher.Request) (*distill.Completion, error) {
	if a.run.Recipe.Teacher.Kind == "remote" {
		return a.teacher.Complete(ctx, req)
	}
	held, err := a.purse.Reserve(ctx, budget.Spending{Calls: 1, Tokens: int64(req.Sampling.MaxTokens)})
	if err != nil {
		return nil, err
	}
	answer, err := a.teacher.Complete(ctx, req)
	used := budget.Spending{Calls: 1}
	if answer != nil {
		used.Tokens = int64(answer.PromptTokens) + int64(answer.CompletionTokens)
	}
	held.Settle(used)
	return answer, err
}

// verdict decides whether the stage is done in spite of calls that failed.
func (a *asker) verdict(asked int) error {
	passing := a.failed[teacher.Transient]
	if float64(passing) > toleratedFailures*float64(asked) {
		return fmt.Errorf("%d of %d calls failed, the last: %w", passing, asked, a.last)
	}
	if n := a.failed[teacher.Permanent]; n > 0 && n == asked {
		return fmt.Errorf("every call was refused, the last: %w", a.last)
	}
	return nil
}

// settle writes what came of it into the stage's state.
func (a *asker) settle(st *StageState, data *dataset.Dataset) {
	spent, err := spentOn(data)
	if err != nil {
		return // the error shows where the data are read next
	}
	st.Calls, st.Tokens = spent.Calls, spent.Tokens
	st.CostUSD = nil
	if spent.USD > 0 {
		st.CostUSD = &spent.USD
	}
	st.Note = fmt.Sprintf("%d rows", data.Len())
	if failed := a.failed[teacher.Transient] + a.failed[teacher.Permanent]; failed > 0 {
		st.Note += fmt.Sprintf(", %d without an answer", failed)
	}
}
