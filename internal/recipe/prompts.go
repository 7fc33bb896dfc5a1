package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/convert"
	"github.com/seed-d24fde5f/distill/dataset/prompt"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/problem"
)

// promptState is what run.json keeps of the prompts that lie in prompts.arrow, so that a run of a million knows without
// reading them that they are still the same.
type promptState struct {
	Source  string `json:"source"` // digest of what they were made of: the file's bytes, the rules, the prompts that were grown
	Digest  string `json:"digest"` // of the prompts themselves
	Count   int    `json:"count"`
	Heldout int    `json:"heldout"`
}

// preparePrompts makes the recipe's prompts and writes them to prompts.arrow, unless they lie there already. A run that is
// only looked at writes nothing and counts them each time.
func (r *Run) preparePrompts() (*promptState, error) {
	source, err := r.promptSource()
	if err != nil {
		return nil, err
	}
	if p := r.state.Prompts; p != nil && p.Source == source {
		if _, err := os.Stat(r.path(promptsFile)); err == nil || r.lock == nil {
			return p, nil
		}
	}
	state := &promptState{Source: source}
	list := newListDigest()
	counted := func(yield func(distill.Row, error) bool) {
		for p, err := range r.makePrompts() {
			if err != nil {
				yield(distill.Row{}, err)
				return
			}
			list.add(p)
			if state.Count++; p.Split == distill.Heldout {
				state.Heldout++
			}
			// A prompt is a row without an answer, so that whatever reads rows reads it.
			if !yield(distill.Row{ID: p.ID, Prompt: p}, nil) {
				return
			}
		}
	}
	if r.lock == nil {
		for _, err := range counted {
			if err != nil {
				return nil, err
			}
		}
	} else if err := r.saveRows(promptsFile, counted); err != nil {
		return nil, err
	}
	if state.Count == 0 {
		return nil, hint.Errorf("give prompts.file or prompts.list at least one", "prompts: there are none")
	}
	state.Digest = list.sum()
	r.state.Prompts = state
	return state, nil
}

// saveRows writes rows to a file of the run directory, under its name when it is whole.
func (r *Run) saveRows(name string, rows rowSeq) error {
	tmp := r.path("." + name)
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	var cause error // as it was, for its hint
	_, err := convert.Write(tmp, convert.Arrow, func(yield func(distill.Row, error) bool) {
		for row, err := range rows {
			cause = err
			if !yield(row, err) {
				return
			}
		}
	}, convert.Options{})
	if cause != nil {
		return cause
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.Rename(tmp, r.path(name))
}

// eachPrompt yields the prompts that preparePrompts has made, held-out ones marked, in order.
func (r *Run) eachPrompt() iter.Seq2[distill.Prompt, error] {
	if r.lock == nil {
		return r.makePrompts()
	}
	return func(yield func(distill.Prompt, error) bool) {
		if _, err := r.preparePrompts(); err != nil {
			yield(distill.Prompt{}, err)
			return
		}
		promptsIn(r.path(promptsFile))(yield)
	}
}

// promptsIn yields the prompts that a file of rows holds.
func promptsIn(path string) iter.Seq2[distill.Prompt, error] {
	return func(yield func(distill.Prompt, error) bool) {
		for row, err := range convert.Read(path, convert.Arrow, convert.Options{}) {
			if !yield(row.Prompt, err) || err != nil {
				return
			}
		}
	}
}

// makePrompts yields the recipe's prompts and those that were grown out of them, made anew.
func (r *Run) makePrompts() iter.Seq2[distill.Prompt, error] {
	if r.Recipe.Prompts.Grow == nil {
		return r.sourcePrompts()
	}
	return func(yield func(distill.Prompt, error) bool) {
		for p, err := range r.sourcePrompts() {
			if !yield(p, err) || err != nil {
				return
			}
		}
		if _, err := os.Stat(r.path(grownFile)); err == nil { // else they are still to be grown
			promptsIn(r.path(grownFile))(yield)
		}
	}
}

// sourcePrompts yields the prompts that the recipe's source has.
func (r *Run) sourcePrompts() iter.Seq2[distill.Prompt, error] {
	p := &r.Recipe.Prompts
	options := prompt.Options{Template: p.Template, System: p.System, ID: p.ID, Heldout: p.Heldout, Limit: p.Limit}
	if ref := p.Reference; ref != nil {
		options.Reference = &prompt.Reference{Field: ref.Field, After: ref.After, Pattern: ref.Pattern}
	}
	return func(yield func(distill.Prompt, error) bool) {
		source := prompt.File(p.File, options)
		if p.Problems != nil {
			source = r.problems()
		} else if p.File == "" {
			list, err := prompt.List(p.List, options)
			source = func(yield func(distill.Prompt, error) bool) {
				for _, p := range list {
					if !yield(p, nil) {
						return
					}
				}
				if err != nil {
					yield(distill.Prompt{}, err)
				}
			}
		}
		for p, err := range source {
			if errors.Is(err, fs.ErrNotExist) {
				err = hint.Errorf("--set prompts.file=PATH names another", "prompts: %w", err)
			} else if err != nil {
				err = &hint.Error{Err: fmt.Errorf("prompts: %w", err)}
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// problems yields the recipe's word problems, of both splits in the share that the recipe holds out.
func (r *Run) problems() iter.Seq2[distill.Prompt, error] {
	p := r.Recipe.Prompts.Problems
	count := p.Count
	if limit := r.Recipe.Prompts.Limit; limit > 0 {
		count = min(count, limit)
	}
	return func(yield func(distill.Prompt, error) bool) {
		made, err := problem.New(problem.Options{
			Seed: r.Recipe.Seed, MinSteps: p.MinSteps, MaxSteps: p.MaxSteps, HeldoutShare: r.Recipe.Prompts.Heldout,
		})
		if err != nil {
			yield(distill.Prompt{}, err)
			return
		}
		for i := range count {
			next, ok := made.Next()
			if !ok {
				yield(distill.Prompt{}, fmt.Errorf("problem: %d of %d made: %w", i, count, problem.ErrExhausted))
				return
			}
			one := next.Prompt()
			if s := r.Recipe.Prompts.System; s != "" {
				one.Messages = append([]distill.Message{{Role: distill.RoleSystem, Content: s}}, one.Messages...)
			}
			if !yield(one, nil) {
				return
			}
		}
	}
}

// promptSource returns a digest of all that the prompts depend on.
func (r *Run) promptSource() (string, error) {
	source, err := r.seedSource()
	if at := r.state.Stages["grow"]; r.Recipe.Prompts.Grow != nil && at != nil {
		source = digest(source, at.Output)
	}
	return source, err
}

// seedSource returns a digest of all that the source's prompts depend on. A file counts by its bytes.
func (r *Run) seedSource() (string, error) {
	p := r.Recipe.Prompts
	p.Format, p.Grow = "", nil // how they become text, or more, is no part of them
	if p.File == "" {
		return digest(p, r.Recipe.Seed, r.opts.Program), nil
	}
	file, err := os.Open(p.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", hint.Errorf("--set prompts.file=PATH names another", "prompts: %w", err)
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := xxhash.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("prompts: %w", err)
	}
	p.File = ""
	return digest(p, hash.Sum64(), r.opts.Program), nil
}

// listDigest computes what [digest] gives for a list, element by element.
type listDigest struct {
	hash  *xxhash.Digest
	first bool
}

func newListDigest() *listDigest { return &listDigest{xxhash.New(), true} }

func (l *listDigest) add(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("recipe: digest: " + err.Error()) // plain data encodes
	}
	separator := ","
	if l.first {
		separator, l.first = "[", false
	}
	_, _ = l.hash.WriteString(separator)
	_, _ = l.hash.Write(text)
}

func (l *listDigest) sum() string {
	end := "]\n"
	if l.first {
		end = "null\n"
	}
	_, _ = l.hash.WriteString(end)
	return fmt.Sprintf("%016x", l.hash.Sum64())
}
