package recipe

import "testing"

func TestEnding(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		" 34+24=58\n\n58 ":     "34+24=58 58",
		"\x1b[2Jgone\a\u202e!": "[2Jgone!",
		"one and twenty apples are left in the two baskets": "…les are left in the two baskets",
	} {
		if got := ending(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
