// Package selection chooses which of a dataset's answers a student learns.
//
// Of several answers to one prompt the best is rarely all of them: students under three billion parameters learn less
// from long chains of thought than from short ones (arXiv:2502.12143, section 3), and prompts that every answer or no
// answer gets right teach little. So length, verdicts and the pass rate of each prompt decide:
//
//	choice, err := selection.Choose(data.Rows(), selection.Options{Policy: selection.Shortest})
//	for row, err := range choice.Rows(data.Rows()) { … }
//
// Choosing reads the rows once and remembers some 60 bytes of each; the second reading yields those that were chosen.
// Both must be of the same rows in the same order, as two readings of one dataset are. What was left out is in the
// report, by reason, with examples.
package selection

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/rule"
)

// Policy orders the answers of one prompt; the first so many of that order are kept.
type Policy string

// Policies. Mix keeps the longest answer of a share of the prompts and the shortest of the others, as a small student
// profits from a little long reasoning among much short (arXiv:2502.12143, section 4).
const (
	All      Policy = "all"
	First    Policy = "first"    // by sample index
	Shortest Policy = "shortest" // by completion tokens, thinking included
	Longest  Policy = "longest"
	Best     Policy = "best" // by score, then by length, shortest first
	Mix      Policy = "mix"
)

// Options say what is chosen. The zero value keeps every finished answer whose verdicts all pass.
type Options struct {
	Policy    Policy
	PerPrompt int // most answers kept of one prompt; 0 means one, or all under [All]

	Verdicts    []string // verdicts an answer must have and pass; empty: all it has
	KeepFailing bool     // verdicts do not decide

	KeepUnfinished bool       // keep answers that were cut at the token limit: who learns from them learns never to stop
	MaxTokens      int        // longest answer, thinking included; 0: any
	Where          *rule.Rule // rows for which it is false are left out; nil: none

	// Prompts whose share of passing answers is outside these are left out: too hard, or too easy. Zero bounds nothing.
	// Only prompts with at least two answers have a rate.
	MinPassRate, MaxPassRate float64

	Score   string  // under [Best], the verdict whose score counts; empty: the mean of all
	MixLong float64 // under [Mix], the share of prompts that keep their longest answer; 0 means 0.2
}

// Reasons for leaving a row out.
const (
	ReasonUnfinished = "unfinished"
	ReasonTooLong    = "too long"
	ReasonWhere      = "where"
	ReasonFailing    = "failing"
	ReasonTooHard    = "prompt too hard"
	ReasonTooEasy    = "prompt too easy"
	ReasonPolicy     = "policy"
)

// Report says what was chosen.
type Report struct {
	Rows        int               `json:"rows"`
	Kept        int               `json:"kept"`
	Prompts     int               `json:"prompts"`
	PromptsKept int               `json:"prompts_kept"` // with at least one answer
	Dropped     map[string]Reason `json:"dropped"`
	// PassRates counts prompts with at least two answers by their pass rate, in tenths: none, up to 10 %, … 100 %.
	PassRates [11]int `json:"pass_rates"`
}

// Reason counts the rows that were left out for one reason, with the ids of a few.
type Reason struct {
	Rows     int      `json:"rows"`
	Examples []string `json:"examples"`
}

const maxExamples = 3

// candidate is what is remembered of a row.
type candidate struct {
	group, ordinal, sample, tokens int32
	score                          float32
	pass                           bool
}

// group is a prompt.
type group struct {
	hash           uint64 // of the prompt
	passed, judged int32
}

// Choice is the result of [Choose].
type Choice struct {
	Report Report

	kept       []uint64    // a bit a row
	candidates []candidate // those that no rule about a single row has left out; until the choice is made
	rows       int
	index      map[[16]byte]int32 // of a prompt among groups
	groups     []group            // in the order their prompts first appear
}

func (o *Options) check() error {
	switch o.Policy {
	case "":
		o.Policy = All
	case All, First, Shortest, Longest, Best, Mix:
	default:
		return fmt.Errorf("selection: unknown policy %q: all, first, shortest, longest, best or mix", o.Policy)
	}
	if o.PerPrompt == 0 && o.Policy != All {
		o.PerPrompt = 1
	}
	if o.MixLong == 0 {
		o.MixLong = 0.2
	}
	if o.PerPrompt < 0 || o.MaxTokens < 0 || !(o.MixLong > 0 && o.MixLong <= 1) ||
		!(o.MinPassRate >= 0 && o.MinPassRate <= 1) || !(o.MaxPassRate >= 0 && o.MaxPassRate <= 1) {
		return fmt.Errorf("selection: a limit is negative or a share is outside 0 to 1")
	}
	return nil
}

// Choose reads all rows and decides which are kept.
func Choose(rows iter.Seq2[distill.Row, error], options Options) (*Choice, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	c := &Choice{index: make(map[[16]byte]int32), Report: Report{Dropped: map[string]Reason{}}}
	ids := make(map[string][]string) // examples, of reasons that are known at once
	drops := make(map[int32]string)  // small: the rows that may become examples of later reasons
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if err := c.add(&row, &options, ids, drops); err != nil {
			return nil, err
		}
	}
	c.kept = make([]uint64, (c.rows+63)/64)
	c.chooseAll(&options, drops)
	c.Report.Rows, c.Report.Prompts = c.rows, len(c.groups)
	for reason, examples := range ids {
		r := c.Report.Dropped[reason]
		r.Examples = examples
		c.Report.Dropped[reason] = r
	}
	return c, nil
}

// sampleRows is how many of the first rows are remembered by id, to serve as examples of what the policy leaves out.
const sampleRows = 10_000

// add files one row, and leaves it out if it can be judged alone.
func (c *Choice) add(row *distill.Row, o *Options, ids map[string][]string, names map[int32]string) error {
	key := keyOf(row.Prompt.ID)
	i, ok := c.index[key]
	if !ok {
		i = int32(len(c.groups))
		c.index[key] = i
		c.groups = append(c.groups, group{hash: binary.LittleEndian.Uint64(key[:])})
	}
	g := &c.groups[i]
	a := candidate{group: i, ordinal: int32(c.rows), sample: row.Sample, tokens: int32(Tokens(row)),
		score: score(row, o.Score), pass: passes(row, o.Verdicts)}
	c.rows++
	g.judged++
	if a.pass {
		g.passed++
	}
	reason, err := o.reject(row, a)
	if err != nil {
		return err
	}
	if reason != "" {
		c.drop(reason)
		if len(ids[reason]) < maxExamples {
			ids[reason] = append(ids[reason], row.ID)
		}
		return nil
	}
	if len(names) < sampleRows {
		names[a.ordinal] = row.ID
	}
	c.candidates = append(c.candidates, a)
	return nil
}

// reject judges a row alone.
func (o *Options) reject(row *distill.Row, a candidate) (reason string, err error) {
	switch {
	case !o.KeepUnfinished && row.FinishReason == distill.FinishLength:
		return ReasonUnfinished, nil
	case o.MaxTokens > 0 && int(a.tokens) > o.MaxTokens:
		return ReasonTooLong, nil
	case !o.KeepFailing && !a.pass:
		return ReasonFailing, nil
	case o.Where != nil:
		yes, err := o.Where.Match(row)
		if err != nil {
			return "", fmt.Errorf("selection: %w", err)
		}
		if !yes {
			return ReasonWhere, nil
		}
	}
	return "", nil
}

func (c *Choice) drop(reason string) {
	r := c.Report.Dropped[reason]
	r.Rows++
	c.Report.Dropped[reason] = r
}

// chooseAll goes through the prompts in the order in which they appeared, with the answers that are still in.
func (c *Choice) chooseAll(o *Options, names map[int32]string) {
	slices.SortStableFunc(c.candidates, func(a, b candidate) int { return cmp.Compare(a.group, b.group) })
	from := 0
	for i := range c.groups {
		to := from
		for to < len(c.candidates) && int(c.candidates[to].group) == i {
			to++
		}
		c.choose(&c.groups[i], c.candidates[from:to], o, names)
		from = to
	}
	c.candidates = nil
}

// choose decides about the answers of one prompt.
func (c *Choice) choose(g *group, in []candidate, o *Options, names map[int32]string) {
	reason := ReasonPolicy
	limit := len(in)
	if o.PerPrompt > 0 {
		limit = min(limit, o.PerPrompt)
	}
	if g.judged > 1 {
		rate := float64(g.passed) / float64(g.judged)
		c.Report.PassRates[int((rate*100+9)/10)]++
		if rate < o.MinPassRate {
			reason, limit = ReasonTooHard, 0
		} else if o.MaxPassRate > 0 && rate > o.MaxPassRate {
			reason, limit = ReasonTooEasy, 0
		}
	}
	o.order(g.hash, in, limit)
	for _, a := range in[:limit] {
		c.kept[a.ordinal/64] |= 1 << (a.ordinal % 64)
		c.Report.Kept++
	}
	if limit > 0 {
		c.Report.PromptsKept++
	}
	for _, a := range in[limit:] {
		c.drop(reason)
		if r := c.Report.Dropped[reason]; names[a.ordinal] != "" && len(r.Examples) < maxExamples {
			r.Examples = append(r.Examples, names[a.ordinal])
			c.Report.Dropped[reason] = r
		}
	}
}

// order puts those first that the policy prefers; limit of them will be kept.
func (o *Options) order(hash uint64, in []candidate, limit int) {
	bySample := func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.sample, b.sample), cmp.Compare(a.ordinal, b.ordinal))
	}
	byLength := func(a, b candidate) int { return cmp.Or(cmp.Compare(a.tokens, b.tokens), bySample(a, b)) }
	switch o.Policy {
	case All, First:
		slices.SortFunc(in, bySample)
	case Shortest:
		slices.SortFunc(in, byLength)
	case Longest:
		slices.SortFunc(in, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.tokens, a.tokens), bySample(a, b)) })
	case Best:
		slices.SortFunc(in, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.score, a.score), byLength(a, b)) })
	case Mix:
		slices.SortFunc(in, byLength)
		// Of limit answers long ones are kept from the far end; a hash decides about the fraction.
		share := float64(limit) * o.MixLong
		long := int(share)
		if float64(hash>>11)/(1<<53) < share-float64(long) {
			long++
		}
		slices.Reverse(in[limit-long:])
	}
}

// Keeps reports whether the row at this place, counted from 0, was chosen.
func (c *Choice) Keeps(ordinal int) bool {
	return ordinal < c.rows && c.kept[ordinal/64]>>(ordinal%64)&1 == 1
}

// Rows yields those of rows that were chosen; rows are those that [Choose] read, in the same order.
func (c *Choice) Rows(rows iter.Seq2[distill.Row, error]) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		ordinal := 0
		for row, err := range rows {
			if err != nil {
				yield(row, err)
				return
			}
			if c.Keeps(ordinal) && !yield(row, nil) {
				return
			}
			ordinal++
		}
	}
}

// Tokens returns the length of a row's answer, thinking included: the tokens its teacher counted, else those it lists,
// else a quarter of its bytes.
func Tokens(row *distill.Row) int {
	switch {
	case row.CompletionTokens > 0:
		return int(row.CompletionTokens)
	case len(row.TokenIDs) > 0:
		return len(row.TokenIDs)
	}
	return (len(row.Reasoning) + len(row.Response) + 3) / 4
}

func keyOf(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

func passes(row *distill.Row, names []string) bool {
	passed := 0
	for _, v := range row.Verdicts {
		if len(names) > 0 && !slices.Contains(names, v.Name) {
			continue
		}
		if !v.Pass {
			return false
		}
		passed++
	}
	return passed >= len(names)
}

func score(row *distill.Row, name string) float32 {
	var sum, n float32
	for _, v := range row.Verdicts {
		if name == "" || v.Name == name {
			sum += v.Score
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}
