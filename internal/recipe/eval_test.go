package recipe

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill/internal/report"
)

// TestJournal: what was added is read back, but for a last line that was not written whole.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "below", "lines.jsonl")
	for round := range 3 {
		j, have, err := openJournal[[]int](path)
		if err != nil {
			t.Fatal(err)
		}
		if want := [][]int{{0}, {1, 1}, {2, 2, 2}}[:round]; !cmp.Equal(have, want) && round > 0 {
			t.Errorf("round %d: %v, want %v", round, have, want)
		}
		if err := errors.Join(j.add(slices.Repeat([]int{round}, round+1)), j.close()); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString(`[7, 8`)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestInterruptedEvaluationGoesOn: an evaluation that is stopped among its rows and twice among its answers measures only
// what is missing, and comes to what one measures that was never stopped.
func TestInterruptedEvaluationGoesOn(t *testing.T) {
	r := load(t, bookRecipe, "train.steps=4", "eval.prompts=12", "eval.max_tokens=4")
	whole, cut := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "cut")
	if _, err := carryOut(t, r, whole, "", 0); err != nil {
		t.Fatal(err)
	}
	lines := func(dir, file string) int {
		data, err := os.ReadFile(filepath.Join(dir, evalDir, file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "\n")
	}
	last := 0
	for i, stage := range []string{"eval", "eval: answers", "eval: answers"} {
		if _, err := carryOut(t, r, cut, stage, 5); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("interrupted in %s: %v", stage, err)
		}
		if i == 0 {
			if n := lines(cut, rowsFile); n < 5 || n > 6 {
				t.Errorf("%d rows before the first stop", n)
			}
			continue
		}
		n := lines(cut, answersFile)
		if n < last+5 {
			t.Errorf("%d answers after stop %d, %d before", n, i, last)
		}
		last = n
	}
	if _, err := carryOut(t, r, cut, "", 0); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{answersFile, rowsFile, modelsFile, pairsFile} {
		a, errA := os.ReadFile(filepath.Join(whole, evalDir, file))
		b, errB := os.ReadFile(filepath.Join(cut, evalDir, file))
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("%s differs from that of the evaluation that was not interrupted (%v, %v)", file, errA, errB)
		}
	}
}

// TestSeeds: several students differ, the best of them by held-out loss is the one that is exported, and all are in the
// report with their mean.
func TestSeeds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run, err := carryOut(t, load(t, bookRecipe, "train.seeds=3", "train.steps=6"), dir, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	graduates, err := run.taught()
	if err != nil || len(graduates) != 3 {
		t.Fatalf("%+v: %v", graduates, err)
	}
	best := slices.MinFunc(graduates, func(a, b graduate) int {
		if a.Heldout < b.Heldout {
			return -1
		}
		return 1
	})
	student, err := os.ReadFile(filepath.Join(dir, trainDir, trainedFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range graduates {
		other, err := os.ReadFile(filepath.Join(dir, trainDir, g.File))
		if err != nil || slices.Equal(other, student) != (g.Seed == best.Seed) || g.Exported != (g.Seed == best.Seed) {
			t.Errorf("seed %d, best %d: exported %t (%v)", g.Seed, best.Seed, g.Exported, err)
		}
	}
	rep, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Seeds == nil || len(rep.Seeds.Seeds) != 3 || rep.Seeds.Exported != best.Seed || len(rep.Training.Curve) == 0 {
		t.Fatalf("report: %+v", rep.Seeds)
	}
	for _, m := range rep.Seeds.Measures {
		low, high := slices.Min(m.Values), slices.Max(m.Values)
		if len(m.Values) != 3 || m.Mean < low || m.Mean > high || m.Deviation < (high-low)/2 || m.Deviation > high-low {
			t.Errorf("%+v", m)
		}
		if m.Name == "perplexity" && low == high {
			t.Error("three seeds gave one student")
		}
	}
	var pairs []report.Pair
	data, err := os.ReadFile(filepath.Join(dir, evalDir, pairsFile))
	if err == nil {
		err = json.Unmarshal(data, &pairs)
	}
	if err != nil || len(pairs) == 0 {
		t.Fatalf("%d pairs: %v", len(pairs), err)
	}
}

// TestOwnAnswers: a model that is its own teacher is not away from it on text of its own; another one is.
func TestOwnAnswers(t *testing.T) {
	teacher := bookTeacher(t)
	dir := filepath.Join(t.TempDir(), "run")
	r := load(t, ownRecipe, "teacher.model="+teacher, "train.on_policy.share=0", "train.steps=2", "eval.own_answers=5", "export.formats=[f32, q8_0]",
		"student.from="+teacher, "train.optimizer.lr=1e-12", "train.optimizer.muon_lr=1e-12")
	if _, err := carryOut(t, r, dir, "", 0); err != nil {
		t.Fatal(err)
	}
	rep, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rep.Models {
		switch {
		case m.Role == report.Teacher:
			if m.KLOnOwn != nil {
				t.Error("the teacher was compared with itself")
			}
		case m.KLOnOwn == nil:
			t.Errorf("%s %s was not measured", m.Role, m.Format)
		case m.Format == "Q8_0" && !(*m.KLOnOwn > 1e-7 && *m.KLOnOwn < 0.1):
			t.Errorf("rounding to 8 bits: %v", *m.KLOnOwn)
		case m.Format != "Q8_0" && *m.KLOnOwn > 1e-6:
			t.Errorf("the same weights (%s): %v", m.Role, *m.KLOnOwn)
		}
	}
}
