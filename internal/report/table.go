package report

import "fmt"

// Table is text in rows and columns; the first column names the row. Every rendering of a report shows the same tables.
type Table struct {
	Header []string
	Rows   [][]string
}

// ModelTable is the central table: quality, then size, then speed, one row a model. A column that no model has a
// value for is left out.
func ModelTable(models []Model) Table {
	columns := []struct {
		head string
		cell func(*Model) string
	}{
		{"model", label},
		{"exact match", func(m *Model) string { return rate(m.ExactMatch) }},
		{"perplexity", func(m *Model) string {
			if m.Perplexity != nil && *m.Perplexity < 10 {
				return float(m.Perplexity, "%.3f")
			}
			return float(m.Perplexity, "%.4g")
		}},
		{"KL to teacher", func(m *Model) string { return float(m.KLToTeacher, "%.4f") }},
		{"KL on own text", func(m *Model) string { return float(m.KLOnOwn, "%.4f") }},
		{"top-1 agreement", func(m *Model) string { return share(m.TopOneAgreement) }},
		{"parameters", func(m *Model) string { return positive(m.Parameters, Count) }},
		{"size", func(m *Model) string { return positive(m.Bytes, Bytes) }},
		{"bits/weight", func(m *Model) string { return nonzero(m.BitsPerWeight, "%.2f") }},
		{"prefill tok/s", func(m *Model) string { return float(m.PrefillTokensPS, "%.0f") }},
		{"decode tok/s", func(m *Model) string { return float(m.DecodeTokensPS, "%.0f") }},
		{"memory", func(m *Model) string {
			if m.PeakRSSBytes == nil {
				return ""
			}
			return Bytes(*m.PeakRSSBytes)
		}},
	}
	t := Table{Rows: make([][]string, len(models))}
	for _, c := range columns {
		cells, some := make([]string, len(models)), false
		for i := range models {
			cells[i] = c.cell(&models[i])
			some = some || cells[i] != ""
		}
		if !some {
			continue
		}
		t.Header = append(t.Header, c.head)
		for i, cell := range cells {
			t.Rows[i] = append(t.Rows[i], cell)
		}
	}
	return t
}

// StageTable says how long each stage took and what it used.
func StageTable(stages []Stage) Table {
	t := Table{Header: []string{"stage", "state", "time", "calls", "tokens", "cost"}}
	for _, s := range stages {
		t.Rows = append(t.Rows, []string{s.Name, s.State, Duration(s.Seconds), positive(s.Calls, Count), positive(s.Tokens, Count), money(s.CostUSD)})
	}
	return t
}

// Label names a model as the tables do.
func Label(m *Model) string { return label(m) }

func label(m *Model) string {
	name := string(m.Role)
	switch m.Role {
	case Export:
		name = m.Format
	case Teacher, Control:
		name += " " + m.Name
	case Untouched:
		name = "student, untouched"
	case Seed:
		name = fmt.Sprintf("student, seed %d", *m.Seed)
	}
	if m.MeasuredOn != "" {
		name += " on " + m.MeasuredOn
	}
	return name
}

// shortLabel names a model where there is little room.
func shortLabel(m *Model) string {
	switch m.Role {
	case Export:
		return m.Format
	case Control:
		return m.Name
	}
	return string(m.Role)
}

func rate(r *Rate) string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("%.1f %% (%.1f–%.1f)", 100*r.Value, 100*r.Low, 100*r.High)
}

func positive(n int64, format func(int64) string) string {
	if n <= 0 {
		return ""
	}
	return format(n)
}

func nonzero(v float64, format string) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}

func float(v *float64, format string) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf(format, *v)
}

func share(v *float64) string {
	if v == nil {
		return ""
	}
	return percent(*v)
}

func money(v *float64) string {
	if v == nil {
		return ""
	}
	return Dollars(*v)
}
