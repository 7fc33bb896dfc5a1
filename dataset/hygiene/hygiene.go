// Package hygiene removes rows that would teach a student something bad: answers that are empty, endless, in the wrong
// script, refusals or repetitions of themselves; rows that are there twice, word for word or nearly; and rows that share
// text with an evaluation set, whose score would then mean nothing.
//
//	steps := []hygiene.Step{hygiene.NotEmpty(), hygiene.Refusals(), hygiene.Exact(), near, hygiene.Against(evaluation)}
//	clean := hygiene.Clean(data.Rows(), steps...)
//	for row, err := range clean.Rows { … }
//	fmt.Println(clean.Reports)
//
// Rows pass in one reading, each step seeing what the steps before it have left; of duplicates the first stays. Every
// step counts what it removed and keeps a few examples. Memory is bounded by the steps that remember: 16 bytes a row
// for [Exact], some 130 for [Near].
package hygiene

import (
	"iter"

	"github.com/seed-d24fde5f/distill"
)

// Step looks at rows one after the other and rejects some. A step is used for one reading by one goroutine.
type Step struct {
	Name string
	// Reject says whether row is to go, and why, in a few words that a report can show.
	Reject func(row *distill.Row) (why string, reject bool)
}

// Report says what one step did.
type Report struct {
	Step     string    `json:"step"`
	Seen     int       `json:"seen"`
	Removed  int       `json:"removed"`
	Examples []Example `json:"examples"`
}

// Example is a row that was removed.
type Example struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

const maxExamples = 3

// Cleaned is a reading of rows through steps.
type Cleaned struct {
	Rows    iter.Seq2[distill.Row, error] // what is left; to be read once
	Reports []Report                      // one a step; complete when Rows has been read to its end
}

// Clean returns a reading of rows from which steps have removed what they reject.
func Clean(rows iter.Seq2[distill.Row, error], steps ...Step) *Cleaned {
	c := &Cleaned{Reports: make([]Report, len(steps))}
	for i, step := range steps {
		c.Reports[i].Step = step.Name
	}
	c.Rows = func(yield func(distill.Row, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(row, err)
				return
			}
			if !c.rejects(steps, &row) && !yield(row, nil) {
				return
			}
		}
	}
	return c
}

func (c *Cleaned) rejects(steps []Step, row *distill.Row) bool {
	for i, step := range steps {
		report := &c.Reports[i]
		report.Seen++
		if why, reject := step.Reject(row); reject {
			report.Removed++
			if len(report.Examples) < maxExamples {
				report.Examples = append(report.Examples, Example{row.ID, why})
			}
			return true
		}
	}
	return false
}
