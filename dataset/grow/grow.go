// Package grow makes more prompts out of few, by asking a model for them.
//
// Two styles are here. [Invent] shows a handful of prompts and asks for new ones of the kind, as self-instruct does
// (arXiv:2212.10560, section 2). [Evolve] takes one prompt and asks for a harder or a different one, as Evol-Instruct
// does (arXiv:2304.12244, section 3). Both go on until they have as many as were asked for:
//
//	more := grow.Invent(ctx, asker, seeds, grow.Options{Count: 500, Seed: 1})
//	for p, err := range more { … }
//
// What comes back is a proposal: texts that are empty, too long, refusals in disguise or near-copies of what is there
// are dropped, and a prompt that was grown has no reference answer. The asker brings its own budget and retries.
package grow

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"regexp"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/hygiene"
	"github.com/seed-d24fde5f/distill/dataset/prompt"
)

// Asker answers questions. It is what this package needs of a teacher.
type Asker interface {
	// Ask answers the questions of one round, each by itself, in their order; number counts the questions of earlier
	// rounds. An answer that could not be had, for a reason that will not pass, is empty.
	Ask(ctx context.Context, number int, questions [][]distill.Message) ([]string, error)
}

// Options of [Invent] and [Evolve].
type Options struct {
	Count     int     // prompts wanted, beyond the seeds
	Seed      uint64  // of the choice of examples and of the kind of evolution
	Shown     int     // examples in a question of Invent; 0 means 6
	MaxCalls  int     // questions asked before giving up; 0 means 4 for each prompt wanted
	Near      float64 // similarity at which a proposal is a copy; 0 means 0.7
	MaxLength int     // longest proposal in bytes; 0 means 4000
	Round     int     // questions asked at once, on what was known before; 0 means 1
	Heldout   float64 // share of the grown prompts that is held out, in [0,1]
	System    string  // system message of the grown prompts; empty for none

	// Avoid yields texts that count as known and are never shown: what is evaluated on, say. Nil for none.
	Avoid iter.Seq2[string, error]
}

// ErrExhausted says that the calls ran out before there were enough prompts; those found so far have been yielded.
var ErrExhausted = errors.New("grow: the model has no more new prompts to offer within the calls allowed")

func (o *Options) check(seeds []distill.Prompt) error {
	if o.Shown == 0 {
		o.Shown = 6
	}
	if o.MaxCalls == 0 {
		o.MaxCalls = 4 * o.Count
	}
	if o.Round < 1 {
		o.Round = 1
	}
	if o.Near == 0 {
		o.Near = 0.7
	}
	if o.MaxLength == 0 {
		o.MaxLength = 4000
	}
	if o.Count < 1 || len(seeds) == 0 {
		return fmt.Errorf("grow: %d prompts wanted of %d seeds", o.Count, len(seeds))
	}
	return nil
}

// Invent asks for prompts of the kind of the seeds, showing some of them, and of those found so far, each time.
func Invent(ctx context.Context, asker Asker, seeds []distill.Prompt, options Options) iter.Seq2[distill.Prompt, error] {
	return grow(ctx, asker, seeds, options, perQuestion, func(g *garden) string {
		var b strings.Builder
		b.WriteString("Here are some tasks that people have given to an assistant:\n\n")
		for i := range options.shown() {
			fmt.Fprintf(&b, "%d. %s\n\n", i+1, oneLine(g.pick()))
		}
		fmt.Fprintf(&b, "Write %d new tasks of the same kind and difficulty, each complete in itself and different from "+
			"those above in its subject. Number them as above, one paragraph each, and write nothing else.", perQuestion)
		return b.String()
	})
}

func (o Options) shown() int {
	if o.Shown == 0 {
		return 6
	}
	return o.Shown
}

// perQuestion is how many prompts Invent asks for at a time: more make the model repeat itself.
const perQuestion = 4

// evolutions are the ways in which Evolve changes a prompt.
var evolutions = []string{
	"Rewrite it so that one more condition or requirement must be met.",
	"Rewrite it so that solving it takes one more step of reasoning.",
	"Rewrite it with more specific things, names and numbers in place of general ones.",
	"Rewrite it so that it needs deeper knowledge of its subject.",
	"Write a new task of the same field and about the same length and difficulty, but rarer.",
}

// Evolve asks for a harder or rarer version of one prompt at a time, seeds first and then those found so far.
func Evolve(ctx context.Context, asker Asker, seeds []distill.Prompt, options Options) iter.Seq2[distill.Prompt, error] {
	return grow(ctx, asker, seeds, options, 1, func(g *garden) string {
		return "Here is a task that somebody has given to an assistant:\n\n1. " + oneLine(g.pick()) + "\n\n" +
			evolutions[g.random.IntN(len(evolutions))] +
			" It must stay sensible and complete in itself. Reply with the task alone, numbered as above, and do not solve it."
	})
}

// garden holds the prompts that examples are taken from.
type garden struct {
	random *rand.Rand
	texts  []string
	near   hygiene.Step
	max    int
}

func (g *garden) pick() string { return g.texts[g.random.IntN(len(g.texts))] }

// plant keeps a text if it is new.
func (g *garden) plant(text string) bool {
	if text == "" || len(text) > g.max || !g.know(text) {
		return false
	}
	g.texts = append(g.texts, text)
	return true
}

// know remembers a text, and reports false where it is a refusal or like one that is known.
func (g *garden) know(text string) bool {
	row := distill.Row{Prompt: distill.Prompt{Messages: []distill.Message{{Role: distill.RoleUser, Content: text}}},
		Completion: distill.Completion{Response: text}}
	for _, step := range []hygiene.Step{hygiene.Refusals(), g.near} {
		if _, reject := step.Reject(&row); reject {
			return false
		}
	}
	return true
}

// newGarden plants the seeds. What is to be avoided is known first, so that nothing like it is ever shown.
func newGarden(seeds []distill.Prompt, o *Options) (*garden, error) {
	if err := o.check(seeds); err != nil {
		return nil, err
	}
	near, err := hygiene.Near(o.Near)
	if err != nil {
		return nil, err
	}
	g := &garden{random: rand.New(rand.NewPCG(o.Seed, 0)), near: near, max: o.MaxLength}
	if o.Avoid != nil {
		for text, err := range o.Avoid {
			if err != nil {
				return nil, fmt.Errorf("grow: %w", err)
			}
			g.know(text)
		}
	}
	for _, p := range seeds {
		g.plant(userText(p))
	}
	if len(g.texts) == 0 {
		return nil, errors.New("grow: the seeds hold no question that may be shown")
	}
	return g, nil
}

// grow asks in rounds. What a round asks depends on what the rounds before it found, and on nothing else.
func grow(ctx context.Context, asker Asker, seeds []distill.Prompt, options Options, each int, question func(*garden) string) iter.Seq2[distill.Prompt, error] {
	return func(yield func(distill.Prompt, error) bool) {
		fail := func(err error) { yield(distill.Prompt{}, err) }
		g, err := newGarden(seeds, &options)
		if err != nil {
			fail(err)
			return
		}
		found := 0
		for asked := 0; asked < options.MaxCalls; {
			missing := (options.Count - found + each - 1) / each
			round := make([][]distill.Message, min(options.Round, missing, options.MaxCalls-asked))
			for i := range round {
				round[i] = []distill.Message{{Role: distill.RoleUser, Content: question(g)}}
			}
			replies, err := asker.Ask(ctx, asked, round)
			if err != nil {
				fail(fmt.Errorf("grow: %w", err))
				return
			}
			asked += len(round)
			for _, reply := range replies {
				for _, text := range parseList(reply) {
					if !g.plant(text) {
						continue
					}
					if !yield(options.prompt(text), nil) {
						return
					}
					if found++; found == options.Count {
						return
					}
				}
			}
		}
		fail(ErrExhausted)
	}
}

func (o Options) prompt(text string) distill.Prompt {
	p := distill.Prompt{Messages: []distill.Message{{Role: distill.RoleUser, Content: text}}}
	if o.System != "" {
		p.Messages = append([]distill.Message{{Role: distill.RoleSystem, Content: o.System}}, p.Messages...)
	}
	p.ID = prompt.ID(p.Messages)
	p.Split = prompt.SplitOf(p.ID, o.Heldout)
	return p
}

func userText(p distill.Prompt) (text string) {
	for _, m := range p.Messages {
		if m.Role == distill.RoleUser {
			text = m.Content
		}
	}
	return strings.TrimSpace(text)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var numbered = regexp.MustCompile(`(?m)^\s*(?:\*\*)?\d+[.)](?:\*\*)?\s+`)

// parseList returns the items of a numbered list. A reply without numbers is one item.
func parseList(reply string) (items []string) {
	_, after, thought := strings.Cut(reply, "</think>")
	if thought {
		reply = after
	}
	starts := numbered.FindAllStringIndex(reply, -1)
	if len(starts) == 0 {
		return []string{strings.TrimSpace(reply)}
	}
	for i, at := range starts {
		end := len(reply)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		if item := strings.TrimSpace(reply[at[1]:end]); item != "" {
			items = append(items, item)
		}
	}
	return items
}
