package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/device"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/recipe"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/watch"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "say what a recipe will take, before anything is spent",
		ArgsUsage: "RECIPE",
		Description: "   Calls, tokens, money, hours, disk, memory, and the speed of the result on small machines. Without --pilot the\n" +
			"   length of answers is a guess; a pilot asks a few questions, whose answers are kept for the run.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "dir", DefaultText: "runs/NAME", Usage: "run `directory`"}, setFlag(),
			&cli.IntFlag{Name: "pilot", Usage: "ask this `number` of questions first"},
			&cli.BoolFlag{Name: "no-bench", DisableDefaultText: true, Usage: "do not time a training step and decoding"},
			&cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads for arithmetic"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print as JSON"},
		}, logFlags()...),
		Action: printPlan,
	}
}

func printPlan(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	r, err := loadRecipe(args[0], c.StringSlice("set"))
	if err != nil {
		return err
	}
	screen, err := newConsole(c)
	if err != nil {
		return err
	}
	defer screen.stop()
	opts := recipe.Options{Threads: c.Int("threads"), Monitor: screen.board, Log: screen.log, Program: "distill " + programVersion(), Machine: machine(c.Int("threads"))}
	run := recipe.Preview(r, runDir(c, r), opts)
	if c.Int("pilot") > 0 {
		if run, err = recipe.Open(r, runDir(c, r), opts); err != nil {
			return err
		}
	}
	defer run.Close()
	var measured []device.Measurement
	if file, err := measurementsFile(); err == nil {
		if measured, err = device.Read(file); err != nil {
			return err
		}
	}
	p, err := run.Plan(c.Context, recipe.PlanOptions{Pilot: c.Int("pilot"), NoBench: c.Bool("no-bench"), Measured: measured})
	screen.stop()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(p)
	}
	var b strings.Builder
	width := widthOf(c.App.Writer)
	writePlan(&b, p, width)
	_, err = io.WriteString(c.App.Writer, fold(b.String(), width))
	return err
}

// writePlan prints a plan; tables that are wider than width are divided.
func writePlan(w io.Writer, p *plan.Plan, width int) {
	t := table.NewWriter()
	t.SetStyle(plainTable)
	row := func(name, format string, values ...any) { t.AppendRow(table.Row{name, fmt.Sprintf(format, values...)}) }
	g, train := &p.Generate, &p.Train
	row("prompts", "%d, %d of them held out", p.Prompts, p.Heldout)
	row("calls", "%d of %d rows, %d are there", g.Calls, g.Rows, g.Measured)
	basis := "guessed from the text and max_tokens; --pilot 5 measures"
	switch {
	case g.Measured > 0:
		basis = fmt.Sprintf("from %d answers", g.Measured)
	case g.Tried > 0:
		basis = fmt.Sprintf("from %d answers that were tried now, for nothing", g.Tried)
	}
	row("tokens", "%s prompt, %s completion (%s)", spanText(g.PromptTokens, count), spanText(g.CompletionTokens, count), basis)
	switch {
	case g.USD != nil && g.MostUSD > 0:
		row("money", "%s, %s at the very most (%s)", spanText(*g.USD, report.Dollars), report.Dollars(g.MostUSD), g.PriceSource)
	case g.USD != nil:
		row("money", "none: the teacher %s", g.PriceSource)
	default:
		row("money", "unknown")
	}
	for _, a := range p.Asked {
		row(a.Purpose, "%s", askedText(&a))
	}
	row("student", "%s parameters, vocabulary %d", report.Count(int64(p.Student.Parameters)), p.Student.Vocabulary)
	row("training", "%d examples, %d steps, %s tokens", train.Examples, train.Steps, report.Count(train.Tokens))
	row("disk", "%s", report.Bytes(p.DiskBytes))
	fmt.Fprintf(w, "%s\n\n%s\n", render(t), render(stagesTable(p)))
	if len(p.Exports) > 0 {
		header, rows := exportTable(p)
		fmt.Fprintf(w, "\n%s\n", grid(header, rows, width))
		writeAnswerTimes(w, p)
		writeSources(w, p)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(w, "\nwarning: %s", warning)
	}
	if len(p.Warnings) > 0 {
		fmt.Fprintln(w)
	}
}

// stagesTable says how long each stage will take, and how much memory.
func stagesTable(p *plan.Plan) table.Writer {
	t := table.NewWriter()
	t.SetStyle(plainTable)
	t.AppendHeader(table.Row{"stage", "time", "memory", ""})
	for _, s := range p.Stages {
		t.AppendRow(table.Row{s.Name, stageTime(s.Seconds), report.Bytes(s.MemoryBytes), s.Basis})
	}
	total, rest := stageTime(&p.Seconds), ""
	if len(p.Unknown) > 0 {
		rest = "and what " + strings.Join(p.Unknown, ", ") + " will take"
	}
	t.AppendRow(table.Row{"all", total, report.Bytes(p.PeakBytes), rest})
	return t
}

func stageTime(s *plan.Span) string {
	if s == nil {
		return "not known"
	}
	return spanText(*s, report.Duration)
}

// askedText says what a model that is asked beside the teacher will take.
func askedText(a *plan.Asked) string {
	calls := fmt.Sprintf("%d calls of %s", a.Calls, a.Model)
	if a.MostCalls > a.Calls {
		calls = fmt.Sprintf("%d calls (%d at most) of %s", a.Calls, a.MostCalls, a.Model)
	}
	calls += fmt.Sprintf(", %s prompt and %s completion tokens", count(a.PromptTokens.Likely), count(a.CompletionTokens.Likely))
	switch {
	case a.USD == nil:
		return calls + ", money unknown"
	case a.MostUSD == 0:
		return calls + ", no money: " + a.PriceSource
	}
	return calls + fmt.Sprintf(", %s, %s at the very most (%s)", spanText(*a.USD, report.Dollars), report.Dollars(a.MostUSD), a.PriceSource)
}

// exportTable has a row for each file and a column for each device.
func exportTable(p *plan.Plan) (header []string, rows [][]string) {
	header = []string{"file", "size", "bits/weight"}
	for _, d := range p.Devices {
		header = append(header, d.Name)
	}
	for _, e := range p.Exports {
		row := []string{e.Format, report.Bytes(e.Bytes), fmt.Sprintf("%.2f", e.BitsPerWeight)}
		for _, d := range p.Devices {
			row = append(row, speedText(&e, &d))
		}
		rows = append(rows, row)
	}
	return header, rows
}

// speedText says how fast a file is on a device; ~ marks an estimate.
func speedText(e *plan.Export, d *device.Device) string {
	perSecond, fits := e.DecodePerS[d.Name]
	switch {
	case !fits:
		return "does not fit"
	case perSecond == 0:
		return "not known"
	case slices.Contains(e.MeasuredOn, d.Name):
		return watch.RateText(perSecond) + " tok/s"
	case perSecond >= d.MostTokensPerS:
		return "> " + watch.RateText(perSecond) + " tok/s"
	}
	return "~ " + watch.RateText(perSecond) + " tok/s"
}

// writeAnswerTimes says how long one answer takes on each device, as the smallest file.
func writeAnswerTimes(w io.Writer, p *plan.Plan) {
	least := slices.MinFunc(p.Exports, func(a, b plan.Export) int { return int(a.Bytes - b.Bytes) })
	var times []string
	for _, d := range p.Devices {
		if perSecond := least.DecodePerS[d.Name]; perSecond > 0 {
			under := ""
			if d.MostTokensPerS > 0 && perSecond >= d.MostTokensPerS {
				under = "under "
			}
			times = append(times, fmt.Sprintf("%s%s on %s", under, seconds(p.Generate.AnswerTokens.Likely/perSecond), deviceName(&d)))
		}
	}
	if len(times) > 0 && p.Generate.AnswerTokens.Likely > 0 {
		fmt.Fprintf(w, "an answer of %s tokens takes %s %s\n", count(p.Generate.AnswerTokens.Likely), least.Format, strings.Join(times, ", "))
	}
}

// deviceName is a device's name in a sentence.
func deviceName(d *device.Device) string {
	if d.Name == plan.Here {
		return d.Name
	}
	return "a " + d.Name
}

// writeSources says where the speeds come from.
func writeSources(w io.Writer, p *plan.Plan) {
	measured := func(d *device.Device) bool {
		return slices.ContainsFunc(p.Exports, func(e plan.Export) bool { return slices.Contains(e.MeasuredOn, d.Name) })
	}
	fmt.Fprintln(w, "tok/s is decoding one answer. ~ and > are estimates, from what was published of other models and programs:")
	for i := range p.Devices {
		if d := &p.Devices[i]; !measured(d) && d.Source != "" {
			fmt.Fprintf(w, "   %s: %s\n", d.Name, d.Source)
		}
	}
	for i := range p.Devices {
		if d := &p.Devices[i]; measured(d) && d.Name != plan.Here {
			last := d.Measured[len(d.Measured)-1]
			fmt.Fprintf(w, "   %s: scaled from distill bench --ssh there, %s at %s tokens/s on %s\n", d.Name, last.File,
				watch.RateText(last.Speed.DecodeTokensPerS), last.When.Format(time.DateOnly))
		}
	}
}

func spanText(s plan.Span, format func(float64) string) string {
	if s.Low == s.High || format(s.Low) == format(s.High) {
		return format(s.Likely)
	}
	return fmt.Sprintf("%s (%s to %s)", format(s.Likely), format(s.Low), format(s.High))
}

func count(x float64) string { return report.Count(int64(x)) }
func seconds(x float64) string {
	d := time.Duration(x * float64(time.Second))
	switch {
	case d > 0 && d < 100*time.Millisecond:
		return max(d.Round(time.Millisecond), time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
