// Package card writes the README.md of a dataset: what it is, where it comes from, what was paid and what was removed,
// in the form of Hugging Face's dataset cards (huggingface.co/docs/hub/datasets-cards), whose front matter other
// programs read.
//
//	stats, err := dataset.StatsOf(data.Rows())
//	text := card.Card{Title: "gsm8k-distilled", License: "mit", Stats: stats}.Markdown("train", "test")
//
// A card states what it is told and counts what it is given; it claims nothing about licences or quality on its own.
package card

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill/dataset"
)

// Card is what a card says. Empty fields are left out, but for the licence, whose absence is stated.
type Card struct {
	Title     string
	Summary   string   // a paragraph
	License   string   // of the rows, as an SPDX or Hugging Face identifier; the teacher's terms may bind it
	Languages []string // ISO 639-1
	Tags      []string

	Prompts  string // where the questions come from, with their licence
	Teacher  string // who answered, with version or date
	Sampling string // how answers were drawn
	Prices   []Price
	Command  string // that makes the dataset again
	Tool     string // name and version of the program
	Made     time.Time

	Stats dataset.Stats
	Steps []Step // what was removed, in order
}

// Price is what a teacher charged.
type Price struct {
	Model         string
	Input, Output float64 // US dollars a million tokens of prompt, of completion
	Date          string  // when the price was true
}

// Step is something that removed rows.
type Step struct {
	Name     string
	Removed  int
	Examples []string
}

// Markdown returns the card. Splits name the files in data/ that belong to each split; without them the front matter
// says nothing of files.
func (c Card) Markdown(splits ...string) string {
	var b strings.Builder
	c.frontMatter(&b, splits)
	title := c.Title
	if title == "" {
		title = "A distillation dataset"
	}
	fmt.Fprintf(&b, "# %s\n\n", title)
	if c.Summary != "" {
		fmt.Fprintf(&b, "%s\n\n", c.Summary)
	}
	c.provenance(&b)
	c.counts(&b)
	c.removed(&b)
	b.WriteString(columns)
	return b.String()
}

func (c Card) frontMatter(b *strings.Builder, splits []string) {
	b.WriteString("---\n")
	if c.Title != "" {
		fmt.Fprintf(b, "pretty_name: %s\n", strconv.Quote(c.Title))
	}
	if c.License != "" {
		fmt.Fprintf(b, "license: %s\n", strconv.Quote(c.License))
	}
	list := func(name string, values []string) {
		if len(values) == 0 {
			return
		}
		fmt.Fprintf(b, "%s:\n", name)
		for _, v := range values {
			fmt.Fprintf(b, "  - %s\n", strconv.Quote(v))
		}
	}
	list("language", c.Languages)
	list("tags", append([]string{"distillation", "synthetic"}, c.Tags...))
	list("size_categories", []string{sizeCategory(c.Stats.Rows)})
	if len(splits) > 0 {
		b.WriteString("configs:\n  - config_name: default\n    data_files:\n")
		for _, s := range splits {
			fmt.Fprintf(b, "      - split: %s\n        path: data/%s-*\n", s, s)
		}
	}
	b.WriteString("---\n\n")
}

// sizeCategory is Hugging Face's name for a number of rows.
func sizeCategory(rows int) string {
	names := []string{"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M"}
	limit := 1000
	for _, name := range names {
		if rows < limit {
			return name
		}
		limit *= 10
	}
	return "100M<n<1B"
}

func (c Card) provenance(b *strings.Builder) {
	b.WriteString("## Where it comes from\n\n| | |\n| --- | --- |\n")
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "| %s | %s |\n", name, cell(value))
		}
	}
	license := c.License
	if license == "" {
		license = "not stated: ask who made it, and read the teacher's terms"
	}
	line("licence", license)
	line("prompts", c.Prompts)
	teacher := c.Teacher
	if teacher == "" {
		teacher = strings.Join(slices.Sorted(maps.Keys(c.Stats.Teachers)), ", ")
	}
	line("teacher", teacher)
	line("sampling", c.Sampling)
	for _, p := range c.Prices {
		date := ""
		if p.Date != "" {
			date = " (" + p.Date + ")"
		}
		line("price of "+p.Model, fmt.Sprintf("$%g in, $%g out per million tokens%s", p.Input, p.Output, date))
	}
	if c.Stats.Priced > 0 {
		line("paid", fmt.Sprintf("$%.4f for %d of %d rows", c.Stats.CostUSD, c.Stats.Priced, c.Stats.Rows))
	}
	if c.Command != "" {
		line("made by", "`"+c.Command+"`")
	}
	line("program", c.Tool)
	if !c.Made.IsZero() {
		line("made on", c.Made.UTC().Format(time.DateOnly))
	}
	b.WriteString("\n")
}

// cell keeps a value inside its cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

func (c Card) counts(b *strings.Builder) {
	s := c.Stats
	b.WriteString("## What is in it\n\n| | |\n| --- | ---: |\n")
	line := func(name string, n int64) {
		if n > 0 {
			fmt.Fprintf(b, "| %s | %d |\n", name, n)
		}
	}
	fmt.Fprintf(b, "| rows | %d |\n", s.Rows)
	line("for training", int64(s.Train))
	line("held out", int64(s.Heldout))
	line("prompts", int64(s.Prompts))
	line("with reasoning", int64(s.Reasoned))
	line("unfinished", int64(s.Unfinished))
	line("tokens of prompts", s.PromptTokens)
	line("tokens of completions", s.CompletionTokens)
	line("tokens of reasoning among them", s.ReasoningTokens)
	line("median tokens of a completion", s.Lengths.Median)
	line("longest completion", s.Lengths.Max)
	line("with token ids", int64(s.WithTokens))
	line("with the teacher's distribution", int64(s.WithSignal))
	for _, name := range slices.Sorted(maps.Keys(s.Verdicts)) {
		r := s.Verdicts[name]
		fmt.Fprintf(b, "| pass %s | %d of %d |\n", cell(name), r.Passed, r.Total)
	}
	b.WriteString("\n")
}

func (c Card) removed(b *strings.Builder) {
	if len(c.Steps) == 0 {
		return
	}
	b.WriteString("## What was removed\n\n| step | rows | for example |\n| --- | ---: | --- |\n")
	for _, s := range c.Steps {
		fmt.Fprintf(b, "| %s | %d | %s |\n", cell(s.Name), s.Removed, cell(strings.Join(s.Examples, "; ")))
	}
	b.WriteString("\n")
}

// columns explains the schema, version 1.
const columns = `## Columns

| column | meaning |
| --- | --- |
| id, prompt_id, split, sample | identity of the row, of its prompt, train or heldout, and the index of the answer |
| messages | what was asked: a list of role and content |
| reasoning | the teacher's thinking, without tags; null where there is none |
| response | the answer |
| finish_reason, teacher | why it ended, who answered |
| prompt_tokens, completion_tokens, reasoning_tokens, cost_usd, latency_ms, created_at | what it took |
| token_ids, token_logprobs | the completion in the teacher's vocabulary, with natural log-probabilities |
| top_ids, top_logprobs | the teacher's distribution at each position; in a run's own shards in one list, with top_lengths |
| verdicts | name, pass, score and detail of each verifier |
| meta | JSON: reference is the expected answer, fields are the prompt's own |
`
