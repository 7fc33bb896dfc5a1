package checkpoint_test

import (
	"fmt"
	"os"

	"github.com/seed-d24fde5f/distill/train/checkpoint"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	weights := []float32{1, 2, 3}
	if err := checkpoint.Save(dir, 100, checkpoint.State{Meta: map[string]int{"seen": 7}, Arrays: []checkpoint.Array{{Name: "w", Data: weights}}}); err != nil {
		fmt.Println(err)
		return
	}
	clear(weights)
	step, meta, err := checkpoint.Newest(dir, []checkpoint.Array{{Name: "w", Data: weights}}, func(err error) { fmt.Println("passed over:", err) })
	fmt.Println(step, string(meta), weights, err)
	// Output: 100 {"seen":7} [1 2 3] <nil>
}
