package hygiene

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/seed-d24fde5f/distill"
)

// NotEmpty rejects rows without a response.
func NotEmpty() Step {
	return Step{"empty", func(row *distill.Row) (string, bool) {
		return "no response", strings.TrimSpace(row.Response) == ""
	}}
}

// Scripts rejects responses in which fewer than share of the letters belong to one of the Unicode scripts, named as in
// [unicode.Scripts]: "Latin", "Han", "Cyrillic". A response without letters passes.
func Scripts(share float64, scripts ...string) (Step, error) {
	var tables []*unicode.RangeTable
	for _, name := range scripts {
		table, ok := unicode.Scripts[name]
		if !ok {
			return Step{}, fmt.Errorf("hygiene: unknown script %q", name)
		}
		tables = append(tables, table)
	}
	if len(tables) == 0 || !(share > 0 && share <= 1) {
		return Step{}, fmt.Errorf("hygiene: a share of %v of %d scripts", share, len(tables))
	}
	return Step{"script", func(row *distill.Row) (string, bool) {
		letters, in := 0, 0
		for _, r := range row.Response {
			if unicode.IsLetter(r) {
				letters++
				if unicode.In(r, tables...) {
					in++
				}
			}
		}
		return fmt.Sprintf("%d of %d letters in %s", in, letters, strings.Join(scripts, ", ")), float64(in) < share*float64(letters)
	}}, nil
}

// repeatSpan is the number of words that count as one repeated passage.
const repeatSpan = 6

// Repetition rejects answers, thinking included, in which more than share of the passages of six words occurred before
// in the same answer: loops, which small students imitate gladly. 0.3 leaves ordinary prose and worked problems alone.
// Answers under 24 words pass.
func Repetition(share float64) Step {
	return Step{"repetition", func(row *distill.Row) (string, bool) {
		repeated := repeatedShare(row.Reasoning + "\n" + row.Response)
		return fmt.Sprintf("%.0f %% repeats itself", 100*repeated), repeated > share
	}}
}

func repeatedShare(text string) float64 {
	hashes := shingles(words(text), repeatSpan)
	if len(hashes) < 4*repeatSpan-repeatSpan+1 {
		return 0
	}
	seen := make(map[uint64]struct{}, len(hashes))
	for _, h := range hashes {
		seen[h] = struct{}{}
	}
	return 1 - float64(len(seen))/float64(len(hashes))
}
