package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

func modelPruneCommand() *cli.Command {
	return &cli.Command{
		Name: "prune", Usage: "cut a model to fewer layers and narrower ones", ArgsUsage: "MODEL FILE.gguf", Action: modelPrune,
		Description: "   distill model prune Qwen2.5-0.5B small.gguf --layers 18 --ffn 4096 --data mine.txt\n\n" +
			"   Layers are kept evenly, or those that change their input most; of a narrower model those channels, neurons and\n" +
			"   heads are kept that carry most on the text of --data. What is left has forgotten much: student.from in a recipe\n" +
			"   trains it, and student.cut does the cut and the training in one run.",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "layers", DefaultText: "all", Usage: "`number` of layers that are kept"},
			&cli.StringFlag{Name: "choose", Value: string(student.Spread), Usage: "which layers: `spread|importance`"},
			&cli.StringFlag{Name: "keep", DefaultText: "--layers chosen", Usage: "keep these `layers`, from 0: 0,2,4"},
			&cli.IntFlag{Name: "width", DefaultText: "as it is", Usage: "`width` of the hidden state"},
			&cli.IntFlag{Name: "ffn", DefaultText: "as it is", Usage: "`width` of the feed-forward layers"},
			&cli.IntFlag{Name: "heads", DefaultText: "as it is", Usage: "`number` of attention heads"},
			&cli.IntFlag{Name: "kv-heads", DefaultText: "as it is", Usage: "`number` of heads of keys and values"},
			&cli.StringFlag{Name: "data", Usage: "text `file` to measure on, and to compare the two models on"},
			&cli.IntFlag{Name: "tokens", Value: 16384, Usage: "`number` of tokens of it to measure on"},
			&cli.IntFlag{Name: "ctx", DefaultText: "256, or the model's context", Usage: "`tokens` in a window"},
			&cli.IntFlag{Name: "windows", Value: 32, Usage: "`number` of windows in which the two models are compared; 0 for all"},
			&cli.StringFlag{Name: "type", Aliases: []string{"t"}, Value: "f16", Usage: "file `type` of what is written"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print as JSON"},
			&cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads"},
		}, logFlags()...),
	}
}

func modelPrune(c *cli.Context) error {
	args, err := arguments(c, 2, 2)
	if err != nil {
		return err
	}
	keep, err := parseLayers(c.String("keep"))
	if err != nil {
		return err
	}
	cut := student.Cut{Layers: c.Int("layers"), Keep: keep, By: student.LayerChoice(c.String("choose")),
		Width: c.Int("width"), FFN: c.Int("ffn"), Heads: c.Int("heads"), KVHeads: c.Int("kv-heads")}
	if err := checkCut(cut, args[1]); err != nil {
		return err
	}
	screen, err := newConsole(c)
	if err != nil {
		return err
	}
	defer screen.stop()
	p := workbench.Pruning{Cut: cut, Window: c.Int("ctx"), Tokens: c.Int("tokens"), Compare: c.Int("windows"), Type: c.String("type"),
		Threads: c.Int("threads"), Monitor: screen.board}
	if path := c.String("data"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return usage(err.Error(), "")
		}
		p.Text = string(text)
	}
	result, err := workbench.Prune(c.Context, args[0], args[1], p)
	screen.stop()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(result)
	}
	return writePruned(c.App.Writer, args[1], result)
}

// parseLayers reads 0,2,4.
func parseLayers(s string) ([]int, error) {
	var layers []int
	for _, field := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		layer, err := strconv.Atoi(field)
		if err != nil {
			return nil, usage(fmt.Sprintf("--keep %s: %q is no layer", s, field), "--keep 0,2,4")
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// checkCut refuses what can be told without the model.
func checkCut(cut student.Cut, file string) error {
	switch {
	case cut.Layers == 0 && len(cut.Keep) == 0 && cut.Width == 0 && cut.FFN == 0 && cut.Heads == 0 && cut.KVHeads == 0:
		return usage("nothing is cut", "give --layers, --keep, --width, --ffn, --heads or --kv-heads")
	case len(cut.Keep) > 0 && cut.Layers > 0 && cut.Layers != len(cut.Keep):
		return usage(fmt.Sprintf("--layers %d, and --keep names %d", cut.Layers, len(cut.Keep)), "leave one of the two out")
	case cut.By != student.Spread && cut.By != student.ByImportance:
		return usage(fmt.Sprintf("--choose %q: want spread or importance", cut.By), "")
	}
	return checkGGUF(file)
}

// writePruned shows the model before and after.
func writePruned(w io.Writer, file string, p *workbench.Pruned) error {
	t := table.NewWriter()
	t.SetStyle(plainTable)
	t.AppendHeader(table.Row{"", "was", "is", ""})
	number := func(name string, was, is int, note string) { t.AppendRow(table.Row{name, was, is, note}) }
	note := ""
	if p.Is.Layers < p.Was.Layers {
		note = "kept " + strings.Trim(fmt.Sprint(p.Kept), "[]")
	}
	number("layers", p.Was.Layers, p.Is.Layers, note)
	number("width", p.Was.Width, p.Is.Width, "")
	number("ffn", p.Was.FFN, p.Is.FFN, "")
	number("heads", p.Was.Heads, p.Is.Heads, "")
	number("KV heads", p.Was.KVHeads, p.Is.KVHeads, "")
	share := fmt.Sprintf("%.1f %%", 100*float64(p.Is.Parameters)/float64(max(1, p.Was.Parameters)))
	t.AppendRow(table.Row{"parameters", report.Count(int64(p.Was.Parameters)), report.Count(int64(p.Is.Parameters)), share})
	if d := p.Diff; d != nil {
		t.AppendRow(table.Row{"perplexity", fmt.Sprintf("%.4g", d.PerplexityA), fmt.Sprintf("%.4g", d.PerplexityB), fmt.Sprintf("over %d tokens", d.Tokens)})
		t.AppendRow(table.Row{"KL to what it was", "", fmt.Sprintf("%.4f", d.MeanKL), "nats a token, before any recovery"})
		t.AppendRow(table.Row{"same first token", "", fmt.Sprintf("%.1f %%", 100*d.TopOneAgreement), ""})
	}
	last := "nothing was measured: --data FILE says how far it is from what it was"
	switch {
	case p.Measured > 0:
		last = fmt.Sprintf("measured on %d tokens", p.Measured)
	case p.Diff != nil:
		last = "layers were chosen without measuring"
	}
	_, err := fmt.Fprintf(w, "%s: %s\n%s\n%s\n", file, report.Bytes(p.Bytes), render(t), last)
	return err
}
