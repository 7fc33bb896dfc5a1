package recipe

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/rule"
	"github.com/seed-d24fde5f/distill/dataset/verify"
)

// selection is what was learnt from, and what was not.
type selection struct {
	Rows    int            // that the recipe asked for and that are there
	Kept    int            // training rows that are learnt
	Dropped map[string]int // training rows, by reason
	Passed  int            // rows that passed the verifiers
	Judged  int
}

// selectRows reads the rows the recipe asks for and returns those that are to be learnt, and all held-out ones, in the
// order in which they were asked for, which does not depend on who answered first.
func (r *Run) selectRows() ([]distill.Row, *selection, error) {
	s := &selection{Dropped: map[string]int{}}
	rows, err := r.readRows()
	if err != nil {
		return nil, nil, err
	}
	s.Rows = len(rows)
	pick := &picker{run: r, selection: s, seen: map[string]bool{}}
	if r.Recipe.Select.Where != "" {
		if pick.where, err = rule.Compile(r.Recipe.Select.Where); err != nil {
			return nil, nil, inputErrorf("", "select.where: %w", err)
		}
	}
	var kept, heldout []distill.Row
	for i := range rows {
		row := &rows[i]
		if err := r.judge(context.Background(), row); err != nil {
			return nil, nil, fmt.Errorf("row %s: %w", row.ID, err)
		}
		if len(row.Verdicts) > 0 {
			s.Judged++
			if verify.Passed(row) {
				s.Passed++
			}
		}
		if row.Prompt.Split == distill.Heldout {
			heldout = append(heldout, *row)
			continue
		}
		reason, err := pick.refuse(row)
		if err != nil {
			return nil, nil, err
		}
		if reason != "" {
			s.Dropped[reason]++
			continue
		}
		kept = append(kept, *row)
	}
	kept = pick.choose(kept)
	s.Kept = len(kept)
	return append(kept, heldout...), s, nil
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

// picker applies the recipe's selection to training rows.
type picker struct {
	run       *Run
	selection *selection
	where     *rule.Rule
	seen      map[string]bool // prompt and answer, for exact repetitions
}

// refuse says why a row is not learnt, or "".
func (p *picker) refuse(row *distill.Row) (string, error) {
	s := &p.run.Recipe.Select
	switch {
	case s.Unfinished == "drop" && row.FinishReason == distill.FinishLength:
		return "unfinished", nil
	case s.Failing == "drop" && len(s.Verify) > 0 && !verify.Passed(row):
		return "failed a verifier", nil
	case s.MaxTokens > 0 && int(row.CompletionTokens) > s.MaxTokens:
		return "longer than max_tokens", nil
	}
	if p.where != nil {
		ok, err := p.where.Match(row)
		if err != nil {
			return "", fmt.Errorf("select.where: row %s: %w", row.ID, err)
		}
		if !ok {
			return "not where", nil
		}
	}
	if s.Dedup != "none" {
		key := row.Prompt.ID + "\x00" + row.Reasoning + "\x00" + row.Response
		if p.seen[key] {
			return "repeated", nil
		}
		p.seen[key] = true
	}
	return "", nil
}

// choose applies the policy among the rows of each prompt, which stand together.
func (p *picker) choose(rows []distill.Row) []distill.Row {
	s := &p.run.Recipe.Select
	most := s.PerPrompt
	if s.Policy != "all" && most == 0 {
		most = 1
	}
	if most == 0 {
		return rows
	}
	var kept []distill.Row
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && rows[end].Prompt.ID == rows[start].Prompt.ID {
			end++
		}
		group := rows[start:end]
		switch s.Policy {
		case "shortest":
			slices.SortStableFunc(group, func(a, b distill.Row) int { return cmp.Compare(length(&a), length(&b)) })
		case "longest":
			slices.SortStableFunc(group, func(a, b distill.Row) int { return cmp.Compare(length(&b), length(&a)) })
		}
		if dropped := len(group) - most; dropped > 0 {
			p.selection.Dropped["another answer was chosen"] += dropped
			group = group[:most]
		}
		kept = append(kept, group...)
		start = end
	}
	return kept
}

// length of an answer: in tokens where they were counted, else in bytes.
func length(row *distill.Row) int {
	if row.CompletionTokens > 0 {
		return int(row.CompletionTokens)
	}
	return len(row.Reasoning) + len(row.Response)
}
