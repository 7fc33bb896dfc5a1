package local_test

import (
	"context"
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/local"
)

// Example asks weights on disk, and keeps the 20 most likely tokens of every position.
func Example() {
	t, err := local.Open("Qwen2.5-1.5B-Instruct-Q8_0.gguf", local.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	c, err := t.Complete(context.Background(), teacher.Request{
		Messages: []distill.Message{{Role: distill.RoleUser, Content: "How much is two and two?"}},
		Sampling: distill.Sampling{Temperature: 0.7, MaxTokens: 256, Seed: 1},
		Signal:   distill.SignalSpec{Kind: distill.TopK, K: 20},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Response)
	for i, id := range c.TokenIDs {
		ids, logprobs := c.Signal.At(i)
		fmt.Println(id, ids[0], logprobs[0])
	}
}
