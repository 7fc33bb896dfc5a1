package chat

import (
	"testing"

	distill "github.com/seed-d24fde5f/distill"
)

// Whatever a model writes is split without a loss of what is neither tag nor white space at an edge.
func FuzzSplit(f *testing.F) {
	f.Add("<think>\na\n</think>\n\nb")
	f.Add("a</think>b<think>")
	f.Fuzz(func(t *testing.T, text string) {
		reasoning, response := Split(text)
		if len(reasoning)+len(response) > len(text) {
			t.Fatalf("%q became %q and %q", text, reasoning, response)
		}
	})
}

// An answer is read back as it was written.
func TestSplitIsTheInverse(t *testing.T) {
	f := mustNew(t, qwen(t), "")
	for _, c := range []distill.Completion{{Response: "4"}, {Reasoning: "2+2", Response: "4"}, {Reasoning: "a\n\nb <x>", Response: "c\nd"}} {
		if r, s := Split(f.AnswerText(c.Reasoning, c.Response)); r != c.Reasoning || s != c.Response {
			t.Errorf("%q, %q became %q, %q", c.Reasoning, c.Response, r, s)
		}
	}
}
