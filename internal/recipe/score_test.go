package recipe

import (
	"fmt"
	"math"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/server"
	"github.com/seed-d24fde5f/distill/teacher/local"
)

// A server scores as the weights here do: rows, tokens and distributions are the same.
func TestScoreByServer(t *testing.T) {
	weights := fixture.Shared(t, "models", "stories260K-f32.gguf")
	near, err := local.Open(weights, local.Options{Name: "stories", Slots: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	s, err := server.New(server.Options{Models: []server.Model{{Name: "stories", Engine: near.Engine(), Tokenizer: near.Tokenizer(),
		Prompt: near.Format().Prompt, EndTokens: near.Format().Stops(), Context: near.Engine().Model().Context()}}})
	if err != nil {
		t.Fatal(err)
	}
	scorer := httptest.NewServer(s.Handler())
	defer scorer.Close()
	text := judgedRecipe(serveOracle(t).URL, "") + "train: {loss: {kind: forward_kl}}\n"
	scored := func(overrides ...string) map[string]distill.Row {
		run := openRun(t, filepath.Join(t.TempDir(), "run"), text, append([]string{"score.model=" + weights, "score.signal={kind: topk, k: 5}",
			"tokenizer.from=teacher", "select.verify=[]"}, overrides...)...)
		if err := run.Do(t.Context(), "generate", "score"); err != nil {
			t.Fatal(err)
		}
		rows := map[string]distill.Row{}
		for row, err := range run.readRows(run.rowsDir()) {
			if err != nil {
				t.Fatal(err)
			}
			rows[row.ID] = row
		}
		return rows
	}
	here := scored()
	there := scored(fmt.Sprintf("score.by={kind: remote, dialect: distill, model: stories, endpoint: %s/v1}", scorer.URL))
	if len(here) != len(there) || len(here) == 0 {
		t.Fatalf("%d rows scored here, %d there", len(here), len(there))
	}
	for id, a := range here {
		b := there[id]
		if len(a.TokenIDs) == 0 || len(a.TokenIDs) != len(b.TokenIDs) || a.Signal.Len() != b.Signal.Len() {
			t.Fatalf("row %s: %d tokens here, %d there", id, len(a.TokenIDs), len(b.TokenIDs))
		}
		for i := range a.TokenIDs {
			if a.TokenIDs[i] != b.TokenIDs[i] || math.Abs(float64(a.TokenLogprobs[i]-b.TokenLogprobs[i])) > 1e-4 {
				t.Errorf("row %s, token %d: %d (%v) here, %d (%v) there", id, i, a.TokenIDs[i], a.TokenLogprobs[i], b.TokenIDs[i], b.TokenLogprobs[i])
			}
		}
	}
}
