package recipe

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"iter"
	"os"
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/hygiene"
	"github.com/seed-d24fde5f/distill/dataset/rule"
	"github.com/seed-d24fde5f/distill/dataset/selection"
	"github.com/seed-d24fde5f/distill/dataset/verify"
)

// picked is what was learnt from, and what was not.
type picked struct {
	rows    int            // that the recipe asked for and that are there
	kept    int            // training rows that are learnt
	dropped map[string]int // training rows, by reason
	passed  int            // rows that passed the verifiers
	judged  int
}

// selectRows reads the rows the recipe asks for and returns those that are to be learnt, and all held-out ones, in the
// order in which they were asked for, which does not depend on who answered first.
func (r *Run) selectRows() ([]distill.Row, *picked, error) {
	rows, err := r.readRows()
	if err != nil {
		return nil, nil, err
	}
	p := &picked{rows: len(rows), dropped: map[string]int{}}
	var train, heldout []distill.Row
	for i := range rows {
		row := &rows[i]
		if err := r.judge(context.Background(), row); err != nil {
			return nil, nil, fmt.Errorf("row %s: %w", row.ID, err)
		}
		if len(row.Verdicts) > 0 {
			p.judged++
			if verify.Passed(row) {
				p.passed++
			}
		}
		if row.Prompt.Split == distill.Heldout {
			heldout = append(heldout, *row)
		} else {
			train = append(train, *row)
		}
	}
	if train, err = r.clean(train, p); err != nil {
		return nil, nil, err
	}
	if train, err = r.choose(train, p); err != nil {
		return nil, nil, err
	}
	p.kept = len(train)
	return append(train, heldout...), p, nil
}

// readRows returns the rows that the recipe asks for, in that order.
func (r *Run) readRows() ([]distill.Row, error) {
	prompts, err := r.makePrompts()
	if err != nil {
		return nil, err
	}
	wanted := r.wanted(prompts)
	place := make(map[string]int, len(wanted))
	for i, q := range wanted {
		place[q.id] = i
	}
	data, err := dataset.Open(r.rowsDir(), dataset.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer data.Close()
	var rows []distill.Row
	for row, err := range data.Rows() {
		if err != nil {
			return nil, err
		}
		i, ok := place[row.ID]
		if !ok {
			continue // an answer to an earlier recipe
		}
		row.Prompt = *wanted[i].prompt // the split and the reference may have changed since it was asked
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b distill.Row) int { return cmp.Compare(place[a.ID], place[b.ID]) })
	return rows, nil
}

// rowsDir is where the rows to be learnt lie: scored ones where the recipe has a score stage.
func (r *Run) rowsDir() string {
	if r.Recipe.Score != nil {
		return r.path(ScoredDir)
	}
	return r.path(DataDir)
}

// each yields rows without an error, as the packages that choose among rows read them.
func each(rows []distill.Row) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// clean removes rows that teach nothing good, by the recipe's steps.
func (r *Run) clean(rows []distill.Row, p *picked) ([]distill.Row, error) {
	steps, err := r.cleaningSteps()
	if err != nil {
		return nil, err
	}
	cleaned := hygiene.Clean(each(rows), steps...)
	var kept []distill.Row
	for row, err := range cleaned.Rows {
		if err != nil {
			return nil, err
		}
		kept = append(kept, row)
	}
	for _, report := range cleaned.Reports {
		if report.Removed > 0 {
			p.dropped[report.Step] += report.Removed
		}
	}
	return kept, nil
}

func (r *Run) cleaningSteps() ([]hygiene.Step, error) {
	s := &r.Recipe.Select
	steps := []hygiene.Step{hygiene.NotEmpty()}
	if s.Refusals {
		steps = append(steps, hygiene.Refusals())
	}
	if s.Repetition > 0 {
		steps = append(steps, hygiene.Repetition(s.Repetition))
	}
	if len(s.Scripts) > 0 {
		step, err := hygiene.Scripts(0.8, s.Scripts...)
		if err != nil {
			return nil, inputErrorf("", "select.scripts: %w", err)
		}
		steps = append(steps, step)
	}
	if s.Decontaminate != "" {
		step, err := decontamination(s.Decontaminate)
		if err != nil {
			return nil, inputErrorf("", "select.decontaminate: %w", err)
		}
		steps = append(steps, step)
	}
	switch s.Dedup {
	case "exact":
		steps = append(steps, hygiene.Exact())
	case "near":
		step, err := hygiene.Near(s.Near)
		if err != nil {
			return nil, inputErrorf("", "select.near: %w", err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// decontamination reads an evaluation set, a text a line.
func decontamination(path string) (hygiene.Step, error) {
	f, err := os.Open(path)
	if err != nil {
		return hygiene.Step{}, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	evaluation, err := hygiene.NewEvaluation(func(yield func(string) bool) {
		for lines.Scan() && yield(lines.Text()) {
		}
	}, 13)
	if err == nil {
		err = lines.Err()
	}
	if err != nil {
		return hygiene.Step{}, err
	}
	return hygiene.Against(evaluation), nil
}

// choose applies the recipe's policy among the answers of each prompt.
func (r *Run) choose(rows []distill.Row, p *picked) ([]distill.Row, error) {
	s := &r.Recipe.Select
	options := selection.Options{
		Policy: selection.Policy(s.Policy), PerPrompt: s.PerPrompt, KeepFailing: s.Failing == "keep", KeepUnfinished: s.Unfinished == "keep",
		MaxTokens: s.MaxTokens, MinPassRate: s.MinPassRate, MaxPassRate: s.MaxPassRate, MixLong: s.MixLong,
	}
	if s.Where != "" {
		var err error
		if options.Where, err = rule.Compile(s.Where); err != nil {
			return nil, inputErrorf("", "select.where: %w", err)
		}
	}
	choice, err := selection.Choose(each(rows), options)
	if err != nil {
		return nil, fmt.Errorf("select: %w", err)
	}
	var kept []distill.Row
	for row, err := range choice.Rows(each(rows)) {
		if err != nil {
			return nil, err
		}
		kept = append(kept, row)
	}
	for name, reason := range choice.Report.Dropped {
		if reason.Rows > 0 {
			p.dropped[name] += reason.Rows
		}
	}
	return kept, nil
}
