package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/recipe"
	"github.com/seed-d24fde5f/distill/internal/report"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:        "bench",
		Usage:       "measure prefill and decode speed and memory of a model",
		ArgsUsage:   "MODEL",
		Description: "   distill bench student-q4_0.gguf --threads 1,2,4",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "p", Value: 512, Usage: "`tokens` of the prompt"},
			&cli.IntFlag{Name: "n", Value: 128, Usage: "`tokens` generated one by one"},
			&cli.StringFlag{Name: "threads", DefaultText: "all", Usage: "`numbers` of threads, separated by commas"},
			&cli.IntFlag{Name: "repeat", Value: 3, Usage: "measurements, of which the fastest counts"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print a list of objects"},
		},
		Action:      benchModel,
		Subcommands: []*cli.Command{benchTrainCommand()},
	}
}

func benchModel(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	path, err := recipe.ResolveModel(args[0])
	if err != nil {
		return err
	}
	threads, err := threadCounts(c.String("threads"))
	if err != nil {
		return err
	}
	var speeds []recipe.Speed
	for _, n := range threads {
		s, err := recipe.MeasureSpeed(c.Context, path, recipe.SpeedOptions{Prefill: c.Int("p"), Decode: c.Int("n"), Threads: n, Repeat: c.Int("repeat")})
		if err != nil {
			return err
		}
		speeds = append(speeds, s)
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(speeds)
	}
	t := table.NewWriter()
	t.SetStyle(plainTable)
	t.AppendHeader(table.Row{"threads", "prefill tok/s", "decode tok/s", "memory", "weights", "load"})
	for _, s := range speeds {
		t.AppendRow(table.Row{s.Threads, fmt.Sprintf("%.0f", s.PrefillTokensPerS), fmt.Sprintf("%.0f", s.DecodeTokensPerS),
			report.Bytes(s.PeakRSSBytes), report.Bytes(s.WeightBytes), fmt.Sprintf("%.2f s", s.LoadSeconds)})
	}
	_, err = fmt.Fprintln(c.App.Writer, render(t))
	return err
}

func threadCounts(list string) ([]int, error) {
	if list == "" {
		return []int{runtime.GOMAXPROCS(0)}, nil
	}
	var counts []int
	for _, field := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 || n > 4096 {
			return nil, usage(fmt.Sprintf("--threads: %q is no number of threads", field), "such as --threads 1,2,4")
		}
		counts = append(counts, n)
	}
	return counts, nil
}
