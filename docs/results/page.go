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
answers anew. An arm is called different from the first one only where all of its seeds lie beyond all of the first one's.

CPU seconds are what training took of one processor, on one thread, as the operating system counts them; they hardly depend
on what else the machine does. Arms at equal time read as many tokens as make their training take as long, so counted, as
that of the arm they are named after, in the mean over the seeds. KL to the teacher is KL(teacher‖student) on the teacher's
held-out text, KL on own text is KL(student‖teacher) on answers that the student drew itself.

Made by ` + "`go run ./docs/results -stories stories260K-f32.gguf`" + ` ([how](results/main.go)).
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

// finding says in which measures every seed of an arm lies beyond every seed of the base.
func finding(measures []measure, base, arm *result) string {
	var words []string
	for _, m := range measures {
		b, a := base.values(m), arm.values(m)
		if m.better == 0 || len(a) == 0 || len(b) == 0 {
			continue
		}
		bLow, bHigh, bMean := extent(b)
		aLow, aHigh, aMean := extent(a)
		beyond := aLow > bHigh || aHigh < bLow
		switch {
		case !beyond:
		case (aMean > bMean) == (m.better > 0):
			words = append(words, "better in "+m.name)
		default:
			words = append(words, "worse in "+m.name)
		}
	}
	if len(words) == 0 {
		return "no difference beyond the seeds' spread"
	}
	return strings.Join(words, ", ")
}
