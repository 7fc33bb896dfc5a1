package selection_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/rule"
	"github.com/seed-d24fde5f/distill/dataset/selection"
)

func answer(prompt string, sample, tokens int, pass bool, score float32) distill.Row {
	return distill.Row{ID: fmt.Sprint(prompt, "/", sample), Sample: int32(sample), Prompt: distill.Prompt{ID: prompt},
		Verdicts:   []distill.Verdict{{Name: "number", Pass: pass, Score: score}},
		Completion: distill.Completion{CompletionTokens: int32(tokens), FinishReason: distill.FinishStop}}
}

func sequence(rows []distill.Row) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func choose(t testing.TB, rows []distill.Row, options selection.Options) (ids []string, report selection.Report) {
	t.Helper()
	choice, err := selection.Choose(sequence(rows), options)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range choice.Rows(sequence(rows)) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, row.ID)
	}
	return ids, choice.Report
}

func TestPolicies(t *testing.T) {
	rows := []distill.Row{ // of prompt a, answer 2 fails
		answer("a", 1, 30, true, 0.5), answer("b", 0, 9, true, 1), answer("a", 0, 50, true, 0.7),
		answer("a", 2, 10, false, 0.9), answer("a", 3, 40, true, 0.7),
	}
	where, err := rule.Compile("completion_tokens != 40")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options selection.Options
		want    []string // in the order of the rows
	}{
		"all":               {selection.Options{}, []string{"a/1", "b/0", "a/0", "a/3"}},
		"first":             {selection.Options{Policy: selection.First}, []string{"b/0", "a/0"}},
		"shortest":          {selection.Options{Policy: selection.Shortest}, []string{"a/1", "b/0"}},
		"longest":           {selection.Options{Policy: selection.Longest}, []string{"b/0", "a/0"}},
		"best, then short":  {selection.Options{Policy: selection.Best}, []string{"b/0", "a/3"}},
		"two shortest":      {selection.Options{Policy: selection.Shortest, PerPrompt: 2}, []string{"a/1", "b/0", "a/3"}},
		"all, two a prompt": {selection.Options{PerPrompt: 2}, []string{"a/1", "b/0", "a/0"}},
		"failing too":       {selection.Options{Policy: selection.Best, KeepFailing: true}, []string{"b/0", "a/2"}},
		"length":            {selection.Options{MaxTokens: 30}, []string{"a/1", "b/0"}},
		"where":             {selection.Options{Where: where}, []string{"a/1", "b/0", "a/0"}},
		"not too hard":      {selection.Options{MinPassRate: 0.8}, []string{"b/0"}},
		"not too easy":      {selection.Options{MaxPassRate: 0.7}, []string{"b/0"}},
		"another verdict":   {selection.Options{Verdicts: []string{"judge"}}, nil},
		"always long":       {selection.Options{Policy: selection.Mix, MixLong: 1}, []string{"b/0", "a/0"}},
		"half long":         {selection.Options{Policy: selection.Mix, MixLong: 0.5, PerPrompt: 2}, []string{"a/1", "b/0", "a/0"}},
	} {
		got, report := choose(t, rows, test.options)
		// "half long" keeps one answer of b for certain: it has no other.
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v where %v was wanted", name, got, test.want)
		}
		dropped := 0
		for _, r := range report.Dropped {
			dropped += r.Rows
		}
		if report.Kept != len(got) || report.Kept+dropped != len(rows) || report.Rows != len(rows) || report.Prompts != 2 {
			t.Errorf("%s: %+v", name, report)
		}
	}
}

func TestUnfinishedIsLeftOut(t *testing.T) {
	cut := answer("a", 0, 5, true, 1)
	cut.FinishReason = distill.FinishLength
	if got, report := choose(t, []distill.Row{cut}, selection.Options{}); len(got) != 0 || report.Dropped[selection.ReasonUnfinished].Examples[0] != "a/0" {
		t.Errorf("%v %+v", got, report)
	}
	if got, _ := choose(t, []distill.Row{cut}, selection.Options{KeepUnfinished: true}); len(got) != 1 {
		t.Error(got)
	}
}

func TestMixKeepsItsShare(t *testing.T) {
	var rows []distill.Row
	const n = 3000
	for i := range n {
		p := fmt.Sprint("p", i)
		rows = append(rows, answer(p, 0, 10, true, 1), answer(p, 1, 500, true, 1), answer(p, 2, 90, true, 1))
	}
	got, _ := choose(t, rows, selection.Options{Policy: selection.Mix})
	long := 0
	for _, id := range got {
		if id[len(id)-1] == '1' {
			long++
		}
		if id[len(id)-1] == '2' {
			t.Fatal("neither the shortest nor the longest")
		}
	}
	if len(got) != n || long < n/5-110 || long > n/5+110 { // five standard deviations of a binomial
		t.Errorf("%d of %d are long", long, len(got))
	}
}

// Whatever is asked for: nothing failing, nothing beyond the limits, at most so many a prompt, and the order of the rows
// does not matter.
func TestChoiceKeepsItsPromises(t *testing.T) {
	policies := []selection.Policy{selection.All, selection.First, selection.Shortest, selection.Longest, selection.Best, selection.Mix}
	rapid.Check(t, func(t *rapid.T) {
		var rows []distill.Row
		for i := range rapid.IntRange(0, 40).Draw(t, "rows") {
			rows = append(rows, answer(fmt.Sprint("p", rapid.IntRange(0, 6).Draw(t, "prompt")), i, rapid.IntRange(1, 9).Draw(t, "tokens"),
				rapid.Bool().Draw(t, "pass"), rapid.Float32Range(0, 1).Draw(t, "score")))
		}
		o := selection.Options{Policy: rapid.SampledFrom(policies).Draw(t, "policy"), PerPrompt: rapid.IntRange(0, 3).Draw(t, "m"),
			MaxTokens: rapid.IntRange(0, 9).Draw(t, "max")}
		read := func(rows []distill.Row) []string {
			choice, err := selection.Choose(sequence(rows), o)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			perPrompt := make(map[string]int)
			for row := range choice.Rows(sequence(rows)) {
				ids = append(ids, row.ID)
				perPrompt[row.Prompt.ID]++
				if !row.Verdicts[0].Pass || o.MaxTokens > 0 && int(row.CompletionTokens) > o.MaxTokens {
					t.Fatalf("kept %+v", row)
				}
			}
			for id, n := range perPrompt {
				limit := max(o.PerPrompt, 1)
				if n > limit && (o.PerPrompt > 0 || o.Policy != selection.All) {
					t.Fatalf("%d answers of prompt %s", n, id)
				}
			}
			slices.Sort(ids)
			return ids
		}
		before := read(rows)
		for i := len(rows) - 1; i > 0; i-- {
			j := rapid.IntRange(0, i).Draw(t, "swap")
			rows[i], rows[j] = rows[j], rows[i]
		}
		if after := read(rows); !slices.Equal(before, after) {
			t.Fatalf("%v, in another order %v", before, after)
		}
	})
}

func TestPassRate(t *testing.T) {
	rows := []distill.Row{answer("a", 0, 1, true, 1), answer("a", 1, 1, false, 0), answer("b", 0, 1, true, 1)}
	choice, err := selection.Choose(sequence(rows), selection.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if choice.Report.PassRates[5] != 1 {
		t.Errorf("%v", choice.Report.PassRates)
	}
}

func TestErrors(t *testing.T) {
	wrong := errors.New("wrong")
	failing := func(yield func(distill.Row, error) bool) { yield(distill.Row{}, wrong) }
	if _, err := selection.Choose(failing, selection.Options{}); !errors.Is(err, wrong) {
		t.Error(err)
	}
	for _, o := range []selection.Options{{Policy: "x"}, {PerPrompt: -1}, {MinPassRate: 2}, {MixLong: -1}} {
		if _, err := selection.Choose(sequence(nil), o); err == nil {
			t.Errorf("%+v accepted", o)
		}
	}
}

// Two right answers and a wrong one: the shorter right one is learnt.
func Example() {
	rows := sequence([]distill.Row{answer("eggs", 0, 240, true, 1), answer("eggs", 1, 35, true, 1), answer("eggs", 2, 12, false, 0)})
	choice, err := selection.Choose(rows, selection.Options{Policy: selection.Shortest})
	if err != nil {
		fmt.Println(err)
		return
	}
	for row := range choice.Rows(rows) {
		fmt.Println(row.ID, row.CompletionTokens)
	}
	fmt.Println("left out:", choice.Report.Dropped[selection.ReasonFailing].Rows, "failing,", choice.Report.Dropped[selection.ReasonPolicy].Rows, "by policy")
	// Output:
	// eggs/1 35
	// left out: 1 failing, 1 by policy
}
