package recipe

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

// TestSignalBytes holds what real models' signals take on disk to 40 bytes a token: its id, its log-probability and twelve
// draws from the distribution it came from.
func TestSignalBytes(t *testing.T) {
	stories := func(t *testing.T) string {
		return fmt.Sprintf("teacher: {kind: local, model: %s, samples: 24, signal: {kind: sampled, k: 12}, sampling: {max_tokens: 200}}\n"+
			"prompts: {format: raw, heldout: 0, list: [Once upon a time, One day a girl, The dog, Lily and Tom]}\n",
			fixture.Shared(t, "models", "stories260K-f32.gguf"))
	}
	for name, source := range map[string]func(*testing.T) string{
		"stories at temperature 1": stories,
		"the reasoner at temperature 1": func(*testing.T) string {
			return "teacher: {kind: builtin, model: reasoner, signal: {kind: sampled, k: 12}}\nprompts: {problems: {count: 80}}\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := openRun(t, t.TempDir(), "name: signal\n"+source(t))
			if err := run.Do(t.Context(), "generate"); err != nil {
				t.Fatal(err)
			}
			var tokens, entries int
			size := func(strip bool) int64 {
				dir := filepath.Join(t.TempDir(), "rows")
				_, err := dataset.Write(dir, dataset.Options{Origin: dataset.Origin{Signal: distill.Sampled}}, func(yield func(distill.Row, error) bool) {
					for row, err := range run.readRows(run.path(DataDir)) {
						if strip {
							row.TokenIDs, row.TokenLogprobs, row.Signal = nil, nil, nil
						} else {
							tokens, entries = tokens+len(row.TokenIDs), entries+len(row.Signal.IDs)
						}
						if !yield(row, err) {
							return
						}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				return folderBytes(dir)
			}
			all := size(false)
			perToken := float64(all-size(true)) / float64(tokens)
			t.Logf("%d tokens, %.1f distinct draws each: %.1f bytes a token", tokens, float64(entries)/float64(tokens), perToken)
			if perToken > 40 {
				t.Errorf("%.1f bytes a token", perToken)
			}
		})
	}
}
