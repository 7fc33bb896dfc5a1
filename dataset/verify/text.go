package verify

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/rule"
)

// Exact passes a response that equals the reference once runs of blanks are one and those at the ends are gone. Case and
// punctuation count.
func Exact() Verifier {
	return check{"exact", func(row *distill.Row) (bool, float32, string, error) {
		pass := Match(row.Response, row.Prompt.Reference)
		return pass, scored(pass), "", nil
	}}
}

// Match reports whether two texts are equal in the sense of [Exact].
func Match(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

// Fuzzy passes a response whose [Similarity] to the reference is at least threshold, which is in (0,1]. The score is
// the similarity.
func Fuzzy(threshold float64) (Verifier, error) {
	if !(threshold > 0 && threshold <= 1) {
		return nil, fmt.Errorf("verify: fuzzy threshold of %v: it is above 0 and at most 1", threshold)
	}
	return check{"fuzzy", func(row *distill.Row) (bool, float32, string, error) {
		s := Similarity(row.Response, row.Prompt.Reference)
		return s >= threshold, float32(s), "", nil
	}}, nil
}

// Similarity compares two texts by their words, without case and punctuation: the F1 measure of the words they share,
// counted with repetition, as SQuAD does (arXiv:1606.05250, section 6.1). It is 1 for equal texts, 0 where no word is
// shared, and 1 for two texts without words.
func Similarity(a, b string) float64 {
	words := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	}
	x, y := words(a), words(b)
	if len(x)+len(y) == 0 {
		return 1
	}
	count := make(map[string]int, len(x))
	for _, w := range x {
		count[w]++
	}
	shared := 0
	for _, w := range y {
		if count[w] > 0 {
			count[w]--
			shared++
		}
	}
	return 2 * float64(shared) / float64(len(x)+len(y))
}

// Regex passes a response in which pattern matches somewhere (RE2 syntax; anchor it with ^ and $).
func Regex(pattern string) (Verifier, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	return check{"regex", func(row *distill.Row) (bool, float32, string, error) {
		pass := re.MatchString(row.Response)
		return pass, scored(pass), "", nil
	}}, nil
}

// Expr passes a row for which the expression is true; package rule has the language.
func Expr(expression string) (Verifier, error) {
	r, err := rule.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	return check{"expr", func(row *distill.Row) (bool, float32, string, error) {
		pass, err := r.Match(row)
		return pass, scored(pass), "", err
	}}, nil
}
