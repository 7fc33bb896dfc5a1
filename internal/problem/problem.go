// Package problem makes arithmetic word problems: questions in plain English that take one to four calculations, the
// reasoning that solves them, and the answer a program can check.
//
// A problem is a story told in sentences, each of which adds its calculations to a chain of equations:
//
//	Tom has 34 apples. Mia gives him 58 more. He shares all apples equally among 4 friends.
//	How many apples does each friend get?
//
//	34+58=84+8=92
//	92/4=80/4+12/4=20+3=23
//
// Stories are told about things, money, books and trips (things.go, money.go, trips.go). Each has templates for the
// opening, for events and for the ending; the templates of a story are drawn at random, with names, things and numbers,
// until the chain has the length that was asked for.
//
// # Held-out problems
//
// Whether a problem is held out is decided by a hash of its chain alone ([Chain.Key]): the names and the story do not
// count, and neither does the order of the operands of a sum or a product. So no chain of equations that occurs in a
// held-out problem ever occurs in a training problem, whatever the seeds. What a small share holds out, a larger share
// holds out as well: a model trained with one share can be examined with any smaller one. Single equations inside a longer chain do occur
// in both, as they must: nobody learns arithmetic on numbers that never appear.
//
// # Use
//
//	problems, err := problem.Generate(1000, problem.Options{Seed: 1, Split: distill.Train})
//
// The package knows no tokenizer and no model.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill"
)

// Problem is one word problem with its solution.
type Problem struct {
	ID        string        // 16 hexadecimal digits, a hash of the question
	Split     distill.Split // decided by the chain's key
	Question  string
	Reasoning string   // the chain of thought: every equation worked out, see [Equation.Work]
	Answer    string   // the number asked for, digits only
	Steps     int      // calculations, the length of the chain
	Chain     Chain    // the calculations in the order in which the story asks for them
	Key       string   // Chain.Key(): equal for problems that are the same arithmetic
	Templates []string // names of the templates the story was told with, in order
}

// Options say which problems a generator makes. The zero value makes problems of one to four steps of both splits.
type Options struct {
	Seed         uint64
	MinSteps     int           // shortest chain; 0 means 1
	MaxSteps     int           // longest chain, at most 4; 0 means 4
	Split        distill.Split // only problems of this split; empty for both
	HeldoutShare float64       // share of all chains that is held out, in (0,1); 0 means 1/20.
}

// Defaults of [Options], and the longest chain that a story is told for.
const (
	defaultHeldoutShare = 0.05
	longestChain        = 4
)

// Generator makes problems. The problems of a seed are the same on every machine. A generator is not safe for concurrent use.
type Generator struct {
	opt  Options
	next uint64              // index of the next candidate
	seen map[uint64]struct{} // hashes of the questions already given
}

// New returns a generator, or an error if the options contradict themselves.
func New(opt Options) (*Generator, error) {
	if opt.MinSteps == 0 {
		opt.MinSteps = 1
	}
	if opt.MaxSteps == 0 {
		opt.MaxSteps = longestChain
	}
	if opt.HeldoutShare == 0 {
		opt.HeldoutShare = defaultHeldoutShare
	}
	switch {
	case opt.MinSteps < 1 || opt.MaxSteps > longestChain || opt.MinSteps > opt.MaxSteps:
		return nil, fmt.Errorf("problem: steps %d to %d: want 1 ≤ min ≤ max ≤ %d", opt.MinSteps, opt.MaxSteps, longestChain)
	case !(opt.HeldoutShare > 0 && opt.HeldoutShare < 1):
		return nil, fmt.Errorf("problem: held-out share %g: want a number between 0 and 1", opt.HeldoutShare)
	case opt.Split != "" && opt.Split != distill.Train && opt.Split != distill.Heldout:
		return nil, fmt.Errorf("problem: split %q: want %q, %q or none", opt.Split, distill.Train, distill.Heldout)
	}
	return &Generator{opt: opt, seen: make(map[uint64]struct{})}, nil
}

// ErrExhausted is returned by [Generate] when the options leave fewer distinct problems than were asked for.
var ErrExhausted = errors.New("no more distinct problems")

// maxMisses is how many candidates in a row may be of the other split or repeat a question before a generator gives
// up. A held-out share of 1/1000 misses that often with probability e⁻¹⁰⁰.
const maxMisses = 100_000

// Next returns a problem whose question this generator has not given before, and false when it finds none.
func (g *Generator) Next() (Problem, bool) {
	for range maxMisses {
		// A generator of its own for each candidate: candidate i does not depend on what became of those before it.
		rng := rand.New(rand.NewPCG(g.opt.Seed, g.next))
		g.next++
		p := tell(rng, g.opt.MinSteps+rng.IntN(g.opt.MaxSteps-g.opt.MinSteps+1))
		p.Split = SplitOf(p.Key, g.opt.HeldoutShare)
		if g.opt.Split != "" && p.Split != g.opt.Split {
			continue
		}
		hash := xxhash.Sum64String(p.Question)
		if _, again := g.seen[hash]; again {
			continue
		}
		g.seen[hash] = struct{}{}
		p.ID = fmt.Sprintf("%016x", hash)
		return p, true
	}
	return Problem{}, false
}

// All returns the problems that [Generator.Next] gives, until there are no more.
func (g *Generator) All() iter.Seq[Problem] {
	return func(yield func(Problem) bool) {
		for p, ok := g.Next(); ok && yield(p); p, ok = g.Next() {
		}
	}
}

// Generate returns n distinct problems. The first n of a longer list with the same options are the same.
func Generate(n int, opt Options) ([]Problem, error) {
	g, err := New(opt)
	if err != nil {
		return nil, err
	}
	problems := make([]Problem, 0, max(n, 0))
	for p := range g.All() {
		if len(problems) == n {
			return problems, nil
		}
		problems = append(problems, p)
	}
	if len(problems) < n {
		return nil, fmt.Errorf("problem: %d of %d made: %w", len(problems), n, ErrExhausted)
	}
	return problems, nil
}

// SplitOf returns the split of the problems with a given [Chain.Key] when a share of all chains is held out.
func SplitOf(key string, heldoutShare float64) distill.Split {
	const buckets = 1 << 20
	if float64(xxhash.Sum64String(key)%buckets) < heldoutShare*buckets {
		return distill.Heldout
	}
	return distill.Train
}

// Meta is what [Problem.Prompt] keeps of a problem beside its question and answer, as JSON.
type Meta struct {
	Steps     int      `json:"steps"`
	Chain     string   `json:"chain"`     // the problem's key: what decides the split
	Reasoning string   `json:"reasoning"` // the gold chain of thought
	Templates []string `json:"templates"`
}

// Prompt returns the problem as a prompt of one user message, with the answer as its reference and a [Meta] as its meta.
func (p Problem) Prompt() distill.Prompt {
	meta, err := json.Marshal(Meta{Steps: p.Steps, Chain: p.Key, Reasoning: p.Reasoning, Templates: p.Templates})
	if err != nil {
		panic("problem: meta of strings and numbers does not encode: " + err.Error())
	}
	return distill.Prompt{
		ID:        p.ID,
		Split:     p.Split,
		Messages:  []distill.Message{{Role: distill.RoleUser, Content: p.Question}},
		Reference: p.Answer,
		Meta:      meta,
	}
}

// finish makes the problem out of a story that was told.
func (s *story) finish(question string) Problem {
	return Problem{
		Question:  question,
		Reasoning: s.chain.Work(),
		Answer:    strconv.Itoa(s.chain[len(s.chain)-1].Result),
		Steps:     len(s.chain),
		Chain:     s.chain,
		Key:       s.chain.Key(),
		Templates: s.used,
	}
}
