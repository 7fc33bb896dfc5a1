package prompt_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/prompt"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

func read(text string, options prompt.Options) ([]distill.Prompt, error) {
	return prompt.Collect(prompt.Read(strings.NewReader(text), "x.jsonl", options))
}

func TestLines(t *testing.T) {
	user := func(s string) []distill.Message { return []distill.Message{{Role: "user", Content: s}} }
	for name, test := range map[string]struct {
		line    string
		options prompt.Options
		want    distill.Prompt
	}{
		"prompt":   {`{"prompt": "hi", "level": 3}`, prompt.Options{}, distill.Prompt{Messages: user("hi"), Meta: []byte(`{"level":3}`)}},
		"messages": {`{"messages": [{"role":"user","content":"hi"}]}`, prompt.Options{}, distill.Prompt{Messages: user("hi")}},
		"text parts": {`{"messages": [{"role":"user","content":[{"type":"text","text":"h"},{"type":"text","text":"i"}]}]}`,
			prompt.Options{}, distill.Prompt{Messages: user("hi")}},
		"the answer is not asked": {`{"messages": [{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]}`,
			prompt.Options{}, distill.Prompt{Messages: user("hi")}},
		"template": {`{"a": "1", "b": 1.50}`, prompt.Options{Template: "{{.a}} + {{.b}}"},
			distill.Prompt{Messages: user("1 + 1.50"), Meta: []byte(`{"a": "1", "b": 1.50}`)}},
		"system": {`{"prompt": "hi"}`, prompt.Options{System: "be brief"},
			distill.Prompt{Messages: append([]distill.Message{{Role: "system", Content: "be brief"}}, user("hi")...)}},
		"own system": {`{"messages": [{"role":"system","content":"own"},{"role":"user","content":"hi"}]}`, prompt.Options{System: "be brief"},
			distill.Prompt{Messages: append([]distill.Message{{Role: "system", Content: "own"}}, user("hi")...)}},
		"id":        {`{"prompt": "hi", "n": 7}`, prompt.Options{ID: "n"}, distill.Prompt{ID: "7", Messages: user("hi"), Meta: []byte(`{"n":7}`)}},
		"reference": {`{"prompt": "hi", "answer": "a #### 1 #### 72 "}`, prompt.Options{Reference: &prompt.Reference{Field: "answer", After: "####"}}, distill.Prompt{Messages: user("hi"), Reference: "72", Meta: []byte(`{"answer":"a #### 1 #### 72 "}`)}},
		"pattern":   {`{"prompt": "hi", "answer": "x=1, x=2"}`, prompt.Options{Reference: &prompt.Reference{Field: "answer", Pattern: `x=(\d)`}}, distill.Prompt{Messages: user("hi"), Reference: "2", Meta: []byte(`{"answer":"x=1, x=2"}`)}},
		"number":    {`{"prompt": "hi", "answer": 12}`, prompt.Options{Reference: &prompt.Reference{Field: "answer"}}, distill.Prompt{Messages: user("hi"), Reference: "12", Meta: []byte(`{"answer":12}`)}},
		"mark":      {"\uFEFF" + `{"prompt": "hi"}`, prompt.Options{}, distill.Prompt{Messages: user("hi")}},
	} {
		got, err := read(test.line+"\n\n", test.options)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v %v", name, got, err)
			continue
		}
		if test.want.ID == "" {
			test.want.ID = prompt.ID(got[0].Messages)
		}
		test.want.Split = distill.Train
		if diff := cmp.Diff(test.want, got[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	good := `{"prompt": "hi"}` + "\n"
	for line, test := range map[string]struct {
		options prompt.Options
		want    string
	}{
		`{"prompt": `:    {want: "unexpected EOF"},
		`[1]`:            {want: "cannot unmarshal array"},
		`null`:           {want: "not a JSON object"},
		`{} {}`:          {want: "more than one"},
		`{"text": "hi"}`: {want: "neither messages nor prompt"},
		`{"messages": [{"role":"robot","content":"x"}]}`: {want: `role "robot"`},
		`{"messages": [{"role":"user"}]}`:                {want: "content is not text"},
		`{"messages": []}`:                               {want: "no question"},
		`{"messages": 3}`:                                {want: "not a list"},
	} {
		_, err := read(good+line, test.options)
		if err == nil || !strings.Contains(err.Error(), "x.jsonl:2: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	for want, options := range map[string]prompt.Options{
		`no entry for key "q"`:      {Template: "{{.q}}"},
		"empty message":             {Template: " "},
		`no field "answer"`:         {Reference: &prompt.Reference{Field: "answer"}},
		`no "####" in`:              {Reference: &prompt.Reference{Field: "prompt", After: "####"}},
		"nothing in field":          {Reference: &prompt.Reference{Field: "prompt", Pattern: "z"}},
		`no id in field "n"`:        {ID: "n"},
		"between 0 and 1":           {Heldout: 2},
		"missing closing":           {Reference: &prompt.Reference{Field: "a", Pattern: "("}},
		"reference without":         {Reference: &prompt.Reference{}},
		`function "nope" not defin`: {Template: "{{nope}}"},
	} {
		if _, err := read(good, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := prompt.Collect(prompt.File("does/not/exist", prompt.Options{})); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestRepetitionsAndLimit(t *testing.T) {
	text := `{"prompt": "a"}` + "\n" + `{"prompt": "a"}` + "\n" + `{"prompt": "b"}` + "\n" + `{"prompt": "c"}`
	if got, err := read(text, prompt.Options{Limit: 2}); err != nil || len(got) != 2 || got[1].Messages[0].Content != "b" {
		t.Errorf("%v %v", got, err)
	}
	same := `{"id": 1, "prompt": "a"}` + "\n" + `{"id": 1, "prompt": "b"}`
	if _, err := read(same, prompt.Options{ID: "id"}); !errors.Is(err, prompt.ErrDuplicate) {
		t.Errorf("one id for two prompts: %v", err)
	}
	if got, err := prompt.List([]string{"a", "b", "a"}, prompt.Options{}); err != nil || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
	if _, err := prompt.List([]string{"a", ""}, prompt.Options{}); err == nil {
		t.Error("empty prompt accepted")
	}
}

// A prompt keeps its split whatever stands around it, and the share comes out as asked for.
func TestSplitIsStableAndFair(t *testing.T) {
	const n, share = 20000, 0.1
	heldout := 0
	for i := range n {
		id := fmt.Sprint("prompt ", i)
		split := prompt.SplitOf(id, share)
		if split == distill.Heldout {
			heldout++
			if prompt.SplitOf(id, 2*share) != distill.Heldout {
				t.Fatal("a larger share moved a prompt back to training")
			}
		}
	}
	// Five standard deviations of a binomial.
	if diff := math.Abs(float64(heldout) - n*share); diff > 5*math.Sqrt(n*share*(1-share)) {
		t.Errorf("%d of %d held out", heldout, n)
	}
	if prompt.SplitOf("x", 0) != distill.Train || prompt.SplitOf("x", 1) != distill.Heldout {
		t.Error("shares of 0 and 1")
	}
	few, _ := read(`{"prompt": "b"}`, prompt.Options{Heldout: 0.5})
	many, _ := read(`{"prompt": "a"}`+"\n"+`{"prompt": "b"}`, prompt.Options{Heldout: 0.5})
	if few[0].Split != many[1].Split || few[0].ID != many[1].ID {
		t.Error("a prompt before it moved another")
	}
}

func TestGSM8K(t *testing.T) {
	path := fixture.Shared(t, "data", "gsm8k", "train.jsonl")
	prompts, err := prompt.Collect(prompt.File(path, prompt.Options{Template: "{{.question}}",
		Reference: &prompt.Reference{Field: "answer", After: "####"}, Heldout: 0.05}))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for i := 0; lines.Scan(); i++ {
		var want struct{ Question, Answer string }
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if prompts[i].Messages[0].Content != want.Question || !strings.HasSuffix(want.Answer, "#### "+prompts[i].Reference) {
			t.Fatalf("line %d: %+v", i+1, prompts[i])
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"prompt": "hi", "answer": "#### 7"}`, "{{.prompt}}", "answer", "####")
	f.Add(`{"messages": [{"role":"user","content":[{"text":"x"}]}]}`, "", "", "")
	f.Fuzz(func(t *testing.T, text, template, field, after string) {
		if len(template) > 100 { // a template may loop: it is the user's own program
			return
		}
		options := prompt.Options{Heldout: 0.5}
		if !strings.Contains(template, "range") && !strings.Contains(template, "template") && !strings.Contains(template, "printf") {
			options.Template = template
		}
		if field != "" {
			options.Reference = &prompt.Reference{Field: field, After: after}
		}
		for p, err := range prompt.Read(strings.NewReader(text), "f", options) {
			if err != nil {
				return
			}
			if p.ID == "" || p.Split == "" || len(p.Messages) == 0 || (p.Meta != nil && !json.Valid(p.Meta)) {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// GSM8K's lines hold a question and a worked answer that ends with the number after ####.
func Example() {
	lines := `{"question": "Two dozen eggs, five broken. How many are whole?", "answer": "24-5=19\n#### 19"}`
	options := prompt.Options{
		Template:  "{{.question}}",
		Reference: &prompt.Reference{Field: "answer", After: "####"},
		Heldout:   0.1,
	}
	for p, err := range prompt.Read(strings.NewReader(lines), "gsm8k.jsonl", options) {
		fmt.Println(p.Messages[0].Content, p.Reference, p.Split, err)
	}
	// Output: Two dozen eggs, five broken. How many are whole? 19 train <nil>
}
