package grow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/grow"
	"github.com/seed-d24fde5f/distill/dataset/prompt"
)

// asker replies in turn with what it is given, for ever.
type asker struct {
	replies []string
	asked   []string
	err     error
}

func (a *asker) Ask(_ context.Context, number int, questions [][]distill.Message) (replies []string, err error) {
	if number != len(a.asked) {
		return nil, fmt.Errorf("round begins with question %d after %d", number, len(a.asked))
	}
	for _, q := range questions {
		a.asked = append(a.asked, q[0].Content)
		replies = append(replies, a.replies[(len(a.asked)-1)%len(a.replies)])
	}
	return replies, a.err
}

func seeds(t testing.TB) []distill.Prompt {
	t.Helper()
	p, err := prompt.List([]string{"Name three rivers of Europe.", "How many eggs are in two dozen?"}, prompt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestInventKeepsWhatIsNew(t *testing.T) {
	a := &asker{replies: []string{
		"<think>hm</think>Sure:\n1. Name three rivers of Europe.\n2. Which metal melts at 1064 degrees?\n\n3) I'm sorry, but I can't help with that.\n",
		"1. which metal melts at 1064 degrees\n2. Write a haiku about rain.\n3. Sort these: 3, 1, 2.",
	}}
	got, err := prompt.Collect(grow.Invent(t.Context(), a, seeds(t), grow.Options{Count: 2, Heldout: 1, System: "be brief"}))
	if err != nil || len(got) != 2 {
		t.Fatalf("%v %v", got, err)
	}
	for i, want := range []string{"Which metal melts at 1064 degrees?", "Write a haiku about rain."} {
		p := got[i]
		if p.Messages[1].Content != want || p.Messages[0].Content != "be brief" || p.Split != distill.Heldout || p.ID != prompt.ID(p.Messages) {
			t.Errorf("%+v", p)
		}
	}
	if !strings.Contains(a.asked[0], "6. ") || strings.Contains(a.asked[0], "7. ") {
		t.Errorf("the question shows other than six examples: %s", a.asked[0])
	}
}

func TestEvolveGoesOnFromWhatItFound(t *testing.T) {
	var replies []string
	for i := range 40 {
		replies = append(replies, fmt.Sprintf("1. Task about subject%d with word%d and thing%d.", i, i, i))
	}
	a := &asker{replies: replies}
	got, err := prompt.Collect(grow.Evolve(t.Context(), a, seeds(t), grow.Options{Count: 20, Seed: 3}))
	if err != nil || len(got) != 20 {
		t.Fatalf("%d %v", len(got), err)
	}
	if !slices.ContainsFunc(a.asked, func(q string) bool { return strings.Contains(q, "1. Task about subject") }) {
		t.Error("what was found was never evolved further")
	}
}

func TestGrowthEnds(t *testing.T) {
	a := &asker{replies: []string{"1. Name three rivers of Europe."}}
	_, err := prompt.Collect(grow.Invent(t.Context(), a, seeds(t), grow.Options{Count: 5}))
	if !errors.Is(err, grow.ErrExhausted) || len(a.asked) != 20 {
		t.Errorf("%d calls: %v", len(a.asked), err)
	}
	wrong := errors.New("wrong")
	if _, err := prompt.Collect(grow.Evolve(t.Context(), &asker{replies: []string{""}, err: wrong}, seeds(t), grow.Options{Count: 5})); !errors.Is(err, wrong) {
		t.Error(err)
	}
	for _, o := range []grow.Options{{}, {Count: 1, Near: 2}} {
		if _, err := prompt.Collect(grow.Invent(t.Context(), a, seeds(t), o)); err == nil {
			t.Errorf("%+v accepted", o)
		}
	}
	if _, err := prompt.Collect(grow.Invent(t.Context(), a, nil, grow.Options{Count: 1})); err == nil {
		t.Error("no seeds accepted")
	}
}

// A round asks only about what was known before it, and no more than can be of use.
func TestRounds(t *testing.T) {
	var replies []string
	for i := range 40 {
		replies = append(replies, fmt.Sprintf("1. Task about subject%d with word%d and thing%d.", i, i, i))
	}
	a := &asker{replies: replies}
	got, err := prompt.Collect(grow.Evolve(t.Context(), a, seeds(t), grow.Options{Count: 10, Round: 8, Seed: 3}))
	if err != nil || len(got) != 10 || len(a.asked) != 10 {
		t.Fatalf("%d prompts by %d questions: %v", len(got), len(a.asked), err)
	}
	for i, q := range a.asked[:8] {
		if strings.Contains(q, "Task about") {
			t.Errorf("question %d shows what its own round found", i)
		}
	}
}

// What is to be avoided is neither shown nor found again.
func TestAvoid(t *testing.T) {
	a := &asker{replies: []string{"1. How many eggs are in two dozen?\n2. Sort these: 3, 1, 2.\n3. Write a haiku about rain."}}
	avoid := func(yield func(string, error) bool) {
		_ = yield("Sort these: 3, 1, 2!", nil) && yield("How many eggs are in two dozen?", nil)
	}
	got, err := prompt.Collect(grow.Invent(t.Context(), a, seeds(t), grow.Options{Count: 1, Avoid: avoid}))
	if err != nil || len(got) != 1 || got[0].Messages[0].Content != "Write a haiku about rain." {
		t.Errorf("%v %v", got, err)
	}
	if strings.Contains(a.asked[0], "eggs") {
		t.Errorf("a text to be avoided is shown: %s", a.asked[0])
	}
}

func Example() {
	model := &asker{replies: []string{"1. Name three lakes of Africa.\n2. How many legs have four spiders?"}}
	seeds, _ := prompt.List([]string{"Name three rivers of Europe.", "How many eggs are in two dozen?"}, prompt.Options{})
	for p, err := range grow.Invent(context.Background(), model, seeds, grow.Options{Count: 2}) {
		fmt.Println(p.Messages[0].Content, err)
	}
	// Output:
	// Name three lakes of Africa. <nil>
	// How many legs have four spiders? <nil>
}
