package hygiene

import (
	"crypto/sha256"
	"strings"

	"github.com/seed-d24fde5f/distill"
)

// text is what makes two rows the same: what the user asked, and what was answered.
func text(row *distill.Row) string {
	var b strings.Builder
	for _, m := range row.Prompt.Messages {
		if m.Role == distill.RoleUser {
			b.WriteString(m.Content)
			b.WriteByte('\n')
		}
	}
	b.WriteString(row.Reasoning)
	b.WriteByte('\n')
	b.WriteString(row.Response)
	return b.String()
}

// Exact rejects rows whose question, thinking and response equal an earlier row's, but for case, blanks and punctuation.
func Exact() Step {
	seen := make(map[[16]byte]struct{})
	var plain []byte
	return Step{"exact duplicate", func(row *distill.Row) (string, bool) {
		plain = plain[:0]
		for _, w := range words(text(row)) {
			plain = append(append(plain, w...), ' ')
		}
		sum := sha256.Sum256(plain)
		k := [16]byte(sum[:16])
		_, twice := seen[k]
		seen[k] = struct{}{}
		return "same words as an earlier row", twice
	}}
}
