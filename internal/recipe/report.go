package recipe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/train/metric"
)

// curvePoints is the number of points a curve is shown with.
const curvePoints = 400

func reportInputs(r *Run) (any, error) { return []any{r.Recipe.Report, r.Recipe.Eval.Gates}, nil }

// writeReport gathers what the stages measured. The run ends with ErrGate when a gate of the recipe does not hold.
func writeReport(_ context.Context, r *Run, st *stageState) (string, error) {
	rep := &report.Report{
		Name: r.Recipe.Name, Created: time.Now().UTC(), Program: r.opts.Program, Seed: r.Recipe.Seed, Machine: r.opts.Machine,
		Commands: r.opts.Again,
	}
	for _, s := range r.Stages() {
		if s.Name != "report" {
			rep.Stages = append(rep.Stages, s)
		}
	}
	text, err := os.ReadFile(r.path(recipeFile))
	if err != nil {
		return "", err
	}
	rep.Recipe = string(text)
	models, answers, err := r.readEval()
	if err != nil {
		return "", err
	}
	rep.Models, rep.Samples = models, r.samples(answers)
	if rep.Pairs, err = r.readPairs(); err != nil {
		return "", err
	}
	if rep.Seeds, err = r.describeSeeds(models); err != nil {
		return "", err
	}
	if rep.Dataset, err = r.describeData(); err != nil {
		return "", err
	}
	if rep.Training, err = r.describeTraining(); err != nil {
		return "", err
	}
	rep.Verdict = report.Judge(models, r.gates(models))
	elsewhere, err := measuredElsewhere(r.Dir, models)
	if err != nil {
		return "", err
	}
	rep.Models = append(rep.Models, elsewhere...)
	if err := report.Write(r.Dir, rep); err != nil {
		return "", err
	}
	st.Note = rep.Verdict.Sentence
	return digest(rep.Verdict), nil
}

// GateError returns ErrGate when a gate of the finished run failed.
func (r *Run) GateError() error {
	rep := r.Report()
	if rep == nil {
		return nil
	}
	var errs []error
	for _, g := range rep.Verdict.Gates {
		if !g.Pass {
			errs = append(errs, fmt.Errorf("%w: %s: %s", ErrGate, g.Name, g.Detail))
		}
	}
	return errors.Join(errs...)
}

// describeData counts what the student learnt from.
func (r *Run) describeData() (report.Dataset, error) {
	prompts, err := r.preparePrompts()
	if err != nil {
		return report.Dataset{}, err
	}
	rows, chosen, err := r.selectRows()
	if err != nil {
		return report.Dataset{}, err
	}
	var lengths []int32
	var spent spending
	s, err := dataset.StatsOf(func(yield func(distill.Row, error) bool) {
		for row, err := range rows {
			lengths = append(lengths, row.CompletionTokens)
			spent.add(&row)
			if !yield(row, err) {
				return
			}
		}
	})
	if err != nil {
		return report.Dataset{}, err
	}
	slices.Sort(lengths)
	d := report.Dataset{
		Teacher: filepath.Base(r.Recipe.Teacher.Model), Signal: r.Recipe.Teacher.Signal.Kind, Prompts: prompts.Count, Heldout: prompts.Heldout,
		Rows: chosen.rows, Kept: chosen.kept, Dropped: chosen.dropped, PassRate: report.NewRate(chosen.passed, chosen.judged),
		PromptTokens: s.PromptTokens, CompletionTokens: s.CompletionTokens, ReasoningTokens: s.ReasoningTokens,
		LengthHistogram: histogram(lengths), Bytes: folderBytes(r.rowsDir()), Spent: spent.overTime(),
	}
	if r.Recipe.Teacher.Model == "" {
		d.Teacher = r.Recipe.Teacher.Kind
	}
	if s.Priced > 0 {
		d.CostUSD = &s.CostUSD
	}
	return d, nil
}

// histogram counts sorted lengths in at most twenty bins of one round width.
func histogram(lengths []int32) []report.Bin {
	if len(lengths) == 0 || lengths[len(lengths)-1] == 0 {
		return nil
	}
	width := roundUp(float64(lengths[len(lengths)-1]+1) / 20)
	var bins []report.Bin
	for _, n := range lengths {
		i := int(float64(n) / width)
		for len(bins) <= i {
			from := float64(len(bins)) * width
			bins = append(bins, report.Bin{From: from, To: from + width})
		}
		bins[i].Count++
	}
	return bins
}

// roundUp returns the least of 1, 2 and 5 times a power of ten that is not below x.
func roundUp(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(x, 1))))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x {
			return m * power
		}
	}
	return 10 * power
}

func folderBytes(dir string) int64 {
	var total int64
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	return total
}

// describeTraining reads the curve that training left.
func (r *Run) describeTraining() (report.Training, error) {
	t := report.Training{Optimizer: r.Recipe.Train.Optimizer.Kind, Precision: plan.Precision(&r.Recipe.Train), Loss: r.Recipe.Train.Loss.Kind, Start: r.readStart()}
	lines, err := metric.Read(r.path(trainDir, r.curveDir(), metricsFile))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(lines) == 0 {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	last := lines[len(lines)-1]
	t.Steps, t.Tokens = int(last["step"]), int64(last["tokens"])
	t.FirstLoss, t.FinalLoss = lines[0]["loss"], last["loss"]
	var seconds, tokens float64
	best := math.Inf(1)
	for i, line := range lines {
		if line["skipped"] > 0 {
			t.SkippedStep++
		}
		if v, ok := line["heldout_loss"]; ok && v < best {
			best, t.BestStep = v, int(line["step"])
		}
		if i > 0 && line["tokens_per_s"] > 0 {
			tokens += line["tokens"] - lines[i-1]["tokens"]
			seconds += (line["tokens"] - lines[i-1]["tokens"]) / line["tokens_per_s"]
		}
	}
	if seconds > 0 {
		t.TokensPerS = tokens / seconds
	}
	t.Curve = curve(lines)
	return t, nil
}

// curve thins the lines out to the points that are shown; lines with a held-out loss all stay.
func curve(lines []map[string]float64) []report.Point {
	every := max(1, len(lines)/curvePoints)
	var points []report.Point
	for i, line := range lines {
		heldout, ok := line["heldout_loss"]
		if i%every != 0 && !ok && i != len(lines)-1 {
			continue
		}
		p := report.Point{Step: int(line["step"]), Tokens: int64(line["tokens"]), Loss: line["loss"], LearningRate: line["learning_rate"],
			GradNorm: line["grad_norm"], TokensPerS: line["tokens_per_s"]}
		if ok && !math.IsNaN(heldout) {
			p.HeldoutLoss = &heldout
		}
		if d := line["divergence"]; d > 0 {
			p.Divergence = &d
		}
		if !math.IsNaN(p.Loss) && !math.IsNaN(p.GradNorm) {
			points = append(points, p)
		}
	}
	return points
}

// samples puts teacher and student side by side: where the student is right, wrong, and least certain.
func (r *Run) samples(answers []answer) []report.Sample {
	byPrompt := map[string]answer{}
	var students []answer
	for _, a := range answers {
		switch a.Role {
		case report.Teacher:
			byPrompt[a.PromptID] = a
		case report.Student:
			students = append(students, a)
		}
	}
	most := r.Recipe.Report.Samples
	var chosen []report.Sample
	taken := map[string]bool{}
	take := func(kind report.SampleKind, n int, fits func(answer) bool) {
		for _, a := range students {
			if n == 0 || len(chosen) == most {
				return
			}
			if taken[a.PromptID] || !fits(a) {
				continue
			}
			taken[a.PromptID] = true
			chosen = append(chosen, sampleOf(kind, a, byPrompt[a.PromptID]))
			n--
		}
	}
	third := (most + 2) / 3
	take(report.SampleRight, third, func(a answer) bool { return a.Right != nil && *a.Right })
	take(report.SampleWrong, third, func(a answer) bool { return a.Right != nil && !*a.Right })
	slices.SortStableFunc(students, func(a, b answer) int {
		return map[bool]int{true: -1}[a.MeanNats > b.MeanNats] + map[bool]int{true: 1}[a.MeanNats < b.MeanNats]
	})
	take(report.SampleUncertain, third, func(a answer) bool { return a.Right != nil })
	take(report.SampleAny, most, func(a answer) bool { return a.Right == nil })
	return chosen
}

func sampleOf(kind report.SampleKind, student, teacher answer) report.Sample {
	nats := student.MeanNats
	return report.Sample{Kind: kind, Prompt: student.Prompt, Reference: student.Reference, Teacher: whole(teacher), Student: whole(student),
		TeacherRight: teacher.Right, StudentRight: student.Right, MeanNats: &nats}
}

// whole shows an answer with its thinking.
func whole(a answer) string {
	if a.Reasoning == "" {
		return a.Response
	}
	return a.Reasoning + "\n\n" + a.Response
}
