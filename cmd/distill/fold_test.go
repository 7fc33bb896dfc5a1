package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"   --flag value  what it is for, in many words\n", "   --flag value  what it is for, in\n                 many words\n"},
		{"a sentence of more than thirty-six letters", "a sentence of more than thirty-six\nletters"},
		{"short\n\n", "short\n\n"},
		{strings.Repeat("x", 40) + " y", strings.Repeat("x", 40) + "\ny"},
	} {
		if got := fold(c.text, 36); got != c.want {
			t.Errorf("%q became\n%s", c.text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`( {0,4}[a-zé]{1,12}( {1,3}[a-z–]{1,9}){0,12}\n){0,4}`).Draw(t, "text")
		width := rapid.IntRange(20, 60).Draw(t, "width")
		folded := fold(text, width)
		if got, want := strings.Fields(folded), strings.Fields(text); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("words changed: %q", folded)
		}
		for line := range strings.Lines(folded) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Fatalf("a line of %d: %q", n, line)
			}
		}
	})
}

func TestGrid(t *testing.T) {
	header, rows := []string{"model", "exact match", "size", "speed"}, [][]string{{"teacher", "99 %", "3 MB", "8427"}, {"Q4_0", "95 %", "226 kB", "80487"}}
	wide := grid(header, rows, 0)
	if strings.Count(wide, "\n") != 2 || wide != grid(header, rows, 200) {
		t.Errorf("without a limit:\n%s", wide)
	}
	narrow := grid(header, rows, 24)
	if strings.Count(narrow, "model") != 2 || strings.Count(narrow, "Q4_0") != 2 {
		t.Errorf("in 24 columns:\n%s", narrow)
	}
	for line := range strings.Lines(narrow) {
		if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 24 {
			t.Errorf("too long: %q", line)
		}
	}
}
