package recipe

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// closeCall is the difference of logits below which two runtimes may choose differently: they round activations of
// quantized products to 8 bits in different orders, which moves the logits of these small models by about a hundredth.
const closeCall = 0.05

// compareGreedy lets llama.cpp's library and our own runtime continue a prompt on the same file.
func compareGreedy(t *testing.T, oracle, path string) {
	t.Helper()
	talker, err := workbench.OpenTalker(path, 1, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer talker.Close()
	prompt, err := talker.Format.Prompt([]distill.Message{{Role: distill.RoleUser, Content: "Tom has 3 apples and finds 4 more."}}, true)
	if err != nil {
		t.Fatal(err)
	}
	const n = 12
	args := []string{"greedy", path, strconv.Itoa(n)}
	for _, id := range prompt {
		args = append(args, strconv.Itoa(int(id)))
	}
	out, err := exec.Command(oracle, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("llama.cpp does not load %s: %v: %s", path, err, out)
	}
	theirs := strings.Fields(string(out))
	ours, err := talker.Engine.Generate(t.Context(), infer.Request{Prompt: prompt, Sampling: distill.Sampling{MaxTokens: n}})
	if err != nil {
		t.Fatal(err)
	}
	sequence := prompt
	for i, id := range ours.Tokens {
		if i >= len(theirs) {
			break
		}
		other, err := strconv.Atoi(theirs[i])
		if err != nil {
			t.Fatalf("%s: %q", path, out)
		}
		if int(id) != other {
			logits, err := talker.Model.Logits(sequence)
			if err != nil {
				t.Fatal(err)
			}
			last := logits[len(logits)-talker.Model.Config().Vocab:]
			if gap := last[id] - last[other]; gap > closeCall {
				t.Errorf("%s: token %d is %d here and %d in llama.cpp, %.3f apart", path, i, id, other, gap)
			}
			return // after a close call the texts differ
		}
		sequence = append(sequence, id)
	}
}
