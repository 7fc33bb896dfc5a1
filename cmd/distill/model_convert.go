package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func modelConversions() []*cli.Command {
	return []*cli.Command{
		{Name: "convert", Usage: "write a model as GGUF (FILE.gguf) or as a Hugging Face folder", ArgsUsage: "MODEL TARGET", Action: modelConvert,
			Flags: []cli.Flag{&cli.StringFlag{Name: "type", Value: "f16", Usage: "of the weights: `f32|f16|bf16`"}}},
		{Name: "quantize", Usage: "write a model as GGUF in a smaller type, and show the plan", ArgsUsage: "MODEL [FILE.gguf]", Action: modelQuantize,
			Description: "   distill model quantize student-f16.gguf -t q4_k_m\n\n   Without FILE.gguf the file is named MODEL-TYPE.gguf.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "type", Aliases: []string{"t"}, Value: "q4_k_m", Usage: "file `type`: " + strings.ToLower(strings.Join(model.FileTypes(), ", "))},
				&cli.BoolFlag{Name: "strict", DisableDefaultText: true, Usage: "refuse a type that some tensor's shape does not fit"},
				&cli.BoolFlag{Name: "pure", DisableDefaultText: true, Usage: "the same type for every matrix"},
				&cli.StringFlag{Name: "imatrix", Usage: "importance `file` in llama.cpp's GGUF format, from distill model imatrix or a run's export/imatrix.gguf"},
				&cli.BoolFlag{Name: "dry-run", DisableDefaultText: true, Usage: "only show the plan"},
				&cli.BoolFlag{Name: "tensors", DisableDefaultText: true, Usage: "list every tensor in the plan"},
			}},
		modelImatrixCommand(),
		modelPruneCommand(),
		{Name: "diff", Usage: "compare two models' predictions over a text", ArgsUsage: "MODEL MODEL FILE", Action: modelDiff,
			Flags: append([]cli.Flag{
				&cli.IntFlag{Name: "ctx", DefaultText: "512, or the models' context", Usage: "`tokens` in a window"},
				&cli.IntFlag{Name: "windows", DefaultText: "all", Usage: "`number` of windows"},
				&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print as JSON"},
				&cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads"},
			}, logFlags()...)},
	}
}

// checkTarget refuses, before anything is computed, a file or folder that is there already or could not be made.
func checkTarget(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Sprintf("%s exists already", path), "choose another name: nothing is overwritten")
	}
	parent := filepath.Dir(filepath.Clean(path))
	trial, err := os.CreateTemp(parent, ".distill-*")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage(fmt.Sprintf("%s: there is no folder %s to write it to", path, parent), "make the folder first, or choose another")
	case err != nil:
		return usage(fmt.Sprintf("%s cannot be written: %v", path, errors.Unwrap(err)), "choose a folder that you may write to")
	}
	return errors.Join(trial.Close(), os.Remove(trial.Name()))
}

// checkGGUF does so for a GGUF file, by whose name other verbs know it.
func checkGGUF(path string) error {
	if !strings.HasSuffix(path, ".gguf") {
		return usage(fmt.Sprintf("%s does not end in .gguf", path), "distill model convert makes Hugging Face folders")
	}
	return checkTarget(path)
}

// openToConvert opens a model and says what of it is not taken as it stands.
func openToConvert(c *cli.Context, name string) (*model.Model, error) {
	m, err := workbench.Open(name)
	if err != nil {
		return nil, err
	}
	for _, note := range m.Notes {
		fmt.Fprintf(c.App.ErrWriter, "%s: %s\n", name, note)
	}
	return m, nil
}

func modelConvert(c *cli.Context) error {
	args, err := arguments(c, 2, 2)
	if err != nil {
		return err
	}
	typ, err := quant.ParseType(c.String("type"))
	if err != nil || typ != quant.F32 && typ != quant.F16 && typ != quant.BF16 {
		return usage(fmt.Sprintf("--type %q: want f32, f16 or bf16", c.String("type")), "distill model quantize writes the smaller types")
	}
	if err := checkTarget(args[1]); err != nil {
		return err
	}
	m, err := openToConvert(c, args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	if !strings.HasSuffix(args[1], ".gguf") {
		err = model.WriteHF(c.Context, args[1], m, typ)
	} else {
		var plan model.Plan
		if plan, err = model.NewPlan(m.Config, typ.String(), model.PlanOptions{}); err == nil {
			err = model.WriteGGUF(c.Context, args[1], m, plan)
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.App.Writer, args[1])
	return err
}

func modelQuantize(c *cli.Context) error {
	args, err := arguments(c, 1, 2)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		args = append(args, fmt.Sprintf("%s-%s.gguf", servedName(args[0]), strings.ToLower(c.String("type"))))
	}
	if !c.Bool("dry-run") {
		if err := checkGGUF(args[1]); err != nil {
			return err
		}
	}
	m, err := openToConvert(c, args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	if typ := m.Type(); typ.Quantized() && !c.Bool("dry-run") {
		fmt.Fprintf(c.App.ErrWriter, "%s: its weights are %s already, and what that lost stays lost\n", args[0], typ)
	}
	options := model.PlanOptions{Strict: c.Bool("strict"), Pure: c.Bool("pure")}
	if path := c.String("imatrix"); path != "" {
		if options.Importance, _, err = model.ReadImportance(path); err != nil {
			return usage(err.Error(), "distill model imatrix makes one")
		}
	}
	plan, err := model.NewPlan(m.Config, c.String("type"), options)
	if err != nil {
		way := ""
		if options.Strict {
			way = "--dry-run without --strict shows what every tensor would become"
		}
		return usage(err.Error(), way)
	}
	if left := plan.Unweighted(); len(left) > 0 {
		fmt.Fprintf(c.App.ErrWriter, "%s says nothing of %d matrices, %s the first: they are rounded without it\n", c.String("imatrix"), len(left), left[0].Name)
	}
	if !c.Bool("dry-run") {
		if err := model.WriteGGUF(c.Context, args[1], m, plan); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s %s: %s, %.2f bits a weight\n%s\n", args[1], plan.FileType, report.Bytes(plan.Bytes()), plan.BitsPerWeight(), render(planTable(&plan, c.Bool("tensors"))))
	return err
}

// planTable shows a plan: every tensor, or how much each type takes and every tensor that could not have its type.
func planTable(p *model.Plan, all bool) table.Writer {
	t := table.NewWriter()
	t.SetStyle(plainTable)
	count, bytes := map[quant.Type]int{}, map[quant.Type]int64{}
	var order []quant.Type
	for _, c := range p.Choices {
		if count[c.Type] == 0 {
			order = append(order, c.Type)
		}
		count[c.Type]++
		bytes[c.Type] += c.Bytes
		if all || c.Substituted() {
			t.AppendRow(table.Row{c.Name, c.Type, report.Bytes(c.Bytes), c.Reason})
		}
	}
	for _, typ := range order {
		t.AppendRow(table.Row{fmt.Sprintf("%d tensors", count[typ]), typ, report.Bytes(bytes[typ]), ""})
	}
	return t
}

func modelDiff(c *cli.Context) error {
	args, err := arguments(c, 3, 3)
	if err != nil {
		return err
	}
	screen, err := newConsole(c)
	if err != nil {
		return err
	}
	defer screen.stop()
	var models [2]*infer.Model
	for i := range models {
		if models[i], err = openForRunning(c.App.ErrWriter, args[i], c.Int("threads")); err != nil {
			return err
		}
		defer models[i].Close()
	}
	text, err := os.ReadFile(args[2])
	if err != nil {
		return usage(err.Error(), "")
	}
	d, err := workbench.Diff(c.Context, models[0], models[1], workbench.TextTokens(models[0].Tokenizer(), string(text), false), c.Int("ctx"), c.Int("windows"), screen.board)
	screen.stop()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(d)
	}
	t := table.NewWriter()
	t.SetStyle(plainTable)
	t.AppendRows([]table.Row{
		{"mean KL", fmt.Sprintf("%.6f nats a token", d.MeanKL)}, {"largest KL", fmt.Sprintf("%.4f", d.MaxKL)},
		{"same first token", fmt.Sprintf("%.2f %%", 100*d.TopOneAgreement)},
		{"perplexity", fmt.Sprintf("%.4f and %.4f", d.PerplexityA, d.PerplexityB)},
		{"logit difference", fmt.Sprintf("mean %.4g, largest %.4g", d.MeanLogitDifference, d.MaxLogitDifference)},
		{"over", fmt.Sprintf("%d tokens", d.Tokens)},
	})
	_, err = fmt.Fprintln(c.App.Writer, render(t))
	return err
}
