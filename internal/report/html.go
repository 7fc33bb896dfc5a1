package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed report.html.tmpl
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"outcome":  outcomeWord,
	"passed":   passWord,
	"kind":     sampleWord,
	"mark":     mark,
	"nats":     meanNats,
	"dataset":  datasetLines,
	"training": trainingLines,
	"note":     func() string { return tableNote },
	"seeds":    seedLines,
	"pairNote": func() string { return pairNote },
}).Parse(page))

func meanNats(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf(", %.3f nats a token", *v)
}

// HTML writes the report as one self-contained page: no script, no network, light and dark, made to be printed and to be
// read on a phone as well.
func HTML(w io.Writer, r *Report) error {
	figs, err := figures(r)
	if err != nil {
		return err
	}
	return pageTemplate.Execute(w, struct {
		*Report
		ModelTable, PairTable, StageTable Table
		Figures                           []figure
	}{r, ModelTable(r.Models), PairTable(r.Pairs), StageTable(r.Stages), figs})
}
