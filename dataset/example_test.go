package dataset_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
)

// Keep an answer, and find it again after the program has ended.
func Example() {
	dir, _ := os.MkdirTemp("", "dataset")
	defer os.RemoveAll(dir)

	data, err := dataset.Open(dir, dataset.Options{Origin: dataset.Origin{Teacher: "oracle"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	prompt := distill.Prompt{ID: "q1", Split: distill.Train, Messages: []distill.Message{{Role: distill.RoleUser, Content: "6 · 7?"}}}
	id := dataset.RowID(prompt.ID, 0, "oracle", distill.Sampling{})
	if !data.Has(id) {
		answer := distill.Completion{Teacher: "oracle", Response: "42", FinishReason: distill.FinishStop}
		err = data.Append(context.Background(), distill.Row{ID: id, Prompt: prompt, CreatedAt: time.Now(), Completion: answer})
		fmt.Println("kept:", err == nil)
	}
	data.Close()

	data, _ = dataset.Open(dir, dataset.Options{ReadOnly: true})
	fmt.Println("there:", data.Has(id))
	for row, err := range data.Rows() {
		fmt.Println(row.Prompt.Messages[0].Content, row.Response, err)
	}
	// Output:
	// kept: true
	// there: true
	// 6 · 7? 42 <nil>
}
