package verify_test

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/prompt"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

func row(response, reference string) *distill.Row {
	return &distill.Row{ID: "r", Prompt: distill.Prompt{Reference: reference, Messages: []distill.Message{{Role: "user", Content: "ask"}}},
		Completion: distill.Completion{Response: response}}
}

func TestFinalNumber(t *testing.T) {
	for text, want := range map[string]string{
		"72":                                     "72",
		"so 48 + 24 = 72.":                       "72",
		"#### 72":                                "72",
		"#### 1,234,567":                         "1234567",
		"$1,234.50":                              "2469/2",
		"The answer is 5. I checked it 3 times.": "5",
		"The answer is five, or 5":               "5",
		"The answer is clear.\nIt is 7":          "7",
		`\boxed{-3}`:                             "-3",
		`\boxed{1/2} of 8`:                       "1/2",
		"10-3":                                   "3",
		"10 - 3":                                 "3",
		"it is -3":                               "-3",
		"it is \u22123":                          "-3",
		"$-5":                                    "-5",
		"-$5":                                    "-5",
		"x = .5":                                 "1/2",
		"1, 2, 3":                                "3",
		"3 / 4":                                  "3/4",
		"1.5e3 grams":                            "1500",
		"7/0":                                    "", // no number, and no panic
		"none":                                   "",
		"":                                       "",
		"answer: 12 apples and 4 pears":          "12",
		"20%":                                    "20",
		"\u0130\u0130 answer is 9 after 1":       "1", // lower case is longer than the text: only the last number counts
		"#### 4\nWait. #### 5":                   "5",
		"**Answer:** $18$":                       "18",
		strings.Repeat("9", 300) + " is not " + "1": "1",
	} {
		got, ok := verify.FinalNumber(text)
		if ok != (want != "") || ok && got.RatString() != want {
			t.Errorf("%q: %v, %v where %q was wanted", text, got, ok, want)
		}
	}
}

// However a number is written, it is read back.
func TestFinalNumberReadsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-1e12, 1e12).Draw(t, "n")
		text := fmt.Sprint(n)
		if rapid.Bool().Draw(t, "commas") {
			digits := strings.TrimPrefix(text, "-")
			for i := len(digits) - 3; i > 0; i -= 3 {
				digits = digits[:i] + "," + digits[i:]
			}
			text = strings.Repeat("-", len(text)-len(strings.TrimPrefix(text, "-"))) + digits
		}
		text = fmt.Sprintf(rapid.SampledFrom([]string{"%s", "so it is %s.", "6 pears, then #### %s", "(%s)", "= %s kg", "**%s**"}).Draw(t, "around"), text)
		got, ok := verify.FinalNumber(text)
		if !ok || got.Cmp(new(big.Rat).SetInt64(n)) != 0 {
			t.Fatalf("%q: %v", text, got)
		}
	})
}

// Every worked answer of GSM8K passes against its own reference, and no other problem's does by accident of parsing.
func TestNumberOnGSM8K(t *testing.T) {
	path := fixture.Shared(t, "data", "gsm8k", "train.jsonl")
	n := 0
	for p, err := range prompt.File(path, prompt.Options{Template: "{{.answer}}", Reference: &prompt.Reference{Field: "answer", After: "####"}}) {
		if err != nil {
			t.Fatal(err)
		}
		r := row(p.Messages[0].Content, p.Reference)
		if verdict, err := verify.Number().Verify(t.Context(), r); err != nil || !verdict.Pass {
			t.Fatalf("%q: %+v %v", r.Response, verdict, err)
		}
		n++
	}
	if n == 0 {
		t.Fatal("no problems")
	}
}

func must(t *testing.T) func(verify.Verifier, error) verify.Verifier {
	return func(v verify.Verifier, err error) verify.Verifier {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestVerifiers(t *testing.T) {
	must := must(t)
	schema := `{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}`
	for name, test := range map[string]struct {
		verifier            verify.Verifier
		response, reference string
		pass                bool
		score               float32
	}{
		"number":            {verify.Number(), "I get 72.0", "72", true, 1},
		"number differs":    {verify.Number(), "I get 7.5", "72", false, 0},
		"no number":         {verify.Number(), "none", "72", false, 0},
		"no reference":      {verify.Number(), "72", "", false, 0},
		"exact":             {verify.Exact(), " a\n b ", "a b", true, 1},
		"exact differs":     {verify.Exact(), "A b", "a b", false, 0},
		"fuzzy":             {must(verify.Fuzzy(0.8)), "The cat, it sat.", "the cat it sat", true, 1},
		"fuzzy differs":     {must(verify.Fuzzy(0.8)), "one two three four", "one two five six", false, 0.5},
		"regex":             {must(verify.Regex(`^\d+$`)), "12", "", true, 1},
		"regex differs":     {must(verify.Regex(`^\d+$`)), "12a", "", false, 0},
		"json":              {must(verify.JSON("")), `{"n": 1}`, "", true, 1},
		"json, fenced":      {must(verify.JSON(schema)), "Here:\n```json\n{\"n\": 1}\n```\n", "", true, 1},
		"json, one line":    {must(verify.JSON(schema)), "```{\"n\": 1}```", "", true, 1},
		"json, wrong type":  {must(verify.JSON(schema)), `{"n": "1"}`, "", false, 0},
		"json, two values":  {must(verify.JSON("")), `{} {}`, "", false, 0},
		"json, not at all":  {must(verify.JSON("")), `n: 1`, "", false, 0},
		"expr":              {must(verify.Expr(`len(response) < 3`)), "ab", "", true, 1},
		"expr, not so":      {must(verify.Expr(`response == reference`)), "a", "b", false, 0},
		"json, open fence":  {must(verify.JSON("")), "```", "", false, 0},
		"fuzzy, both empty": {must(verify.Fuzzy(1)), "", "", true, 1},
	} {
		v, err := test.verifier.Verify(t.Context(), row(test.response, test.reference))
		if err != nil || v.Pass != test.pass || v.Score != test.score {
			t.Errorf("%s: %+v %v", name, v, err)
		}
	}
	for name, err := range map[string]error{
		"threshold": second(verify.Fuzzy(0)), "pattern": second(verify.Regex("(")), "expression": second(verify.Expr("1 +")),
		"schema syntax": second(verify.JSON("{")), "schema": second(verify.JSON(`{"type": 3}`)),
		"schema elsewhere": second(verify.JSON(`{"$ref": "https://example.com/x.json"}`)),
		"scale":            second(verify.NewRubric(verify.RubricOptions{Min: 5, Max: 1})),
		"judge template":   second(verify.NewRubric(verify.RubricOptions{Template: "{{"})),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAllFilesVerdicts(t *testing.T) {
	r := row("72", "72")
	checks := []verify.Verifier{verify.Number(), verify.Exact()}
	for range 2 { // the second time in place
		if err := verify.All(t.Context(), checks, r); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.Verdicts) != 2 || !verify.Passed(r) || !verify.Passed(r, "number", "exact") || verify.Passed(r, "judge") {
		t.Errorf("%+v", r.Verdicts)
	}
	r.Response = "72.0"
	if err := verify.All(t.Context(), checks, r); err != nil || verify.Passed(r) || !verify.Passed(r, "number") {
		t.Errorf("%+v %v", r.Verdicts, err)
	}
}

func TestRubric(t *testing.T) {
	rubric, err := verify.NewRubric(verify.RubricOptions{})
	if err != nil {
		t.Fatal(err)
	}
	question, err := rubric.Question(row("seventy", "72"))
	if err != nil || !strings.Contains(question, "ask") || !strings.Contains(question, "seventy") || !strings.Contains(question, "72") {
		t.Errorf("the question lacks something: %s %v", question, err)
	}
	for reply, want := range map[string]distill.Verdict{
		`{"reason": "good", "score": 8}`:                                {Pass: true, Score: 8, Detail: "good"},
		"I think {so}.\n```json\n{\"reason\":\"bad\",\"score\":3}\n```": {Score: 3, Detail: "bad"},
	} {
		if v, err := rubric.Verdict(reply); err != nil || v != want {
			t.Errorf("%s: %+v %v", reply, v, err)
		}
	}
	for _, reply := range []string{"good", `{"score": 11}`, `{"score": "8"}`, `{`} {
		if _, err := rubric.Verdict(reply); err == nil {
			t.Errorf("%s: accepted", reply)
		}
	}
}

func FuzzFinalNumber(f *testing.F) {
	f.Add("#### 1,234.5/3")
	f.Add("\u2212$.5e-99")
	f.Fuzz(func(t *testing.T, text string) {
		if value, ok := verify.FinalNumber(text); ok && value == nil {
			t.Fatal("nil number")
		}
	})
}

func Example() {
	r := &distill.Row{
		Prompt:     distill.Prompt{Reference: "72"},
		Completion: distill.Completion{Response: "Half of 48 is 24, and 48 + 24 = 72 clips."},
	}
	if err := verify.All(context.Background(), []verify.Verifier{verify.Number()}, r); err != nil {
		fmt.Println(err)
	}
	fmt.Println(r.Verdicts[0].Name, r.Verdicts[0].Pass, verify.Passed(r))
	// Output: number true true
}
