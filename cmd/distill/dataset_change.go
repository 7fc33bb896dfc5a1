package main

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/card"
	"github.com/seed-d24fde5f/distill/dataset/convert"
	"github.com/seed-d24fde5f/distill/dataset/hygiene"
	"github.com/seed-d24fde5f/distill/dataset/rule"
)

func datasetChanges() []*cli.Command {
	formats := "openai, sharegpt, alpaca, parquet, arrow, hf"
	return []*cli.Command{
		{Name: "convert", Usage: "write rows in another format, or read them from one", ArgsUsage: "SOURCE TARGET", Action: change(2, datasetConvert),
			Description: "   distill dataset convert runs/my train.jsonl --to openai\n   distill dataset convert theirs.jsonl mine --from sharegpt\n\n" +
				"   A TARGET without --to and without a known ending is a dataset of our own.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "from", DefaultText: "found out", Usage: "`format` of SOURCE: " + formats},
				&cli.StringFlag{Name: "to", DefaultText: "by TARGET's ending", Usage: "`format` of TARGET: " + formats},
				&cli.StringFlag{Name: "thinking", Value: "tags", Usage: "where JSON formats put it: `tags|field|leave`"},
				&cli.StringFlag{Name: "teacher", Usage: "`name` for rows that do not say who answered"},
				&cli.Float64Flag{Name: "heldout", Usage: "`share` of prompts held out, for formats which do not say"},
				&cli.StringFlag{Name: "where", Usage: "keep rows for which this `expression` is true"},
			}},
		{Name: "merge", Usage: "write the rows of several datasets into a new one, each id once", ArgsUsage: "SOURCE… TARGET", Action: change(-1, datasetMerge)},
		{Name: "dedup", Usage: "write a dataset without repeated rows", ArgsUsage: "SOURCE TARGET", Action: change(2, datasetDedup), Flags: []cli.Flag{
			&cli.Float64Flag{Name: "near", Usage: "also remove rows of at least this `similarity`, such as 0.8"}}},
		{Name: "split", Usage: "write training and held-out rows into TARGET/train and TARGET/heldout", ArgsUsage: "SOURCE TARGET", Action: change(2, datasetSplit)},
		{Name: "card", Usage: "print a dataset card for publishing", ArgsUsage: "PATH", Action: datasetCard, Flags: []cli.Flag{
			&cli.StringFlag{Name: "title", Usage: "of the dataset"}, &cli.StringFlag{Name: "license", Usage: "of the rows, as an SPDX `identifier`"}}},
	}
}

// rowSeq is a reading of rows; each range reads them again.
type rowSeq = iter.Seq2[distill.Row, error]

// change is the action of a verb that makes something at its last argument out of the rows at those before it.
func change(mostArguments int, do func(c *cli.Context, rows rowSeq, target string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := arguments(c, 2, mostArguments)
		if err != nil {
			return err
		}
		target := args[len(args)-1]
		var sources []rowSeq
		for _, path := range args[:len(args)-1] {
			rows, done, err := readRows(c, path)
			if err != nil {
				return err
			}
			defer func() { _ = done() }() // nothing was written through it
			sources = append(sources, rows)
		}
		return do(c, dataset.Concat(sources...), target)
	}
}

// readRows opens the rows at path: a dataset of ours, a run directory, or a file or folder in another format.
func readRows(c *cli.Context, path string) (rowSeq, func() error, error) {
	dir, err := datasetDir(path)
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err == nil && c.String("from") == "" {
		data, err := openDataset(path)
		if err != nil {
			return nil, nil, err
		}
		return data.Rows(), data.Close, nil
	}
	rows := convert.Read(path, convert.Format(c.String("from")), convert.Options{Teacher: c.String("teacher"), Heldout: c.Float64("heldout")})
	return rows, func() error { return nil }, nil
}

// originOf says what rows are, by the first of them.
func originOf(rows rowSeq) (dataset.Origin, error) {
	for row, err := range rows {
		if err != nil {
			return dataset.Origin{}, err
		}
		o := dataset.Origin{Teacher: row.Teacher}
		if row.Signal != nil {
			o.Signal = row.Signal.Kind
		}
		return o, nil
	}
	return dataset.Origin{}, nil
}

// writeDataset writes rows as a new dataset and says how many.
func writeDataset(c *cli.Context, target string, rows rowSeq) error {
	origin, err := originOf(rows)
	if err != nil {
		return err
	}
	written, err := dataset.Write(target, dataset.Options{Origin: origin}, rows)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d rows%s\n", target, written.Rows, map[bool]string{true: fmt.Sprintf(", %d ids occurred before", written.Duplicates)}[written.Duplicates > 0])
	return err
}

func datasetConvert(c *cli.Context, rows rowSeq, target string) (err error) {
	if source := c.String("where"); source != "" {
		if rows, err = keepWhere(rows, source); err != nil {
			return err
		}
	}
	format := convert.Format(c.String("to"))
	if format == "" {
		switch strings.ToLower(filepath.Ext(target)) {
		case ".jsonl":
			format = convert.OpenAI
		case ".parquet":
			format = convert.Parquet
		case ".arrows", ".arrow":
			format = convert.Arrow
		default:
			return writeDataset(c, target, rows)
		}
	}
	origin, err := originOf(rows)
	if err != nil {
		return err
	}
	n, err := convert.Write(target, format, rows, convert.Options{Thinking: convert.Thinking(c.String("thinking")), Origin: origin,
		Card: card.Card{Title: filepath.Base(target), Teacher: origin.Teacher, Tool: "distill " + programVersion(), Made: time.Now().UTC()}})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d rows as %s\n", target, n, format)
	return err
}

func keepWhere(rows rowSeq, source string) (rowSeq, error) {
	r, err := rule.Compile(source)
	if err != nil {
		return nil, usage(fmt.Sprintf("--where: %v", err), "such as: completion_tokens < 300 && finish_reason == \"stop\"")
	}
	return func(yield func(distill.Row, error) bool) {
		for row, err := range rows {
			keep := false
			if err == nil {
				keep, err = r.Match(&row)
			}
			if (err != nil || keep) && !yield(row, err) {
				return
			}
		}
	}, nil
}

func datasetMerge(c *cli.Context, rows rowSeq, target string) error {
	return writeDataset(c, target, rows)
}

// dedupMemory is what the collector tries to stay within. What is remembered of a million rows is half of it, in tables
// without pointers that cost little to look at again; left to itself it would let the heap double.
const dedupMemory = 256 << 20

func datasetDedup(c *cli.Context, rows rowSeq, target string) error {
	origin, err := originOf(rows)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(dedupMemory)
	steps := []hygiene.Step{hygiene.Exact()}
	if near := c.Float64("near"); near != 0 {
		step, err := hygiene.Near(near)
		if err != nil {
			return usage("--near: "+err.Error(), "")
		}
		steps = append(steps, step)
	}
	clean := hygiene.Clean(rows, steps...)
	written, err := dataset.Write(target, dataset.Options{Origin: origin}, clean.Rows)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "%s: %d rows\n", target, written.Rows)
	for _, r := range clean.Reports {
		fmt.Fprintf(c.App.Writer, "%s removed %d\n", r.Step, r.Removed)
	}
	return nil
}

func datasetSplit(c *cli.Context, rows rowSeq, target string) error {
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Sprintf("%s exists already", target), "choose another name: nothing is overwritten")
	}
	for _, split := range []distill.Split{distill.Train, distill.Heldout} {
		part := dataset.Where(rows, func(row *distill.Row) bool { return row.Prompt.Split == split })
		if err := writeDataset(c, filepath.Join(target, string(split)), part); err != nil {
			return err
		}
	}
	return nil
}

func datasetCard(c *cli.Context) error {
	data, err := openArgument(c)
	if err != nil {
		return err
	}
	defer data.Close()
	stats, err := dataset.StatsOf(data.Rows())
	if err != nil {
		return err
	}
	title := c.String("title")
	if title == "" {
		title = filepath.Base(filepath.Clean(c.Args().First()))
	}
	_, err = fmt.Fprint(c.App.Writer, card.Card{Title: title, License: c.String("license"), Tool: "distill " + programVersion(), Made: stats.Last, Stats: stats}.Markdown())
	return err
}
