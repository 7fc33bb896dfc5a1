package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// Files of the evaluation, below evalDir.
const (
	modelsFile  = "models.json"
	answersFile = "answers.jsonl"
	rowsFile    = "rows.jsonl" // what each model loses on each row
	ownFile     = "own.jsonl"  // how far each model is from the teacher on answers of its own
	pairsFile   = "pairs.json" // the student against others, row by row
)

// maxLogits bounds the logits of one row held at once, in values: a gigabyte.
const maxLogits = 1 << 28

func evalInputs(r *Run) (any, error) {
	measured := r.Recipe.Eval
	measured.Gates = config.Gates{} // they judge what was measured and change nothing about it
	return []any{measured, r.Recipe.Report.Samples, r.models.Teacher}, nil
}

// evaluate measures every model on the held-out rows.
func evaluate(ctx context.Context, r *Run, st *stageState) (string, error) {
	if err := r.keepMeasured(st.Inputs); err != nil {
		return "", err
	}
	rows, err := r.heldoutRows()
	if err != nil {
		return "", err
	}
	all, err := r.subjects()
	if err != nil {
		return "", err
	}
	defer func() {
		for _, s := range all {
			s.close()
		}
	}()
	for _, s := range all {
		if err := s.open(r); err != nil {
			return "", err
		}
	}
	if err := r.compare(ctx, all, rows); err != nil {
		return "", err
	}
	if err := r.measureOwn(ctx, all, rows); err != nil {
		return "", err
	}
	answers, err := r.answerAll(ctx, all, rows)
	if err != nil {
		return "", err
	}
	if r.Recipe.Teacher.Kind == "remote" && (r.models.Teacher == "" || r.Recipe.Eval.Match != "none") {
		all = append([]*subject{r.remoteTeacher(rows)}, all...)
	}
	for _, s := range all {
		s.close()
	}
	if r.Recipe.Eval.Speed {
		if err := r.measureSpeeds(ctx, all); err != nil {
			return "", err
		}
	}
	models := make([]report.Model, len(all))
	for i, s := range all {
		s.summarise()
		models[i] = s.Model
	}
	if err := r.writeEval(models, answers, pairsOf(all)); err != nil {
		return "", err
	}
	st.Note = fmt.Sprintf("%d models on %d held-out rows", len(models), len(rows))
	return digest(models), nil
}

// keepMeasured keeps what an interrupted evaluation of the same inputs has measured, and removes that of any other. What
// other machines measured of the files stays: it says itself which files it is of.
func (r *Run) keepMeasured(inputs string) error {
	mark := r.path(evalDir, inputsFile)
	if known, err := os.ReadFile(mark); err == nil && string(known) == inputs {
		return nil
	}
	for _, file := range []string{rowsFile, ownFile, answersFile, pairsFile, modelsFile} {
		if err := os.Remove(r.path(evalDir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(r.path(evalDir), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(mark, []byte(inputs))
}

// heldoutRows returns the held-out rows that are evaluated.
func (r *Run) heldoutRows() ([]distill.Row, error) {
	var heldout []distill.Row
	most := r.Recipe.Eval.Prompts
	for row, err := range r.readRows(r.rowsDir()) {
		if err != nil {
			return nil, err
		}
		if row.Prompt.Split == distill.Heldout && (row.Response != "" || len(row.TokenIDs) > 0) {
			if heldout = append(heldout, row); len(heldout) == most {
				break
			}
		}
	}
	if len(heldout) == 0 {
		return nil, hint.Errorf("raise prompts.heldout, or give more prompts", "no prompt is held out, so nothing can be measured")
	}
	return heldout, nil
}

// summarise turns sums into the report's measures.
func (s *subject) summarise() {
	var sum losses
	for _, l := range s.losses {
		if l == nil {
			continue
		}
		s.EvaluatedPrompts++
		sum.Nats, sum.Tokens, sum.KL = sum.Nats+l.Nats, sum.Tokens+l.Tokens, sum.KL+l.KL
		sum.Compared, sum.Agreed = sum.Compared+l.Compared, sum.Agreed+l.Agreed
	}
	s.EvaluatedTokens = sum.Tokens
	var right, judged int
	for _, pass := range s.right {
		judged++
		if pass {
			right++
		}
	}
	s.ExactMatch = report.NewRate(right, judged)
	if s.Role == report.Control {
		return // it learnt another text than these measures are taken on
	}
	if sum.Tokens > 0 {
		v := math.Exp(sum.Nats / float64(sum.Tokens))
		s.Perplexity = &v
	}
	if sum.Compared > 0 && s.Role != report.Teacher {
		kl, agreed := sum.KL/float64(sum.Compared), float64(sum.Agreed)/float64(sum.Compared)
		s.KLToTeacher, s.TopOneAgreement = &kl, &agreed
	}
}

// measureSpeeds runs each model alone, after all others are closed, so that its memory can be told.
func (r *Run) measureSpeeds(ctx context.Context, all []*subject) error {
	meter := r.opts.Monitor.Start("eval: speed", "models", int64(len(all)), 0)
	defer meter.Stop()
	for _, s := range all {
		if s.path == "" {
			continue
		}
		meter.Note(s.path)
		speed, err := workbench.MeasureSpeed(ctx, s.path, workbench.SpeedOptions{Prefill: 128, Decode: 64, Threads: r.opts.Threads})
		if err != nil {
			return err
		}
		s.PrefillTokensPS, s.DecodeTokensPS = &speed.PrefillTokensPerS, &speed.DecodeTokensPerS
		if speed.PeakRSSBytes > 0 {
			s.PeakRSSBytes = &speed.PeakRSSBytes
		}
		meter.Add(1)
	}
	return nil
}

// writeEval keeps the measures and every answer.
func (r *Run) writeEval(models []report.Model, answers []answer, pairs []report.Pair) error {
	data, err := json.MarshalIndent(models, "", "  ")
	if err != nil {
		return err
	}
	paired, err := json.MarshalIndent(pairs, "", "  ")
	if err != nil {
		return err
	}
	var lines strings.Builder
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for _, a := range answers {
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return errors.Join(
		durable.WriteFile(r.path(evalDir, answersFile), []byte(lines.String())),
		durable.WriteFile(r.path(evalDir, pairsFile), append(paired, '\n')),
		durable.WriteFile(r.path(evalDir, modelsFile), append(data, '\n')))
}

// readEval reads what writeEval kept.
func (r *Run) readEval() (models []report.Model, answers []answer, err error) {
	data, err := os.ReadFile(r.path(evalDir, modelsFile))
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(data, &models); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(evalDir, modelsFile), err)
	}
	f, err := os.Open(r.path(evalDir, answersFile))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	for dec := json.NewDecoder(f); dec.More(); {
		var a answer
		if err := dec.Decode(&a); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", filepath.Join(evalDir, answersFile), err)
		}
		answers = append(answers, a)
	}
	return models, answers, nil
}

// readPairs reads what writeEval kept of the student against the others; an evaluation of an older program has none.
func (r *Run) readPairs() (pairs []report.Pair, err error) {
	data, err := os.ReadFile(r.path(evalDir, pairsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &pairs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(evalDir, pairsFile), err)
	}
	return pairs, nil
}
