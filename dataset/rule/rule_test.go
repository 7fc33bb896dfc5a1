package rule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/rule"
)

func row() *distill.Row {
	cost := 0.25
	return &distill.Row{ID: "r", Sample: 2, CreatedAt: time.Unix(0, 0),
		Prompt: distill.Prompt{ID: "p", Split: distill.Heldout, Reference: "42", Meta: []byte(`{"level": 3, "tags": ["a"]}`),
			Messages: []distill.Message{{Role: "system", Content: "s"}, {Role: "user", Content: "ask"}}},
		Verdicts: []distill.Verdict{{Name: "number", Pass: true, Score: 0.5}},
		Completion: distill.Completion{Response: "the answer is 42", Reasoning: "hm", CompletionTokens: 7, CostUSD: &cost,
			FinishReason: "stop", Latency: 1500 * time.Millisecond}}
}

func TestMatch(t *testing.T) {
	for source, want := range map[string]bool{
		`response contains reference`:               true,
		`completion_tokens < 7`:                     false,
		`verdicts["number"] && !verdicts["absent"]`: true,
		`scores["number"] >= 0.5`:                   true,
		`meta.level == 3 && "a" in meta.tags`:       true,
		`prompt == "ask" && len(messages) == 2`:     true,
		`split == "heldout" and sample == 2`:        true,
		`messages[0].Role == "system"`:              true,
		`cost_usd > 0.2 && latency_ms == 1500`:      true,
		`finish_reason != "stop"`:                   false,
		`response matches "answer is [0-9]+$"`:      true,
	} {
		r, err := rule.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := r.Match(row()); err != nil || got != want {
			t.Errorf("%s: %v, %v", source, got, err)
		}
	}
}

func TestCompileShowsThePlace(t *testing.T) {
	for source, want := range map[string]string{
		`respnse == ""`:     "respnse",
		`completion_tokens`: "bool",
		`response >`:        "response >",
	} {
		if _, err := rule.Compile(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestMatchFailsPlainly(t *testing.T) {
	r, err := rule.Compile(`meta.level > 2`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Match(&distill.Row{ID: "x"}); err == nil || !strings.Contains(err.Error(), "row x") {
		t.Errorf("comparison with nothing: %v", err)
	}
	if _, err := r.Match(&distill.Row{ID: "x", Prompt: distill.Prompt{Meta: []byte("[")}}); err == nil {
		t.Error("broken meta accepted")
	}
}

func Example() {
	short, err := rule.Compile(`completion_tokens < 200 && response contains reference`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(short.Match(row()))
	// Output: true <nil>
}
