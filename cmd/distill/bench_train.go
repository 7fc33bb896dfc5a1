package main

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func benchTrainCommand() *cli.Command {
	number := func(name string, value int, usage string) cli.Flag {
		return &cli.IntFlag{Name: name, Value: value, Usage: usage}
	}
	return &cli.Command{
		Name:  "train",
		Usage: "measure one step of training a Llama of a given shape",
		Flags: []cli.Flag{
			number("layers", 4, "of the student"), number("width", 256, "of the hidden state"), number("ffn", 704, "width of the feed-forward layer"),
			number("heads", 4, "of attention"), &cli.IntFlag{Name: "kv", DefaultText: "heads", Usage: "heads of keys and values"},
			number("vocab", 8192, "tokens"), number("seq", 256, "tokens of a sequence"), number("batch", 16, "sequences"),
			number("steps", 6, "that are timed"), &cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads"},
			&cli.StringFlag{Name: "dtype", Value: "fp32", Usage: "of the inputs of matrix products: `fp32|bf16`"},
			&cli.StringFlag{Name: "optimizer", Value: "adamw", Usage: "`adamw|muon`"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print one object"},
		},
		Action: benchTrain,
	}
}

func benchTrain(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	if d := c.String("dtype"); d != "fp32" && d != "bf16" {
		return usage(fmt.Sprintf("--dtype %q is not known", d), "fp32 or bf16")
	}
	if o := c.String("optimizer"); o != "adamw" && o != "muon" {
		return usage(fmt.Sprintf("--optimizer %q is not known", o), "adamw or muon")
	}
	s, err := workbench.MeasureTraining(c.Context, workbench.TrainingShape{
		Layers: c.Int("layers"), Width: c.Int("width"), FFN: c.Int("ffn"), Heads: c.Int("heads"), KVHeads: c.Int("kv"), Vocab: c.Int("vocab"),
		Seq: c.Int("seq"), Batch: c.Int("batch"), Steps: c.Int("steps"), Threads: c.Int("threads"), BF16: c.String("dtype") == "bf16",
		Muon: c.String("optimizer") == "muon",
	})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(s)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%.0f tokens/s at best, %.0f on average, %.0f %% of the peak of the machine's %s, %s of memory\n",
		s.BestTokensPerS, s.MeanTokensPerS, 100*s.ShareOfPeak, s.PeakOf, report.Bytes(s.PeakRSSBytes))
	return err
}
