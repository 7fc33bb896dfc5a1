package recipe

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/grow"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/progress"
)

// growDir holds the replies that prompts were grown from.
const growDir = "grow"

// growRound is how many questions are asked on the same knowledge. It is part of what comes out, so it is none of the
// recipe's knobs: enough to keep a server busy, few enough that what was found is soon shown.
const growRound = 16

// growInputs is what the grown prompts depend on.
func growInputs(r *Run) (any, error) {
	source, err := r.seedSource()
	if err != nil {
		return nil, err
	}
	g := r.Recipe.Prompts.Grow
	by := r.grower()
	return []any{source, g.Count, g.Style, g.Seeds, g.Shown, g.Near, g.MaxCalls, identityOf(&by), samplingOf(&by.Sampling), r.Recipe.Seed, r.Recipe.Prompts.System}, nil
}

// grower is who makes prompts.
func (r *Run) grower() config.Teacher {
	g := r.Recipe.Prompts.Grow
	by := r.Recipe.Asked(g.By, g.Temperature, g.MaxTokens, g.Budget)
	by.Batch = false // each round builds on the one before
	return by
}

// growPrompts asks for more prompts. The replies are kept: what was paid is used again after a crash, and as far as it
// goes when the recipe wants more, or other, prompts.
func growPrompts(ctx context.Context, r *Run, st *stageState) (string, error) {
	by := r.grower()
	a, err := r.newAsker("grow", "prompts.grow", &by, growDir, nil)
	if err != nil {
		return "", err
	}
	defer a.close()
	asked := &growAsker{asker: a, replies: map[string]string{}, checked: a.data.Len() > 0}
	for row, err := range a.data.Rows() {
		if err != nil {
			return "", err
		}
		asked.replies[row.ID] = row.Response
	}
	a.finish = asked.remember
	found, digest, growErr := r.growAll(ctx, asked)
	err = errors.Join(growErr, a.data.Seal())
	a.settle(st)
	st.Note = fmt.Sprintf("%d prompts of %d replies", found, a.data.Len())
	if err != nil {
		return "", err
	}
	return digest, nil
}

// growAll writes grown.arrow.
func (r *Run) growAll(ctx context.Context, asked *growAsker) (found int, digest string, err error) {
	g := r.Recipe.Prompts.Grow
	seeds, err := r.seeds(g.Seeds)
	if err != nil {
		return 0, "", err
	}
	if len(seeds) == 0 {
		return 0, "", hint.Errorf("give more prompts, or lower prompts.heldout", "prompts.grow: there is no training prompt to grow from")
	}
	style := grow.Invent
	if g.Style == "evolve" {
		style = grow.Evolve
	}
	meter := r.opts.Monitor.Start("grow", "prompts", int64(g.Count), 0)
	defer meter.Stop()
	asked.meter = meter
	prompts := style(ctx, asked, seeds, grow.Options{Count: g.Count, Seed: r.Recipe.Seed, Shown: g.Shown, MaxCalls: g.MaxCalls, Near: g.Near,
		Round: growRound, System: r.Recipe.Prompts.System, Avoid: r.notSeeds(g.Seeds)})
	list := newListDigest()
	err = r.saveRows(grownFile, func(yield func(distill.Row, error) bool) {
		for p, err := range prompts {
			if errors.Is(err, grow.ErrExhausted) {
				r.log.Warn("the model has no more new prompts to offer", "prompts", found, "wanted", g.Count)
				return
			}
			if err == nil {
				list.add(p)
				found++
				meter.Add(1)
			}
			if !yield(distill.Row{ID: p.ID, Prompt: p}, err) {
				return
			}
		}
	})
	return found, list.sum(), err
}

// seeds are the training prompts that are shown, so many at most; 0 for all.
func (r *Run) seeds(most int) ([]distill.Prompt, error) {
	var seeds []distill.Prompt
	for p, err := range r.sourcePrompts() {
		if err != nil {
			return nil, err
		}
		if p.Split == distill.Heldout {
			continue
		}
		if seeds = append(seeds, p); len(seeds) == most {
			break
		}
	}
	return seeds, nil
}

// notSeeds yields the questions of the prompts that are not shown: those held out, and those beyond the most seeds.
func (r *Run) notSeeds(most int) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		seeds := 0
		for p, err := range r.sourcePrompts() {
			if err == nil && p.Split != distill.Heldout {
				if seeds++; most == 0 || seeds <= most {
					continue
				}
			}
			if !yield(lastUser(&p), err) || err != nil {
				return
			}
		}
	}
}

// growAsker answers the questions of a round from the ledger, and asks those that it does not have.
type growAsker struct {
	*asker
	meter   progress.Meter
	checked bool
	replies map[string]string // by row; guarded by the asker's lock
}

func (g *growAsker) remember(_ context.Context, row *distill.Row) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.replies[row.ID] = row.Response
	return nil
}

// Ask implements [grow.Asker].
func (g *growAsker) Ask(ctx context.Context, number int, round [][]distill.Message) ([]string, error) {
	ids := make([]string, len(round))
	var missing []question
	for i, messages := range round {
		var text strings.Builder
		for _, m := range messages {
			text.WriteString(m.Content)
		}
		about := fmt.Sprintf("grow %d %016x", number+i, xxhash.Sum64String(text.String()))
		ids[i] = dataset.RowID(about, 0, identityOf(g.by), samplingOf(&g.by.Sampling))
		if _, ok := g.replies[ids[i]]; !ok {
			missing = append(missing, question{id: ids[i], prompt: distill.Prompt{ID: about, Split: distill.Train, Messages: messages}})
		}
	}
	if len(missing) > 0 {
		if err := g.askMissing(ctx, missing); err != nil {
			return nil, err
		}
	}
	replies := make([]string, len(round))
	for i, id := range ids {
		replies[i] = g.replies[id]
	}
	return replies, nil
}

func (g *growAsker) askMissing(ctx context.Context, missing []question) error {
	if !g.checked {
		if err := g.check(ctx); err != nil {
			return err
		}
		g.checked = true
	}
	g.asked = 0
	clear(g.failed)
	return g.ask(ctx, func(yield func(question, error) bool) {
		for _, q := range missing {
			if !yield(q, nil) {
				return
			}
		}
	}, quietMeter{g.meter})
}

// quietMeter shows notes; what is counted is prompts, not replies.
type quietMeter struct{ progress.Meter }

// Add does nothing.
func (quietMeter) Add(int64) {}
