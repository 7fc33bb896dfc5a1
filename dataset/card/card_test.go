package card_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/card"
)

func full() card.Card {
	return card.Card{Title: `sums: "hard"`, License: "mit", Languages: []string{"en"}, Tags: []string{"math"},
		Prompts: "GSM8K | train", Teacher: "deepseek-reasoner", Sampling: "temperature 0.6", Command: "distill run sums",
		Prices: []card.Price{{Model: "deepseek-reasoner", Input: 0.55, Output: 2.19, Date: "2025-02"}},
		Made:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Summary: "Sums.", Tool: "distill 1",
		Stats: dataset.Stats{Rows: 1200, Train: 1000, Heldout: 200, CostUSD: 1.5, Priced: 1200,
			Verdicts: map[string]dataset.Rate{"number": {Passed: 7, Total: 9}}},
		Steps: []card.Step{{Name: "near duplicate", Removed: 4, Examples: []string{"a", "b"}}}}
}

// The front matter is YAML that says what Hugging Face asks for.
func TestFrontMatter(t *testing.T) {
	_, rest, _ := strings.Cut(full().Markdown("train", "test"), "---\n")
	front, _, ok := strings.Cut(rest, "---\n")
	var got struct {
		Name     string   `yaml:"pretty_name"`
		License  string   `yaml:"license"`
		Language []string `yaml:"language"`
		Tags     []string `yaml:"tags"`
		Size     []string `yaml:"size_categories"`
		Configs  []struct {
			Name string                         `yaml:"config_name"`
			Data []struct{ Split, Path string } `yaml:"data_files"`
		} `yaml:"configs"`
	}
	if err := yaml.Unmarshal([]byte(front), &got); err != nil || !ok {
		t.Fatalf("%v\n%s", err, front)
	}
	if got.Name != `sums: "hard"` || got.License != "mit" || got.Language[0] != "en" || len(got.Tags) != 3 ||
		got.Size[0] != "1K<n<10K" || got.Configs[0].Data[1].Path != "data/test-*" {
		t.Errorf("%+v", got)
	}
}

func TestMarkdownSaysWhatItIsTold(t *testing.T) {
	text := full().Markdown()
	for _, want := range []string{`GSM8K \| train`, "deepseek-reasoner", "$0.55 in, $2.19 out", "$1.5000 for 1200 of 1200 rows",
		"`distill run sums`", "2026-01-02", "| rows | 1200 |", "| pass number | 7 of 9 |", "| near duplicate | 4 | a; b |", "token_logprobs"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(text, "configs:") {
		t.Error("files named where there are none")
	}
	if empty := (card.Card{}).Markdown(); !strings.Contains(empty, "licence | not stated") {
		t.Error("the missing licence is not stated")
	}
}

func Example() {
	text := card.Card{Title: "sums", License: "mit", Stats: dataset.Stats{Rows: 3}}.Markdown("train")
	fmt.Println(text[:strings.Index(text, "## ")])
	// Output:
	// ---
	// pretty_name: "sums"
	// license: "mit"
	// tags:
	//   - "distillation"
	//   - "synthetic"
	// size_categories:
	//   - "n<1K"
	// configs:
	//   - config_name: default
	//     data_files:
	//       - split: train
	//         path: data/train-*
	// ---
	//
	// # sums
}
