package recipe

import (
	"maps"
	"slices"

	"github.com/seed-d24fde5f/distill/internal/report"
)

// pairsOf compares the student with every other model on the prompts and rows that both were measured on.
func pairsOf(all []*subject) []report.Pair {
	at := slices.IndexFunc(all, func(s *subject) bool { return s.Role == report.Student })
	if at < 0 {
		return nil
	}
	var pairs []report.Pair
	student := all[at]
	for _, s := range all {
		if s == student {
			continue
		}
		add := func(m report.Measure, units []report.Unit) {
			if len(units) < 2 {
				return
			}
			p := report.Pair{Against: s.Role, Name: report.Label(&s.Model), Format: s.Format, Measure: m, Units: len(units)}
			p.Difference, p.Low, p.High = report.Bootstrap(units)
			pairs = append(pairs, p)
		}
		add(report.MeasureExact, student.exactUnits(s))
		if s.Role == report.Control {
			continue // it learnt another text than the following are taken on
		}
		kl, nats := student.lossUnits(s)
		add(report.MeasureNats, nats)
		if s.Role != report.Teacher {
			add(report.MeasureKL, kl)
		}
	}
	return pairs
}

// exactUnits returns a unit for each prompt that both answered.
func (s *subject) exactUnits(other *subject) []report.Unit {
	var units []report.Unit
	share := map[bool]float64{true: 1}
	for _, prompt := range slices.Sorted(maps.Keys(s.right)) {
		if right, ok := other.right[prompt]; ok {
			units = append(units, report.Unit{A: share[s.right[prompt]], B: share[right], Weight: 1})
		}
	}
	return units
}

// lossUnits returns a unit for each row that both were measured on at the same tokens.
func (s *subject) lossUnits(other *subject) (kl, nats []report.Unit) {
	for i, a := range s.losses {
		if i >= len(other.losses) {
			break
		}
		b := other.losses[i]
		if a == nil || b == nil || a.Tokens != b.Tokens {
			continue
		}
		nats = append(nats, report.Unit{A: a.Nats, B: b.Nats, Weight: float64(a.Tokens)})
		if a.Compared > 0 && a.Compared == b.Compared {
			kl = append(kl, report.Unit{A: a.KL, B: b.KL, Weight: float64(a.Compared)})
		}
	}
	return kl, nats
}
