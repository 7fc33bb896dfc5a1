package recipe

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/pack"
	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
)

// round is what the student wrote at one time, as batches.
type round struct {
	number   int
	batches  []*train.Batch
	answers  int
	tokens   float64 // an answer
	finished float64 // share of answers that ended by themselves
	nats     float64 // −log p of the student's own tokens, a token
}

// author lets the student write with the weights that it has now.
type author struct {
	run     *Run
	ctx     context.Context //nolint:containedctx // of the training that batches are drawn for
	learner *student.Student
	lang    *language
	model   *infer.Model // nil until the student first writes
	engine  *infer.Engine

	prompts []prompted
	packing pack.Options
	typical float64 // tokens of an example, prompt included
	longest int     // tokens that prompt and answer may have: what a row holds and the teacher can read
	teacher nn.Teacher
	judge   judge // instead of teacher
	judged  int   // answers that are judged at once
	dir     string
	seed    uint64
	kept    int // rounds whose files are kept
}

// prompted is a training prompt in the student's tokens.
type prompted struct {
	prompt *distill.Prompt
	tokens []distill.Token
}

// written is one answer of the student's: a line of a round's file.
type written struct {
	PromptID     string          `json:"prompt_id"`
	Prompt       int             `json:"prompt"` // index among the training prompts
	Text         string          `json:"text"`   // for people
	Tokens       []distill.Token `json:"tokens"`
	FinishReason string          `json:"finish_reason"`
	Nats         float64         `json:"nats"` // −log p of all tokens, by the student
	Signal       *distill.Signal `json:"signal,omitempty"`
}

// round returns a round of so many batches: what lies on disk from before, or what the student writes now.
func (a *author) round(number, batches int) (round, error) {
	path := filepath.Join(a.dir, fmt.Sprintf("round-%06d.jsonl", number))
	all, err := readRound(path)
	if errors.Is(err, fs.ErrNotExist) {
		if all, err = a.write(number, batches); err == nil {
			err = a.keep(path, number, all)
		}
	}
	if err != nil {
		return round{}, fmt.Errorf("on-policy round %d: %w", number, err)
	}
	r := round{number: number, answers: len(all)}
	total := 0
	for i := range all {
		total += len(all[i].Tokens)
		r.nats += all[i].Nats
		if all[i].FinishReason == distill.FinishStop {
			r.finished += 1 / float64(len(all))
		}
	}
	r.tokens, r.nats = float64(total)/float64(len(all)), r.nats/float64(max(1, total))
	r.batches, err = a.pack(all, batches)
	return r, err
}

// write samples answers until they fill the batches. Each answer's draws come from the seed, the round and its place in
// it alone.
func (a *author) write(number, batches int) ([]written, error) {
	if err := a.refresh(); err != nil {
		return nil, err
	}
	draws := rand.New(rand.NewPCG(a.seed, promptStream+uint64(number)<<32))
	var order []int
	var all []written
	need := float64(batches * a.packing.Rows * a.packing.Length)
	wave := max(1, int(need/a.typical/2)) // half of what is likely needed: a student that does not stop fills rows by itself
	for {
		for len(order) < len(all)+wave {
			order = append(order, draws.Perm(len(a.prompts))...)
		}
		more := make([]written, wave)
		if err := a.writeAll(number, len(all), order[len(all):len(all)+wave], more); err != nil {
			return nil, err
		}
		all = append(all, more...)
		filled, err := a.pack(all, batches)
		if filled != nil || err != nil {
			return all, err
		}
	}
}

// promptStream and answerStream are the second halves of seeds: of the order of prompts, and of the answers' draws.
const (
	promptStream = 0x70726f6d7074
	answerStream = 0x616e73776572
)

// writeAll lets the student answer some prompts at once, and the judge, if there is one, judge.
func (a *author) writeAll(number, from int, prompts []int, into []written) error {
	group, ctx := errgroup.WithContext(a.ctx)
	group.SetLimit(2 * plan.AuthorSlots)
	o := &a.run.Recipe.Train.OnPolicy
	limit := cmp.Or(o.MaxTokens, a.run.Recipe.Teacher.Sampling.MaxTokens, a.longest)
	for i, p := range prompts {
		group.Go(func() error {
			q := a.prompts[p]
			seed := rand.New(rand.NewPCG(a.seed^answerStream, uint64(number)<<32+uint64(from+i))).Uint64()
			sampling := distill.Sampling{Temperature: o.Temperature, Seed: seed, MaxTokens: min(limit, a.longest-len(q.tokens))}
			result, err := a.engine.Generate(ctx, infer.Request{Prompt: q.tokens, Sampling: sampling, EndTokens: a.lang.format.Stops()})
			if err != nil {
				return err
			}
			w := written{PromptID: q.prompt.ID, Prompt: p, Text: result.Text, Tokens: result.Tokens, FinishReason: result.FinishReason}
			for _, v := range result.Logprobs {
				w.Nats -= float64(v)
			}
			into[i] = w
			return nil
		})
	}
	if err := group.Wait(); err != nil || a.judge == nil {
		return err
	}
	return a.judgeAll(into)
}

// judgeAll adds the teacher's likeliest tokens to answers.
func (a *author) judgeAll(answers []written) error {
	group, ctx := errgroup.WithContext(a.ctx)
	group.SetLimit(a.judged)
	spec := distill.SignalSpec{Kind: distill.TopK, K: a.run.Recipe.Train.OnPolicy.K}
	for i := range answers {
		group.Go(func() (err error) {
			w := &answers[i]
			_, w.Signal, err = a.judge.Score(ctx, a.prompts[w.Prompt].prompt.Messages, w.Tokens, spec)
			return err
		})
	}
	return group.Wait()
}

// refresh hands the student's present weights to the model that writes.
func (a *author) refresh() error {
	m, err := a.learner.Model("student", a.lang.tokenizer, a.lang.format.Template)
	if err != nil {
		return err
	}
	if a.model != nil {
		return a.model.Refresh(m)
	}
	a.model, err = infer.New(m, infer.Options{Threads: a.run.opts.Threads, Context: a.packing.Length + 1})
	if err != nil {
		return err
	}
	a.engine = infer.NewEngine(a.model, infer.EngineOptions{Slots: plan.AuthorSlots})
	return nil
}

// pack returns the first so many batches that answers fill, nil if they are too few.
func (a *author) pack(all []written, batches int) ([]*train.Batch, error) {
	corpus := pack.NewCorpus()
	for i := range all {
		w := &all[i]
		if w.Prompt < 0 || w.Prompt >= len(a.prompts) || a.prompts[w.Prompt].prompt.ID != w.PromptID {
			return nil, fmt.Errorf("answer %d is to a prompt that the run does not have", i)
		}
		prompt := a.prompts[w.Prompt].tokens
		tokens := append(append(make([]distill.Token, 0, len(prompt)+len(w.Tokens)), prompt...), w.Tokens...)
		if err := corpus.Add(pack.Example{Tokens: tokens, AnswerStart: len(prompt), Signal: w.Signal}); err != nil {
			return nil, err
		}
	}
	options := a.packing
	options.InOrder, options.TooLong = true, pack.Refuse
	packed, err := pack.New(corpus, options)
	if err != nil {
		return nil, err
	}
	if packed.Report().Rows < batches*options.Rows {
		return nil, nil
	}
	var out []*train.Batch
	for range batches {
		b, _, err := packed.Next()
		if err != nil {
			return nil, err
		}
		batch := trainBatch(b)
		asksTeacher(batch, a.teacher)
		out = append(out, batch)
	}
	return out, nil
}

// keep writes a round's file, and removes one that no checkpoint needs any more.
func (a *author) keep(path string, number int, all []written) error {
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return err
	}
	var lines []byte
	for i := range all {
		line, err := json.Marshal(&all[i])
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	if err := durable.WriteFile(path, lines); err != nil {
		return err
	}
	old := filepath.Join(a.dir, fmt.Sprintf("round-%06d.jsonl", number-a.kept))
	if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readRound reads what keep wrote.
func readRound(path string) ([]written, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []written
	for dec := json.NewDecoder(bufio.NewReader(f)); ; {
		var w written
		err := dec.Decode(&w)
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		all = append(all, w)
	}
}

// close frees the models that write and judge.
func (a *author) close() {
	if a.judge != nil {
		a.judge.Close() // nothing of it was written anywhere
	}
	if a.model != nil {
		a.engine.Close()
		a.model.Close()
	}
}
