package recipe

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"os"
	"runtime/debug"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/hygiene"
	"github.com/seed-d24fde5f/distill/dataset/rule"
	"github.com/seed-d24fde5f/distill/dataset/selection"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/hint"
)

// picked is what was learnt from, and what was not.
type picked struct {
	rows    int            // that the recipe asked for and that are there
	kept    int            // training rows that are learnt
	dropped map[string]int // training rows, by reason
	passed  int            // rows that passed the verifiers
	judged  int
}

// selectionMemory is what the program tries to stay within while it chooses among rows.
const selectionMemory = 256 << 20

// rowSeq is a reading of rows; each range reads them again.
type rowSeq = iter.Seq2[distill.Row, error]

// selectRows decides which rows are learnt. The reading it returns yields those, and all held-out ones, in the order in
// which they were asked for, which does not depend on who answered first. Two readings decide; of each row they remember
// some hundred bytes.
func (r *Run) selectRows() (rowSeq, *picked, error) {
	// What is remembered of a million rows lies in slices and maps without pointers, which cost the collector nothing to look
	// at again and again; left to itself it would let the heap double.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(selectionMemory))
	p := &picked{dropped: map[string]int{}}
	options, err := r.selectionOptions()
	if err != nil {
		return nil, nil, err
	}
	steps, err := r.cleaningSteps()
	if err != nil {
		return nil, nil, err
	}
	judged := r.judgedRows()
	var clean bitset // of the training rows, in their order
	train := 0
	counted := func(yield func(distill.Row, error) bool) {
		for row, err := range judged {
			if err == nil {
				p.count(&row)
				if row.Prompt.Split == distill.Heldout {
					continue
				}
				train++
			}
			if !yield(row, err) {
				return
			}
		}
	}
	cleaned := hygiene.Clean(counted, steps...)
	choice, err := selection.Choose(func(yield func(distill.Row, error) bool) {
		for row, err := range cleaned.Rows {
			clean.set(train - 1)
			if !yield(row, err) {
				return
			}
		}
	}, options)
	if err != nil {
		return nil, nil, fmt.Errorf("select: %w", err)
	}
	for _, report := range cleaned.Reports {
		p.drop(report.Step, report.Removed)
	}
	for name, reason := range choice.Report.Dropped {
		p.drop(name, reason.Rows)
	}
	p.kept = choice.Report.Kept
	return chosen(judged, keptOf(clean, choice)), p, nil
}

// keptOf returns what stays of all that decided: one bit for each training row, set where it is clean and was chosen.
func keptOf(clean bitset, choice *selection.Choice) (kept bitset) {
	for train, ordinal := 0, 0; train < 64*len(clean); train++ {
		if clean.has(train) {
			if choice.Keeps(ordinal) {
				kept.set(train)
			}
			ordinal++
		}
	}
	return kept
}

// chosen yields the training rows that are kept, by their place among the training rows, and then the held-out ones.
func chosen(rows rowSeq, kept bitset) rowSeq {
	return func(yield func(distill.Row, error) bool) {
		train := -1
		for row, err := range rows {
			if err == nil {
				if row.Prompt.Split == distill.Heldout {
					continue
				}
				if train++; !kept.has(train) {
					continue
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
		for row, err := range rows {
			if err == nil && row.Prompt.Split != distill.Heldout {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// count takes a row into the tally, held-out ones too.
func (p *picked) count(row *distill.Row) {
	p.rows++
	if len(row.Verdicts) > 0 {
		p.judged++
		if verify.Passed(row) {
			p.passed++
		}
	}
}

func (p *picked) drop(reason string, rows int) {
	if rows > 0 {
		p.dropped[reason] += rows
	}
}

// judgedRows yields the rows that the recipe asks for, with the verdicts of its verifiers and judges.
func (r *Run) judgedRows() rowSeq {
	return func(yield func(distill.Row, error) bool) {
		judges, err := r.graders()
		if err != nil {
			yield(distill.Row{}, err)
			return
		}
		r.gradedRows(r.rowsDir(), judges)(yield)
	}
}

// gradedRows yields the rows in dir that the recipe asks for, with the verdicts of the verifiers and of some judges.
func (r *Run) gradedRows(dir string, judges []*grader) rowSeq {
	return func(yield func(distill.Row, error) bool) {
		for _, g := range judges {
			if err := g.read(r.path(g.dir())); err != nil {
				yield(distill.Row{}, err)
				return
			}
		}
		for row, err := range r.checkedRows(dir) {
			for _, g := range judges {
				if err == nil {
					err = g.file(&row)
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// checkedRows yields the rows in dir that the recipe asks for, with the verdicts of the verifiers that ask nobody.
func (r *Run) checkedRows(dir string) rowSeq {
	return func(yield func(distill.Row, error) bool) {
		for row, err := range r.readRows(dir) {
			if err == nil {
				row.Verdicts = nil // those of the recipe that asked
				if err = r.check(context.Background(), &row); err != nil {
					err = fmt.Errorf("row %s: %w", row.ID, err)
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// readRows yields the rows in dir that the recipe asks for, in that order.
func (r *Run) readRows(dir string) rowSeq {
	return func(yield func(distill.Row, error) bool) {
		data, err := dataset.Open(dir, dataset.Options{ReadOnly: true})
		if err != nil {
			yield(distill.Row{}, err)
			return
		}
		defer data.Close()
		next, stop := iter.Pull2(r.wanted())
		defer stop()
		for row, err := range data.InOrder(idsOf(r.wanted())) {
			var q question
			for err == nil && q.id != row.ID { // the prompts come in the same order
				var ok bool
				if q, err, ok = next(); !ok {
					err = fmt.Errorf("row %s is of a prompt that is gone", row.ID)
				}
			}
			row.Prompt = q.prompt // the split and the reference may have changed since it was asked
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// idsOf yields the ids of the rows that questions lead to.
func idsOf(all questions) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for q, err := range all {
			if !yield(q.id, err) {
				return
			}
		}
	}
}

// bitset is a set of small numbers.
type bitset []uint64

func (b *bitset) set(i int) {
	for i/64 >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]>>(i%64)&1 == 1 }

// rowsDir is where the rows to be learnt lie: scored ones where the recipe has a score stage.
func (r *Run) rowsDir() string {
	if r.Recipe.Score != nil {
		return r.path(scoredDir)
	}
	return r.path(DataDir)
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
			return nil, hint.Errorf("scripts have the names that Unicode gives them: Latin, Han, Cyrillic", "select.scripts: %w", err)
		}
		steps = append(steps, step)
	}
	if s.Decontaminate != "" {
		step, err := decontamination(s.Decontaminate)
		if err != nil {
			return nil, hint.Errorf("it is the path of a file with a text a line", "select.decontaminate: %w", err)
		}
		steps = append(steps, step)
	}
	switch s.Dedup {
	case "exact":
		steps = append(steps, hygiene.Exact())
	case "near":
		step, err := hygiene.Near(s.Near)
		if err != nil {
			return nil, hint.Errorf("", "select.near: %w", err)
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

// selectionOptions are the recipe's policy among the answers of each prompt.
func (r *Run) selectionOptions() (selection.Options, error) {
	s := &r.Recipe.Select
	options := selection.Options{
		Policy: selection.Policy(s.Policy), PerPrompt: s.PerPrompt, KeepFailing: s.Failing == "keep", KeepUnfinished: s.Unfinished == "keep",
		MaxTokens: s.MaxTokens, MinPassRate: s.MinPassRate, MaxPassRate: s.MaxPassRate, MixLong: s.MixLong,
	}
	if s.Where != "" {
		var err error
		if options.Where, err = rule.Compile(s.Where); err != nil {
			return options, hint.Errorf("such as: completion_tokens < 300 && finish_reason == \"stop\"", "select.where: %w", err)
		}
	}
	return options, nil
}
