package report

import (
	"fmt"
	"math"
	"strings"
)

// Seeds is what several students came to that differ in their seed alone: initial weights and order of batches.
type Seeds struct {
	Seeds    []uint64      `json:"seeds"`
	Exported uint64        `json:"exported"` // the one with the least held-out loss
	Measures []SeedMeasure `json:"measures"`
}

// SeedMeasure is one measure of all of them, in the order of the seeds.
type SeedMeasure struct {
	Name      string    `json:"name"`
	Values    []float64 `json:"values"`
	Mean      float64   `json:"mean"`
	Deviation float64   `json:"deviation"` // of one student, n−1 in the divisor
}

// SeedsOf gathers the students of several seeds from the models of a run, nil where there is one alone. exported is the
// seed of the student that was exported.
func SeedsOf(models []Model, exported uint64) *Seeds {
	s := &Seeds{Exported: exported}
	measures := []struct {
		name string
		read func(*Model) *float64
	}{
		{"exact_match", func(m *Model) *float64 {
			if m.ExactMatch == nil {
				return nil
			}
			return &m.ExactMatch.Value
		}},
		{"perplexity", func(m *Model) *float64 { return m.Perplexity }},
		{"kl_to_teacher", func(m *Model) *float64 { return m.KLToTeacher }},
		{"kl_on_own", func(m *Model) *float64 { return m.KLOnOwn }},
	}
	var students []*Model
	for i := range models {
		if m := &models[i]; m.Seed != nil {
			students = append(students, m)
			s.Seeds = append(s.Seeds, *m.Seed)
		}
	}
	if len(students) < 2 {
		return nil
	}
	for _, measure := range measures {
		var values []float64
		for _, m := range students {
			if v := measure.read(m); v != nil {
				values = append(values, *v)
			}
		}
		if len(values) == len(students) {
			s.Measures = append(s.Measures, seedMeasure(measure.name, values))
		}
	}
	return s
}

func seedMeasure(name string, values []float64) SeedMeasure {
	m := SeedMeasure{Name: name, Values: values}
	n := float64(len(values))
	for _, v := range values {
		m.Mean += v / n
	}
	for _, v := range values {
		m.Deviation += (v - m.Mean) * (v - m.Mean) / (n - 1)
	}
	m.Deviation = math.Sqrt(m.Deviation)
	return m
}

// seedLines says what the seeds came to.
func seedLines(s *Seeds) []string {
	if s == nil {
		return nil
	}
	seeds := strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Seeds), " ", ", "), "[]")
	lines := []string{fmt.Sprintf("%d students, seeds %s; the one of seed %d has the least held-out loss and was exported", len(s.Seeds), seeds, s.Exported)}
	for _, m := range s.Measures {
		name, scale, format, unit := strings.ReplaceAll(m.Name, "_", " "), 1.0, "%.4g", ""
		if m.Name == "exact_match" {
			scale, format, unit = 100, "%.1f", " %"
		}
		var values []string
		for _, v := range m.Values {
			values = append(values, fmt.Sprintf(format, scale*v))
		}
		lines = append(lines, fmt.Sprintf("%s: mean "+format+"%s, standard deviation "+format+" (%s)", name, scale*m.Mean, unit, scale*m.Deviation, strings.Join(values, ", ")))
	}
	return lines
}
