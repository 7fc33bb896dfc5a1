package recipe

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// lastWords is how long answers in flight may still take after an interruption: a remote one has been paid for.
const lastWords = 30 * time.Second

// toleratedFailures is the share of calls that may fail for passing reasons without stopping the run; the prompts are left
// out, and asked again by the next run.
const toleratedFailures = 0.01

// question is one row that shall be.
type question struct {
	id     string // of the row
	prompt distill.Prompt
	sample int32
}

// questions are those that shall be asked, in their order.
type questions = iter.Seq2[question, error]

// asker has many calls in flight and makes each answer durable in a ledger.
type asker struct {
	run     *Run
	stage   string          // what the monitor shows
	section string          // of the recipe, that holds the budget
	by      *config.Teacher // who is asked, and how
	teacher teacher.Teacher
	data    *dataset.Dataset
	purse   *budget.Budget
	finish  func(context.Context, *distill.Row) error // what is done with a row before it is kept; nil for nothing

	mu     sync.Mutex
	asked  int
	failed map[teacher.Kind]int
	last   error
}

// newAsker opens the ledger at dir and whom by names. What the ledger's rows have cost is spent of the budget. The caller
// closes the asker.
func (r *Run) newAsker(stage, section string, by *config.Teacher, dir string, prompts iter.Seq2[distill.Prompt, error]) (*asker, error) {
	data, err := dataset.Open(r.path(dir), dataset.Options{Origin: dataset.Origin{Teacher: by.Model, Signal: distill.SignalKind(by.Signal.Kind)}})
	if err != nil {
		return nil, err
	}
	spent := data.Spent()
	purse := budget.New(budget.Limits{USD: by.Budget.USD, Tokens: by.Budget.Tokens, Calls: by.Budget.Calls, Time: by.Budget.Time},
		budget.Spending{USD: spent.USD, Tokens: spent.PromptTokens + spent.CompletionTokens, Calls: spent.Rows})
	t, err := r.openTeacher(by, prompts, purse)
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return &asker{run: r, stage: stage, section: section, by: by, teacher: t, data: data, purse: purse, failed: map[teacher.Kind]int{}}, nil
}

func (a *asker) close() error { return errors.Join(a.teacher.Close(), a.data.Close()) }

// checker is a teacher that can tell, before anything is spent, whether address, key and model are right.
type checker interface {
	Check(ctx context.Context) error
}

// check fails at once on a wrong port or name, not after the patience that a running server is owed.
func (a *asker) check(ctx context.Context) error {
	if t, ok := a.teacher.(checker); ok {
		return t.Check(ctx)
	}
	return nil
}

// askAll asks what the ledger does not have of all questions, of which there are total and have are answered.
func (a *asker) askAll(ctx context.Context, all questions, total, have int) error {
	if have < total {
		if err := a.check(ctx); err != nil {
			return err
		}
	}
	meter := a.run.opts.Monitor.Start(a.stage, "rows", int64(total), int64(have))
	defer meter.Stop()
	return a.ask(ctx, func(yield func(question, error) bool) {
		for q, err := range all {
			if err == nil && a.data.Has(q.id) {
				continue
			}
			if !yield(q, err) {
				return
			}
		}
	}, meter)
}

// ask asks questions.
func (a *asker) ask(ctx context.Context, rest questions, meter progress.Meter) error {
	ctx, cancelTime := a.purse.Context(ctx)
	defer cancelTime()
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopCalls := context.AfterFunc(ctx, func() {
		if a.by.Kind != "remote" {
			cancel()
			return
		}
		a.run.log.Info("waiting for answers in flight", "at_most", lastWords)
		time.AfterFunc(lastWords, cancel)
	})
	defer stopCalls()

	next := make(chan question)
	group, stopping := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(next)
		for q, err := range rest {
			if err := errors.Join(err, a.data.Ready()); err != nil {
				return err
			}
			select {
			case next <- q:
			case <-stopping.Done():
				return context.Cause(stopping)
			}
		}
		return nil
	})
	for range a.concurrency() {
		group.Go(func() error {
			for q := range next {
				if err := a.one(calls, q, meter); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		if errors.Is(err, budget.ErrTimeUp) {
			return teacher.Errorf(teacher.Limit, "raise "+a.section+".budget.time to go on", "%s reached its limit on time", a.stage)
		}
		return err
	}
	return a.verdict()
}

func (a *asker) concurrency() int {
	if n := a.teacher.Info().Concurrency; n > 0 && (a.by.Kind != "remote" || a.by.Batch) {
		return n
	}
	return a.by.Concurrency
}

// one asks one question and keeps the answer. Only what ends the whole stage is returned as an error.
func (a *asker) one(ctx context.Context, q question, meter progress.Meter) error {
	sampling := samplingOf(&a.by.Sampling)
	sampling.Seed = a.run.seedOf(&q)
	answer, err := a.complete(ctx, teacher.Request{Messages: q.prompt.Messages, Sampling: sampling, Signal: signalOf(a.by.Signal)})
	a.mu.Lock()
	a.asked++
	a.mu.Unlock()
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
	row := distill.Row{ID: q.id, Prompt: q.prompt, Sample: q.sample, CreatedAt: time.Now().UTC(), Completion: *answer}
	if a.finish != nil {
		if err := a.finish(ctx, &row); err != nil {
			return err
		}
	}
	if err := a.data.Append(ctx, row); err != nil {
		return err
	}
	meter.Add(1)
	note := "last answer: " + ending(answer.Response)
	if answer.CostUSD != nil {
		usd := a.data.Spent().USD
		note = fmt.Sprintf("$%.4f  %s", usd, note)
		progress.Measure(meter, 0, "cost_usd", usd)
	}
	meter.Note(note)
	return nil
}

// ending is the end of an answer on one line, where most of them say what they come to, without what would steer a terminal.
func ending(text string) string {
	const most = 32
	line := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(text), " ")))
	if len(line) > most {
		return "…" + string(line[len(line)-most+1:])
	}
	return string(line)
}

// complete asks within the budget. A remote teacher keeps to it by itself.
func (a *asker) complete(ctx context.Context, req teacher.Request) (*distill.Completion, error) {
	if a.by.Kind == "remote" {
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
func (a *asker) verdict() error {
	passing := a.failed[teacher.Transient]
	if float64(passing) > toleratedFailures*float64(a.asked) {
		return fmt.Errorf("%d of %d calls failed, the last: %w", passing, a.asked, a.last)
	}
	if n := a.failed[teacher.Permanent]; n > 0 && n == a.asked {
		return fmt.Errorf("every call was refused, the last: %w", a.last)
	}
	return nil
}

// settle writes what the ledger's rows have cost into the stage's state.
func (a *asker) settle(st *stageState) {
	spent := a.data.Spent()
	st.Calls, st.Tokens, st.CostUSD = spent.Rows, spent.PromptTokens+spent.CompletionTokens, nil
	if spent.USD > 0 {
		st.CostUSD = &spent.USD
	}
	st.Note = fmt.Sprintf("%d rows", spent.Rows)
	if failed := a.failed[teacher.Transient] + a.failed[teacher.Permanent]; failed > 0 {
		st.Note += fmt.Sprintf(", %d without an answer", failed)
	}
}

// seedOf returns the seed of one answer, which depends on the run's seed and on what is asked, not on the order of asking.
func (r *Run) seedOf(q *question) uint64 {
	return xxhash.Sum64String(fmt.Sprintf("%d %s %d", r.Recipe.Seed, q.prompt.ID, q.sample))
}

// identityOf is what makes an answer another answer beside the sampling: who is asked, and what is kept of it.
func identityOf(t *config.Teacher) string {
	who := t.Kind + " " + t.Model
	if t.Endpoint != "" {
		who += " " + t.Endpoint
	}
	if len(t.Extra) > 0 {
		if text, err := extraText(t.Extra); err == nil {
			who += " " + text // another effort, say, is another answer
		}
	}
	if t.Signal.Kind != "none" {
		who += fmt.Sprintf(" %s/%d", t.Signal.Kind, t.Signal.K)
	}
	return who
}
