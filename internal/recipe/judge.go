package recipe

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
)

// grader is one of the recipe's judges: a model that grades answers. What it said lies in a ledger of its own, a row for
// each answer, filed under a digest of the very question: another threshold asks nothing again, another criterion does.
type grader struct {
	*config.Judge
	section string // of the recipe
	by      config.Teacher
	rubric  *verify.Rubric

	scores map[[16]byte]float32 // by row of the ledger; nil until they are read
}

// graders makes the recipe's judges, once.
func (r *Run) graders() ([]*grader, error) {
	if r.judges != nil {
		return r.judges, nil
	}
	for i := range r.Recipe.Select.Verify {
		j := r.Recipe.Select.Verify[i].Judge
		if j == nil {
			continue
		}
		section := fmt.Sprintf("select.verify.%d.judge", i)
		rubric, err := verify.NewRubric(verify.RubricOptions{Criteria: j.Criteria, Template: j.Template, Min: j.Min, Max: j.Max, Pass: j.Pass})
		if err != nil {
			return nil, hint.Errorf("", "%s: %w", section, err)
		}
		r.judges = append(r.judges, &grader{Judge: j, section: section, rubric: rubric, by: r.Recipe.Asked(j.By, j.Temperature, j.MaxTokens, j.Budget)})
	}
	return r.judges, nil
}

// dir is the ledger's, in the run directory.
func (g *grader) dir() string { return filepath.Join(judgedDir, g.Name) }

// question returns what the judge is asked about a row.
func (g *grader) question(row *distill.Row) (question, error) {
	text, err := g.rubric.Question(row)
	if err != nil {
		return question{}, fmt.Errorf("row %s: %w", row.ID, err)
	}
	about := fmt.Sprintf("%s %016x", row.ID, xxhash.Sum64String(text))
	return question{
		id:     dataset.RowID(about, 0, identityOf(&g.by), samplingOf(&g.by.Sampling)),
		prompt: distill.Prompt{ID: row.ID, Split: row.Prompt.Split, Messages: []distill.Message{{Role: distill.RoleUser, Content: text}}},
	}, nil
}

// isJudged reports whether a judge is asked about a row: a training row that the checks, and the judges, before it let pass.
func isJudged(row *distill.Row) bool {
	return row.Prompt.Split != distill.Heldout && verify.Passed(row)
}

// questions yields what the judge is asked, in the order of the rows.
func (g *grader) questions(rows rowSeq) questions {
	return func(yield func(question, error) bool) {
		for row, err := range rows {
			var q question
			if err == nil && !isJudged(&row) {
				continue
			}
			if err == nil {
				q, err = g.question(&row)
			}
			if !yield(q, err) || err != nil {
				return
			}
		}
	}
}

func judgeInputs(r *Run) (any, error) {
	judges, err := r.graders()
	if err != nil {
		return nil, err
	}
	inputs := []any{r.Recipe.Select.Verify}
	for _, g := range judges {
		inputs = append(inputs, identityOf(&g.by))
	}
	return inputs, nil
}

// judgeRows asks the judges about every training answer that the other checks let pass.
func judgeRows(ctx context.Context, r *Run, st *stageState) (string, error) {
	judges, err := r.graders()
	if err != nil {
		return "", err
	}
	spent := *st
	st.Calls, st.Tokens, st.CostUSD, st.Note = 0, 0, nil, ""
	var outputs []string
	for i, g := range judges {
		// What one judge has turned down is not shown to the next: nobody pays for it twice.
		output, err := r.judgeAll(ctx, g, r.gradedRows(r.path(DataDir), judges[:i]), &spent)
		st.add(g.Name, &spent)
		if err != nil {
			return "", err
		}
		outputs = append(outputs, output)
	}
	return digest(outputs), nil
}

// add counts what one of several ledgers has cost towards the stage.
func (st *stageState) add(name string, part *stageState) {
	st.Calls, st.Tokens = st.Calls+part.Calls, st.Tokens+part.Tokens
	if part.CostUSD != nil {
		usd := *part.CostUSD
		if st.CostUSD != nil {
			usd += *st.CostUSD
		}
		st.CostUSD = &usd
	}
	if st.Note != "" {
		st.Note += "; "
	}
	st.Note += name + ": " + part.Note
}

// judgeAll asks one judge about rows, as far as it has not been asked.
func (r *Run) judgeAll(ctx context.Context, g *grader, rows rowSeq, st *stageState) (string, error) {
	a, err := r.newAsker("judge", g.section, &g.by, g.dir(), nil)
	if err != nil {
		return "", err
	}
	defer a.close()
	// The question can be made again from recipe and row; it would double the ledger.
	a.finish = func(_ context.Context, row *distill.Row) error {
		row.Prompt.Messages = nil
		return nil
	}
	all := g.questions(rows)
	g.scores = nil // there may be more of them afterwards
	total, have := 0, 0
	for q, err := range all {
		if err != nil {
			return "", err
		}
		if total++; a.data.Has(q.id) {
			have++
		}
	}
	askErr := a.askAll(ctx, all, total, have)
	err = errors.Join(askErr, a.data.Seal())
	a.settle(st)
	if err != nil {
		return "", err
	}
	return digestOf(all, a.data)
}

// read reads the scores in a ledger, once. A reply without a score counts as none.
func (g *grader) read(dir string) error {
	if g.scores != nil {
		return nil
	}
	data, err := dataset.Open(dir, dataset.Options{ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return hint.Errorf("distill run does all stages in their order", "%s has judged nothing yet", g.Name)
	}
	if err != nil {
		return err
	}
	defer data.Close()
	g.scores = make(map[[16]byte]float32, data.Len())
	for row, err := range data.Rows() {
		if err != nil {
			return err
		}
		if verdict, err := g.rubric.Verdict(row.Response); err == nil {
			g.scores[keyOf(row.ID)] = verdict.Score
		}
	}
	return nil
}

// keyOf takes the text of a row's id for its 16 bytes.
func keyOf(id string) (key [16]byte) {
	_, _ = hex.Decode(key[:], []byte(id[:min(len(id), 2*len(key))]))
	return key
}

// file puts the judge's verdict into a row that it is asked about. One that has none does not pass.
func (g *grader) file(row *distill.Row) error {
	if !isJudged(row) {
		return nil
	}
	q, err := g.question(row)
	if err != nil {
		return err
	}
	verdict := distill.Verdict{Detail: "not judged"}
	if score, ok := g.scores[keyOf(q.id)]; ok {
		verdict = g.rubric.Passing(score, "")
	}
	verdict.Name = g.Name
	row.Verdicts = append(row.Verdicts, verdict)
	return nil
}
