package config

import (
	"strings"
	"testing"
)

// TestRankedLosses: losses without common tokens take what a teacher kept as its likeliest entries, and nothing else.
func TestRankedLosses(t *testing.T) {
	const recipe = "name: a\nteacher: {kind: builtin, model: reasoner}\nprompts: {problems: {count: 10}}\n"
	for _, kind := range []string{"uld", "gold"} {
		sets := []string{"train.loss.kind=" + kind, "teacher.signal.kind=topk"}
		if _, err := Parse("a.yaml", "", []byte(recipe), sets); err != nil {
			t.Error(err)
		}
		for _, wrong := range []string{"teacher.signal.kind=sampled", "teacher.signal.kind=none", "train.loss.dense=true"} {
			if _, err := Parse("a.yaml", "", []byte(recipe), append(sets, wrong)); err == nil || !strings.Contains(err.Error(), "train.loss") {
				t.Errorf("%s with %s: %v", kind, wrong, err)
			}
		}
	}
}
