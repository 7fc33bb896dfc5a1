package hygiene_test

import (
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/hygiene"
)

func Example() {
	rows := func(yield func(distill.Row, error) bool) {
		for _, response := range []string{"It is 4.", "I'm sorry, but I can't help with that.", "it is 4"} {
			if !yield(distill.Row{ID: response, Completion: distill.Completion{Response: response}}, nil) {
				return
			}
		}
	}
	clean := hygiene.Clean(rows, hygiene.NotEmpty(), hygiene.Refusals(), hygiene.Exact())
	for row := range clean.Rows {
		fmt.Println("kept:", row.Response)
	}
	for _, r := range clean.Reports {
		fmt.Println(r.Step, r.Removed)
	}
	// Output:
	// kept: It is 4.
	// empty 0
	// refusal 1
	// exact duplicate 1
}
