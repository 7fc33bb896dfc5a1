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
		Subcommands: append([]*cli.Command{
			{Name: "head", Usage: "show the first rows as a person would read them", ArgsUsage: "PATH", Action: datasetHead, Flags: []cli.Flag{
				&cli.IntFlag{Name: "n", Value: 3, Usage: "`number` of rows"}, &cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "one JSON object a line"}}},
			{Name: "stats", Usage: "count rows, tokens, lengths, verdicts and money", ArgsUsage: "PATH", Action: datasetStats, Flags: []cli.Flag{
				&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print as JSON"}}},
			{Name: "check", Usage: "read every row and hold every shard to its checksum", ArgsUsage: "PATH…", Action: datasetCheck},
		}, datasetChanges()...),
	}
}

// datasetDir returns the folder of rows that path means: a dataset's folder, or that of a run directory.
func datasetDir(path string) (string, error) {
	if _, err := os.Stat(filepath.Join(path, recipe.DataDir)); err == nil {
		path = filepath.Join(path, recipe.DataDir)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", usage(fmt.Sprintf("%s does not exist", path), "a dataset is the data folder of a run directory")
	}
	if entries, err := os.ReadDir(path); err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == "manifest.json" || strings.HasPrefix(e.Name(), "shard-")
	}) {
		return "", usage(path+" has no manifest.json and no shards: it is no dataset", "a dataset is the data folder of a run directory")
	}
	return path, nil
}

// openDataset opens the rows at path for reading.
func openDataset(path string) (*dataset.Dataset, error) {
	dir, err := datasetDir(path)
	if err != nil {
		return nil, err
	}
	return dataset.Open(dir, dataset.Options{ReadOnly: true})
}

// openArgument opens the dataset that is the command's one argument.
func openArgument(c *cli.Context) (*dataset.Dataset, error) {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return nil, err
	}
	return openDataset(args[0])
}

func datasetHead(c *cli.Context) error {
	data, err := openArgument(c)
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
	data, err := openArgument(c)
	if err != nil {
		return err
	}
	defer data.Close()
	s, err := dataset.StatsOf(data.Rows())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	_, err = fmt.Fprintln(c.App.Writer, fold(statsText(&s), widthOf(c.App.Writer)))
	return err
}

func statsText(s *dataset.Stats) string {
	t := table.NewWriter()
	t.SetStyle(plainTable)
	row := func(name, format string, values ...any) { t.AppendRow(table.Row{name, fmt.Sprintf(format, values...)}) }
	row("rows", "%d: %d to train on, %d held out, of %d prompts", s.Rows, s.Train, s.Heldout, s.Prompts)
	row("teachers", "%s", strings.Join(slices.Sorted(maps.Keys(s.Teachers)), ", "))
	row("prompt tokens", "%s", report.Count(s.PromptTokens))
	row("completion tokens", "%s, %s of them reasoning", report.Count(s.CompletionTokens), report.Count(s.ReasoningTokens))
	row("completion length", "median %d, 90 %% up to %d, 99 %% up to %d, longest %d", s.Lengths.Median, s.Lengths.P90, s.Lengths.P99, s.Lengths.Max)
	row("latency", "median %d ms, 90 %% up to %d ms", s.LatencyMS.Median, s.LatencyMS.P90)
	for _, reason := range slices.Sorted(maps.Keys(s.FinishReasons)) {
		row("ended by "+reason, "%d", s.FinishReasons[reason])
	}
	if s.WithSignal > 0 {
		row("with a signal", "%d, %.1f entries a token", s.WithSignal, float64(s.SignalEntries)/float64(max(1, s.SignalPositions)))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Verdicts)) {
		v := s.Verdicts[name]
		row("passed "+name, "%d of %d (%.1f %%)", v.Passed, v.Total, 100*float64(v.Passed)/float64(v.Total))
	}
	if s.Priced > 0 {
		row("cost", "$%.4f for %d priced rows", s.CostUSD, s.Priced)
	}
	return render(t)
}

func datasetCheck(c *cli.Context) error {
	args, err := arguments(c, 1, -1)
	if err != nil {
		return err
	}
	found := 0
	for _, path := range args {
		dir, err := datasetDir(path)
		if err != nil {
			return err
		}
		problems, err := dataset.Check(dir)
		if err != nil {
			return err
		}
		if len(problems) == 0 {
			fmt.Fprintf(c.App.Writer, "%s: ok\n", path)
		}
		for _, p := range problems {
			fmt.Fprintf(c.App.Writer, "%s: %s\n", path, p)
		}
		found += len(problems)
	}
	if found > 0 {
		return fmt.Errorf("%d problems found", found)
	}
	return nil
}
