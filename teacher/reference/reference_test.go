package reference_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/reference"
	"github.com/seed-d24fde5f/distill/teacher/teachertest"
)

func TestConformance(t *testing.T) {
	teachertest.Run(t, func(t *testing.T) teacher.Teacher {
		known, err := reference.New("gold", slices.Values([]distill.Prompt{{
			ID: "1", Messages: ask("Once upon a time"),
			Reference: "there was a miller who had three sons, a mill, a donkey and a cat",
			Meta:      json.RawMessage(`{"reasoning": "begin as it begins"}`),
		}}))
		if err != nil {
			t.Fatal(err)
		}
		return known
	})
}

func TestLimitCutsBetweenWords(t *testing.T) {
	prompt := distill.Prompt{ID: "1", Messages: ask("q"), Reference: "a  b c", Meta: json.RawMessage(`{"reasoning": "x\ny "}`)}
	known, err := reference.New("gold", slices.Values([]distill.Prompt{prompt}))
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range []struct{ reasoning, response, finish string }{
		0: {"x\ny ", "a  b c", distill.FinishStop},
		1: {"x", "", distill.FinishLength},
		2: {"x\ny ", "", distill.FinishLength},
		4: {"x\ny ", "a  b", distill.FinishLength},
		5: {"x\ny ", "a  b c", distill.FinishStop},
	} {
		if want.finish == "" {
			continue
		}
		c, err := known.Complete(t.Context(), teacher.Request{Messages: prompt.Messages, Sampling: distill.Sampling{MaxTokens: limit}})
		if err != nil {
			t.Fatal(err)
		}
		if c.Reasoning != want.reasoning || c.Response != want.response || c.FinishReason != want.finish {
			t.Errorf("limit %d: %q, %q, %s, want %+v", limit, c.Reasoning, c.Response, c.FinishReason, want)
		}
	}
}

func ask(question string) []distill.Message {
	return []distill.Message{{Role: distill.RoleUser, Content: question}}
}

func Example() {
	prompts := []distill.Prompt{{
		ID:        "1",
		Messages:  ask("What is 34 plus 58?"),
		Reference: "92",
		Meta:      json.RawMessage(`{"reasoning": "34+58=84+8=92"}`),
	}}
	t, err := reference.New("gold", slices.Values(prompts))
	if err != nil {
		panic(err)
	}
	defer t.Close()
	answer, err := t.Complete(context.Background(), teacher.Request{Messages: prompts[0].Messages})
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.Reasoning, "so", answer.Response)
	// Output: 34+58=84+8=92 so 92
}

func TestErrorsSayWhatToDo(t *testing.T) {
	prompts := []distill.Prompt{{ID: "1", Messages: ask("one"), Reference: "1"}, {ID: "2", Messages: ask("unsolved")}}
	book, err := reference.New("gold", slices.Values(prompts))
	if err != nil {
		t.Fatal(err)
	}
	for name, req := range map[string]teacher.Request{
		"unknown":  {Messages: ask("two")},
		"unsolved": {Messages: ask("unsolved")},
		"signal":   {Messages: ask("one"), Signal: distill.SignalSpec{Kind: distill.TopK, K: 4}},
	} {
		if _, err := book.Complete(t.Context(), req); err == nil || teacher.KindOf(err) != teacher.Permanent {
			t.Errorf("%s: error %v, want a permanent one", name, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := book.Complete(canceled, teacher.Request{Messages: ask("one")}); err == nil {
		t.Error("a canceled call gave no error")
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := book.Complete(t.Context(), teacher.Request{Messages: ask("one")}); teacher.KindOf(err) != teacher.Fatal {
		t.Errorf("after Close: %v, want a fatal error", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, prompts := range map[string][]distill.Prompt{
		"two solutions": {{ID: "1", Messages: ask("q"), Reference: "1"}, {ID: "2", Messages: ask("q"), Reference: "2"}},
		"meta":          {{ID: "1", Messages: ask("q"), Reference: "1", Meta: json.RawMessage(`{"reasoning": 7}`)}},
	} {
		if _, err := reference.New("gold", slices.Values(prompts)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
