package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// Files of the evaluation, below EvalDir.
const (
	modelsFile  = "models.json"
	answersFile = "answers.jsonl"
)

// longestEvaluated bounds the context that evaluation makes room for, in tokens.
const longestEvaluated = 4096

// maxLogits bounds the logits of one row held at once, in values: a gigabyte.
const maxLogits = 1 << 28

func evalInputs(r *Run) (any, error) {
	measured := r.Recipe.Eval
	measured.Gates = config.Gates{} // they judge what was measured and change nothing about it
	return []any{measured, r.Recipe.Report.Samples, r.teacherModel()}, nil
}

// evaluate measures every model on the held-out rows.
func evaluate(ctx context.Context, r *Run, st *StageState) (string, error) {
	rows, err := r.heldoutRows()
	if err != nil {
		return "", err
	}
	all := r.subjects()
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
	answers, err := r.answerAll(ctx, all, rows)
	if err != nil {
		return "", err
	}
	if r.Recipe.Teacher.Kind == "remote" && (r.teacherModel() == "" || r.Recipe.Eval.Match != "none") {
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
	if err := r.writeEval(models, answers); err != nil {
		return "", err
	}
	st.Note = fmt.Sprintf("%d models on %d held-out rows", len(models), len(rows))
	return digest(models), nil
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
		return nil, inputErrorf("raise prompts.heldout, or give more prompts", "no prompt is held out, so nothing can be measured")
	}
	return heldout, nil
}

// tally adds up what one model loses on the held-out answers.
type tally struct {
	nats        float64 // −log p of the answers' tokens
	tokens      int64
	kl          float64 // KL(teacher‖model)
	agreed      int64   // positions where both put the same token first
	compared    int64
	rows, right int
	judged      int
}

// compare runs every model over every held-out answer. Those who share the teacher's vocabulary are compared with its
// whole distribution at every token.
func (r *Run) compare(ctx context.Context, all []*subject, rows []distill.Row) error {
	meter := r.opts.Monitor.Start("eval", "rows", int64(len(rows)), 0)
	defer meter.Stop()
	longest := longestEvaluated // the same tokens for all, or their measures could not be compared
	for _, s := range all {
		longest = min(longest, s.ready.Context())
	}
	for i := range rows {
		var reference *answerLogits // the teacher's
		for _, s := range all {
			if err := ctx.Err(); err != nil {
				return err
			}
			logits, err := s.answerLogits(&rows[i], longest)
			if err != nil {
				return fmt.Errorf("%s: row %s: %w", s.path, rows[i].ID, err)
			}
			if logits == nil {
				continue
			}
			if s.Role == report.Teacher {
				reference = logits
			}
			s.tally.add(logits, reference)
		}
		meter.Add(1)
	}
	return nil
}

// answerLogits are a model's logits for the tokens of one answer.
type answerLogits struct {
	targets []distill.Token
	logits  []float32 // (len(targets), vocabulary): position i predicts targets[i]
	vocab   int
	hash    string // of the tokenizer
}

// answerLogits runs the model over the first longest tokens of a row's prompt and answer. It returns nil for a row whose
// answer begins later.
func (s *subject) answerLogits(row *distill.Row, longest int) (*answerLogits, error) {
	e, err := s.language.example(row, true)
	if err != nil {
		return nil, err
	}
	start, vocab := max(1, e.AnswerStart), s.ready.Config().Vocab
	longest = min(longest, maxLogits/vocab)
	if len(e.Tokens) > longest {
		e.Tokens = e.Tokens[:longest] // the beginning of an answer is judged all the same
	}
	if start >= len(e.Tokens) {
		return nil, nil
	}
	logits, err := s.ready.Logits(e.Tokens[:len(e.Tokens)-1])
	if err != nil {
		return nil, err
	}
	return &answerLogits{e.Tokens[start:], logits[(start-1)*vocab:], vocab, s.language.tokenizer.Hash()}, nil
}

// add takes a row in. reference is the teacher's view of the same row, nil where there is none.
func (t *tally) add(a, reference *answerLogits) {
	comparable := reference != nil && reference.hash == a.hash && len(reference.targets) == len(a.targets)
	scratch := make([]float32, a.vocab)
	var p []float32
	if comparable {
		p = make([]float32, reference.vocab)
	}
	t.rows++
	for i, target := range a.targets {
		q := a.logits[i*a.vocab : (i+1)*a.vocab]
		logSum := kernel.LogSumExp(q, 1, scratch)
		t.nats += float64(logSum - q[target])
		t.tokens++
		if comparable {
			kl, agree := divergence(p, reference.logits[i*reference.vocab:(i+1)*reference.vocab], q, logSum)
			t.kl += kl
			t.compared++
			if agree {
				t.agreed++
			}
		}
	}
}

// divergence returns KL(p‖q) in nats, where p and q are the softmax of teacher and student logits, over the tokens that
// both vocabularies have, and whether both put the same token first. scratch has the teacher's length.
//
//	Σ_v p(v)·(log p(v) − log q(v))
func divergence(scratch, teacher, student []float32, studentLogSum float32) (kl float64, agree bool) {
	logSum := kernel.LogSumExp(teacher, 1, scratch)
	kernel.ExpAffine(scratch, teacher, 1, -logSum)
	n := min(len(teacher), len(student))
	best, bestStudent := 0, 0
	for v := range n {
		kl += float64(scratch[v]) * float64((teacher[v]-logSum)-(student[v]-studentLogSum))
		if teacher[v] > teacher[best] {
			best = v
		}
		if student[v] > student[bestStudent] {
			bestStudent = v
		}
	}
	return math.Max(0, kl), best == bestStudent
}

// summarise turns sums into the report's measures.
func (s *subject) summarise() {
	t := &s.tally
	s.EvaluatedPrompts, s.EvaluatedTokens = t.rows, t.tokens
	s.ExactMatch = report.NewRate(t.right, t.judged)
	if s.Role == report.Control {
		return // it learnt another text than these measures are taken on
	}
	if t.tokens > 0 {
		v := math.Exp(t.nats / float64(t.tokens))
		s.Perplexity = &v
	}
	if t.compared > 0 && s.Role != report.Teacher {
		kl, agreed := t.kl/float64(t.compared), float64(t.agreed)/float64(t.compared)
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
		speed, err := MeasureSpeed(ctx, s.path, SpeedOptions{Prefill: 128, Decode: 64, Threads: r.opts.Threads})
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
func (r *Run) writeEval(models []report.Model, answers []answer) error {
	if err := os.MkdirAll(r.path(EvalDir), 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(models, "", "  ")
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
		replaceFile(r.path(EvalDir, answersFile), []byte(lines.String())),
		replaceFile(r.path(EvalDir, modelsFile), append(data, '\n')))
}

// readEval reads what writeEval kept.
func (r *Run) readEval() (models []report.Model, answers []answer, err error) {
	data, err := os.ReadFile(r.path(EvalDir, modelsFile))
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(data, &models); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(EvalDir, modelsFile), err)
	}
	f, err := os.Open(r.path(EvalDir, answersFile))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	for dec := json.NewDecoder(f); dec.More(); {
		var a answer
		if err := dec.Decode(&a); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", filepath.Join(EvalDir, answersFile), err)
		}
		answers = append(answers, a)
	}
	return models, answers, nil
}
