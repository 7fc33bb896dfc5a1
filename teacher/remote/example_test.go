package remote_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
	"github.com/seed-d24fde5f/distill/teacher/remote"
)

// Example asks a teacher behind HTTP, with at most five dollars to spend.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"choices": [{"message": {"content": "Four.", "reasoning_content": "2 + 2 = 4"}, "finish_reason": "stop"}],
			"usage": {"prompt_tokens": 9, "completion_tokens": 11}}`)
	}))
	defer server.Close()

	t, err := remote.New(remote.Options{
		BaseURL: server.URL,
		Model:   "reasoner",
		Price:   &remote.Price{Input: 0.5, Output: 2}, // dollars per million tokens
		Budget:  budget.New(budget.Limits{USD: 5}, budget.Spending{}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	c, err := t.Complete(context.Background(), teacher.Request{
		Messages: []distill.Message{{Role: distill.RoleUser, Content: "How much is two and two?"}},
		Sampling: distill.Sampling{MaxTokens: 256},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Reasoning)
	fmt.Println(c.Response)
	fmt.Printf("$%.7f\n", *c.CostUSD)
	// Output:
	// 2 + 2 = 4
	// Four.
	// $0.0000265
}
