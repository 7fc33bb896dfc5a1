package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/recipe"
	"github.com/seed-d24fde5f/distill/internal/report"
)

func datasetCommand() *cli.Command {
	return &cli.Command{
		Name:  "dataset",
		Usage: "look at, check and change datasets",
		Subcommands: []*cli.Command{
			{Name: "head", Usage: "show the first rows as a person would read them", ArgsUsage: "PATH", Action: datasetHead, Flags: []cli.Flag{
				&cli.IntFlag{Name: "n", Value: 3, Usage: "`number` of rows"}, &cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "one JSON object a line"}}},
			{Name: "stats", Usage: "count rows, tokens, lengths, verdicts and money", ArgsUsage: "PATH", Action: datasetStats, Flags: []cli.Flag{
				&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print as JSON"}}},
			{Name: "check", Usage: "read every row and hold every shard to its checksum", ArgsUsage: "PATH…", Action: datasetCheck},
		},
	}
}

// openDataset opens the rows at path for reading: a dataset's folder, or a run directory.
func openDataset(path string) (*dataset.Dataset, error) {
	if _, err := os.Stat(filepath.Join(path, recipe.DataDir, "manifest.json")); err == nil {
		path = filepath.Join(path, recipe.DataDir)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, usage(fmt.Sprintf("%s does not exist", path), "a dataset is the data folder of a run directory")
	}
	return dataset.Open(path, dataset.Options{ReadOnly: true})
}

func datasetHead(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	data, err := openDataset(args[0])
	if err != nil {
		return err
	}
	defer data.Close()
	left := c.Int("n")
	enc := json.NewEncoder(c.App.Writer)
	enc.SetEscapeHTML(false)
	for row, err := range data.Rows() {
		if err != nil {
			return err
		}
		if left--; left < 0 {
			break
		}
		if c.Bool("json") {
			err = enc.Encode(row)
		} else {
			_, err = fmt.Fprint(c.App.Writer, rowText(&row))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rowText shows a row as a conversation.
func rowText(row *distill.Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "── %s  prompt %s  %s  sample %d  by %s\n", row.ID, row.Prompt.ID, row.Prompt.Split, row.Sample, row.Teacher)
	for _, m := range row.Prompt.Messages {
		fmt.Fprintf(&b, "%s: %s\n", m.Role, indent(m.Content))
	}
	if row.Reasoning != "" {
		fmt.Fprintf(&b, "thinking: %s\n", indent(row.Reasoning))
	}
	fmt.Fprintf(&b, "answer: %s\n", indent(row.Response))
	if row.Prompt.Reference != "" {
		fmt.Fprintf(&b, "reference: %s\n", indent(row.Prompt.Reference))
	}
	fmt.Fprintf(&b, "   %d prompt and %d completion tokens, ended by %s, %.1f s", row.PromptTokens, row.CompletionTokens, row.FinishReason, row.Latency.Seconds())
	if row.CostUSD != nil {
		fmt.Fprintf(&b, ", $%.5f", *row.CostUSD)
	}
	if n := row.Signal.Len(); n > 0 {
		fmt.Fprintf(&b, ", %s signal of %.1f entries a token", row.Signal.Kind, float64(len(row.Signal.IDs))/float64(n))
	}
	for _, v := range row.Verdicts {
		fmt.Fprintf(&b, ", %s: %s", v.Name, map[bool]string{true: "pass", false: "fail"}[v.Pass])
	}
	return b.String() + "\n\n"
}

func indent(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n   ") }

func datasetStats(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	data, err := openDataset(args[0])
	if err != nil {
		return err
	}
	defer data.Close()
	s, err := recipe.Measure(data.Rows())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	t := table.NewWriter()
	t.SetStyle(plainTable)
	row := func(name string, value any) { t.AppendRow(table.Row{name, value}) }
	row("rows", s.Rows)
	row("prompts", fmt.Sprintf("%d, %d of them held out", s.Prompts, s.Heldout))
	row("teachers", strings.Join(slices.Sorted(maps.Keys(s.Teachers)), ", "))
	row("prompt tokens", report.Count(s.PromptTokens))
	row("completion tokens", fmt.Sprintf("%s, %s of them reasoning", report.Count(s.CompletionTokens), report.Count(s.ReasoningTokens)))
	row("completion length", fmt.Sprintf("median %d, 90 %% under %d, longest %d", s.Length.Median, s.Length.P90, s.Length.Max))
	for _, reason := range slices.Sorted(maps.Keys(s.FinishReasons)) {
		row("ended by "+reason, s.FinishReasons[reason])
	}
	if s.WithSignal > 0 {
		row("with a signal", s.WithSignal)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Verdicts)) {
		v := s.Verdicts[name]
		row("passed "+name, fmt.Sprintf("%d of %d (%.1f %%)", v.Passed, v.Of, 100*float64(v.Passed)/float64(v.Of)))
	}
	if s.CostUSD > 0 {
		row("cost", fmt.Sprintf("$%.4f", s.CostUSD))
	}
	_, err = fmt.Fprintln(c.App.Writer, render(t))
	return err
}

func datasetCheck(c *cli.Context) error {
	args, err := arguments(c, 1, -1)
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range args {
		n, err := checkDataset(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(c.App.Writer, "%s: ok, %d rows\n", path, n)
	}
	return errors.Join(errs...)
}

// checkDataset reads every row and returns their number; a repeated id is an error.
func checkDataset(path string) (int, error) {
	data, err := openDataset(path)
	if err != nil {
		return 0, err
	}
	defer data.Close()
	seen := map[string]bool{}
	for row, err := range data.Rows() {
		switch {
		case err != nil:
			return 0, err
		case seen[row.ID]:
			return 0, fmt.Errorf("%s: row %s occurs twice", path, row.ID)
		case row.Signal != nil && row.Signal.Len() != len(row.TokenIDs):
			return 0, fmt.Errorf("%s: row %s: a signal of %d positions for %d tokens", path, row.ID, row.Signal.Len(), len(row.TokenIDs))
		}
		seen[row.ID] = true
	}
	return len(seen), nil
}
