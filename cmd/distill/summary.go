package main

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/seed-d24fde5f/distill/internal/recipe"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// printSummary ends a command: the report's first screen where there is a report, else what each stage came to.
func printSummary(w io.Writer, run *recipe.Run) error {
	if rep := run.Report(); rep != nil {
		return printReport(w, run, rep)
	}
	t := table.NewWriter()
	t.SetStyle(plainTable)
	for _, s := range run.Stages() {
		t.AppendRow(table.Row{s.Name, s.State, report.Duration(s.Seconds), s.Note})
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", fold(render(t), widthOf(w)), run.Dir)
	return err
}

func printReport(w io.Writer, run *recipe.Run, rep *report.Report) error {
	width := widthOf(w)
	models := report.ModelTable(rep.Models)
	fmt.Fprintf(w, "%s\n\n%s\n", fold(rep.Verdict.Sentence, width), grid(models.Header, models.Rows, width))
	for _, gate := range rep.Verdict.Gates {
		fmt.Fprint(w, fold(fmt.Sprintf("\ngate %s: %s, %s", gate.Name, map[bool]string{true: "passed", false: "failed"}[gate.Pass], gate.Detail), width))
	}
	_, err := fmt.Fprintf(w, "\n%s has %s, %s and %s\n", run.Dir, recipe.ExportDir, report.HTMLFile, report.JSONFile)
	return err
}
