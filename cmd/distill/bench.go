package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/watch"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure prefill and decode speed and memory of a model",
		ArgsUsage: "MODEL",
		Description: "   distill bench student-q4_0.gguf --threads 1,2,4\n" +
			"   distill bench runs/quickstart --ssh pi@raspberrypi\n\n" +
			"   --ssh copies a program for that machine and the model there, measures, and removes both. What it finds of a run's\n" +
			"   files goes into the run's report, and distill plan uses it from then on. Figures are for greedy decoding of one sequence.",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "p", Value: 512, Usage: "`tokens` of the prompt"},
			&cli.IntFlag{Name: "n", Value: 128, Usage: "`tokens` generated one by one"},
			&cli.StringFlag{Name: "threads", DefaultText: "all", Usage: "`numbers` of threads, separated by commas"},
			&cli.IntFlag{Name: "repeat", Value: 3, Usage: "measurements, of which the fastest counts"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print a list of objects"},
			&cli.StringFlag{Name: "ssh", Usage: "measure on `user@host`, as ssh reaches it"},
			&cli.StringFlag{Name: "binary", DefaultText: "found or built", Usage: "with --ssh: the program `file` for that machine"},
			&cli.BoolFlag{Name: "keep", DisableDefaultText: true, Usage: "with --ssh: leave program and model there, for the next time"},
		}, logFlags()...),
		Action:      benchModel,
		Subcommands: []*cli.Command{benchTrainCommand()},
	}
}

// benchmark is what the flags ask to be measured.
type benchmark struct {
	prefill, decode, repeat int
	threads                 string
}

func benchModel(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	path, err := workbench.Resolve(args[0])
	if err != nil {
		return err
	}
	b := benchmark{c.Int("p"), c.Int("n"), c.Int("repeat"), c.String("threads")}
	threads, err := threadCounts(b.threads)
	if err != nil {
		return err
	}
	if c.String("ssh") != "" {
		return benchElsewhere(c, path, b)
	}
	for _, name := range []string{"binary", "keep"} {
		if c.IsSet(name) {
			return usage("--"+name+" is for --ssh", "--ssh user@host names the other machine")
		}
	}
	speeds, err := b.measure(c.Context, path, threads)
	if err != nil {
		return err
	}
	return printSpeeds(c.App.Writer, speeds, c.Bool("json"))
}

func (b benchmark) measure(ctx context.Context, path string, threads []int) ([]workbench.Speed, error) {
	var speeds []workbench.Speed
	for _, n := range threads {
		s, err := workbench.MeasureSpeed(ctx, path, workbench.SpeedOptions{Prefill: b.prefill, Decode: b.decode, Threads: n, Repeat: b.repeat})
		if err != nil {
			return nil, err
		}
		speeds = append(speeds, s)
	}
	return speeds, nil
}

func printSpeeds(w io.Writer, speeds []workbench.Speed, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(speeds)
	}
	t := table.NewWriter()
	t.SetStyle(plainTable)
	t.AppendHeader(table.Row{"threads", "prefill tok/s", "decode tok/s", "memory", "weights", "load"})
	for _, s := range speeds {
		t.AppendRow(table.Row{s.Threads, watch.RateText(s.PrefillTokensPerS), watch.RateText(s.DecodeTokensPerS),
			report.Bytes(s.PeakRSSBytes), report.Bytes(s.WeightBytes), fmt.Sprintf("%.2f s", s.LoadSeconds)})
	}
	_, err := fmt.Fprintln(w, render(t))
	return err
}

func threadCounts(list string) ([]int, error) {
	if list == "" {
		return []int{runtime.GOMAXPROCS(0)}, nil
	}
	var counts []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 || n > 4096 {
			return nil, usage(fmt.Sprintf("--threads: %q is no number of threads", field), "such as --threads 1,2,4")
		}
		counts = append(counts, n)
	}
	return counts, nil
}
