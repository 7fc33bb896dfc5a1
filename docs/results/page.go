package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/report"
)

const introduction = `# Results

What distillation gains, measured by this project on its own recipes. Every cell is the mean over seeds with half their range
behind ±; a seed draws the initial weights, the teacher's samples, the problems, the order of batches and the student's own
answers anew. An arm is called different from another one only where all of its seeds lie beyond all of that one's. Arms of one
seed learn from the same dataset; where each seed of an arm is better, or worse, than the same seed of the other one, but not beyond
the spread, that is said as well.

CPU seconds are what training took of one processor, on one thread, as the operating system counts them; they hardly depend
on what else the machine does. Arms at equal time read as many tokens as make their training take as long, so counted, as
that of the arm they are named after, in the mean over the seeds. KL to the teacher is KL(teacher‖student) on the teacher's
held-out text, KL on own text is KL(student‖teacher) on answers that the student drew itself.

Every export but Q4_0, the control student and the speeds are left out of the runs. Made by ` + "`go run ./docs/results -stories stories260K-f32.gguf`" + ` ([how](results/main.go)).
`

// measure is one column: a number read from a report.
type measure struct {
	name   string
	format string
	better int // +1 when more is better, −1 when less is, 0 when neither
	read   func(*report.Report) (float64, bool)
}

var (
	exactMatch   = measure{"exact match", "%.1f %%", +1, func(r *report.Report) (float64, bool) { return rate(find(r, report.Student, "")) }}
	exactMatchQ4 = measure{"exact match, Q4_0", "%.1f %%", +1, func(r *report.Report) (float64, bool) {
		return rate(find(r, report.Export, "Q4_0"))
	}}
	kl         = measure{"KL to the teacher", "%.4f", -1, of(report.Student, func(m *report.Model) *float64 { return m.KLToTeacher })}
	klQ4       = measure{"KL, Q4_0", "%.4f", -1, of(report.Export, func(m *report.Model) *float64 { return m.KLToTeacher })}
	klOwn      = measure{"KL on own text", "%.4f", -1, of(report.Student, func(m *report.Model) *float64 { return m.KLOnOwn })}
	perplexity = measure{"perplexity", "%.3f", -1, of(report.Student, func(m *report.Model) *float64 { return m.Perplexity })}

	trainSeconds = measure{"CPU s", "%.0f", 0, func(r *report.Report) (float64, bool) {
		for _, s := range r.Stages {
			if s.Name == "train" {
				return s.CPUSeconds, s.CPUSeconds > 0
			}
		}
		return 0, false
	}}
	tokens = measure{"M tokens", "%.2f", 0, func(r *report.Report) (float64, bool) { return float64(r.Training.Tokens) / 1e6, true }}
)

func of(role report.Role, field func(*report.Model) *float64) func(*report.Report) (float64, bool) {
	return func(r *report.Report) (float64, bool) {
		format := ""
		if role == report.Export {
			format = "Q4_0"
		}
		if m := find(r, role, format); m != nil && field(m) != nil {
			return *field(m), true
		}
		return 0, false
	}
}

func rate(m *report.Model) (float64, bool) {
	if m == nil || m.ExactMatch == nil {
		return 0, false
	}
	return 100 * m.ExactMatch.Value, true
}

// find returns the model of a role and, when format is not empty, of that format.
func find(r *report.Report, role report.Role, format string) *report.Model {
	for i := range r.Models {
		if m := &r.Models[i]; m.Role == role && (format == "" || m.Format == format) {
			return m
		}
	}
	return nil
}

// write adds the study's question, tables, findings and conclusion to the page.
func (s *study) write(page *strings.Builder, results []result) {
	fmt.Fprintf(page, "\n## %s\n\n%s\n\n", s.title, s.question)
	fmt.Fprintf(page, "Recipe `%s`", s.recipe)
	for _, set := range s.sets {
		if !strings.HasPrefix(set, "teacher.model=") {
			fmt.Fprintf(page, " `--set %s`", set)
		}
	}
	page.WriteString(".\n")
	equal := s.table(page, "At equal tokens", results, func(a *arm) bool { return a.timeOf == "" })
	s.table(page, "At equal time", results, func(a *arm) bool { return a.timeOf != "" })
	page.WriteString("\n")
	if equal != nil {
		for _, r := range results {
			if r.name != equal.name {
				against := equal
				if twin := byName(results, r.against); twin != nil {
					against = twin
				}
				fmt.Fprintf(page, "- **%s** against %s: %s.\n", r.name, against.name, finding(s.measures, against, &r))
			}
		}
	}
	for _, line := range s.conclusions {
		fmt.Fprintf(page, "\n%s\n", line)
	}
}

func byName(results []result, name string) *result {
	for i := range results {
		if name != "" && results[i].name == name {
			return &results[i]
		}
	}
	return nil
}

// table writes the arms that belong to it and returns the first, nil where there is none.
func (s *study) table(page *strings.Builder, title string, results []result, belongs func(*arm) bool) *result {
	var first *result
	for i := range results {
		r := &results[i]
		if !belongs(&r.arm) {
			continue
		}
		if first == nil {
			first = r
			fmt.Fprintf(page, "\n%s:\n\n| arm | seeds |", title)
			for _, m := range s.measures {
				fmt.Fprintf(page, " %s |", m.name)
			}
			page.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: |", len(s.measures)) + "\n")
		}
		fmt.Fprintf(page, "| %s | %d |", r.name, len(r.reports))
		for _, m := range s.measures {
			fmt.Fprintf(page, " %s |", cell(m, r.values(m)))
		}
		page.WriteString("\n")
	}
	return first
}

func (r *result) values(m measure) []float64 {
	var values []float64
	for _, rep := range r.reports {
		if v, ok := m.read(rep); ok {
			values = append(values, v)
		}
	}
	return values
}

func cell(m measure, values []float64) string {
	if len(values) == 0 {
		return ""
	}
	low, high, mean := extent(values)
	return fmt.Sprintf(m.format+" ± "+strings.TrimSuffix(m.format, " %%"), mean, (high-low)/2)
}

func extent(values []float64) (low, high, mean float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high, mean = min(low, v), max(high, v), mean+v/float64(len(values))
	}
	return low, high, mean
}

// finding says in which measures every seed of an arm lies beyond every seed of the base, and in which each seed at least
// lies on one side of its twin in the base, which learnt from the same dataset.
func finding(measures []measure, base, arm *result) string {
	var beyond, each []string
	for _, m := range measures {
		b, a := base.values(m), arm.values(m)
		if m.better == 0 || len(a) < 2 || len(a) != len(b) {
			continue
		}
		bLow, bHigh, _ := extent(b)
		aLow, aHigh, _ := extent(a)
		above, below := 0, 0
		for i := range a {
			if a[i] > b[i] {
				above++
			} else if a[i] < b[i] {
				below++
			}
		}
		word := "worse"
		if (above == len(a)) == (m.better > 0) {
			word = "better"
		}
		switch {
		case aLow > bHigh || aHigh < bLow:
			beyond = append(beyond, word+" in "+m.name)
		case above == len(a) || below == len(a):
			each = append(each, word+" in "+m.name)
		}
	}
	text := "no difference beyond the seeds' spread"
	if len(beyond) > 0 {
		text = strings.Join(beyond, ", ")
	}
	if len(each) > 0 {
		text += "; with each seed, but within the spread, " + strings.Join(each, ", ")
	}
	return text
}
