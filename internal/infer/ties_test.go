package infer

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/model"
)

// Q4_1 and Q5_1 multiply a block's minimum with the sum of its activations, which llama.cpp keeps as float16, made from a
// scale that is not rounded yet; ours is exact for the rounded scale that the products have. From the second layer on the
// last bits of a sum decide what activations are rounded to, there as here, and llama.cpp's own builds for AVX2 and for
// AVX-512 part in the middle of a text. So along a text that llama.cpp wrote each token is our choice too, or one whose
// lead over ours is within llama.cpp's own distance from the exact product of the same weights.
func TestOffsetTypesDifferOnTiesAlone(t *testing.T) {
	oracle := fixture.Oracle(t)
	source := fixture.Shared(t, "models", "stories260K-f32.gguf")
	for name, ftype := range map[string]string{"Q4_1": "3", "Q5_1": "9"} {
		path := filepath.Join(t.TempDir(), name+".gguf")
		ask(t, oracle, "quantize", source, path, ftype, "0")
		want := parse(t, ask(t, oracle, append([]string{"greedy", path, "110"}, numbers(storiesPrompt)...)...))
		ids := append(slices.Clone(storiesPrompt), want[:len(want)-1]...)
		ours, err := open(t, path, Options{}).Logits(ids)
		if err != nil {
			t.Fatal(err)
		}
		weights, err := model.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer weights.Close()
		theirs, exact := oracleLogits(t, oracle, path, ids), twin(t, weights, ids)
		ties, vocab := 0, len(ours)/len(ids)
		for i, token := range want {
			at := (len(storiesPrompt) - 1 + i) * vocab
			row := ours[at : at+vocab]
			choice := slices.Index(row, slices.Max(row))
			if choice == int(token) {
				continue
			}
			ties++
			var distance float64
			for j := range row {
				distance = max(distance, math.Abs(float64(theirs[at+j]-exact[at+j])))
			}
			if lead := float64(theirs[at+int(token)] - theirs[at+choice]); lead > 2*distance {
				t.Errorf("%s, token %d: %d, llama.cpp's %d leads by %.3g and is within %.3g of the exact product", name, i, choice, token, lead, distance)
			}
		}
		if ties > len(want)/10 {
			t.Errorf("%s: %d of %d tokens differ", name, ties, len(want))
		}
	}
}
