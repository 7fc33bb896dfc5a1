package hygiene_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/hygiene"
)

// BenchmarkDuplicates measures what it takes to know a row of about a kilobyte, word for word and nearly.
func BenchmarkDuplicates(b *testing.B) {
	near, err := hygiene.Near(0.8)
	if err != nil {
		b.Fatal(err)
	}
	for _, step := range []hygiene.Step{hygiene.Exact(), near} {
		b.Run(step.Name, func(b *testing.B) {
			words := strings.Fields("So the sum of these two numbers is what we need, and then half of it goes to each friend")
			row := distill.Row{}
			for i := 0; b.Loop(); i++ {
				if i%64 == 0 { // a new text now and then keeps the cost of making them out
					var text strings.Builder
					for j := 0; text.Len() < 1000; j++ {
						fmt.Fprintf(&text, "%s %d ", words[(i+j*j)%len(words)], (i*7+j*13)%1000)
					}
					row.Response = text.String()
				}
				row.Prompt.Messages = []distill.Message{{Role: distill.RoleUser, Content: fmt.Sprint("case ", i)}}
				step.Reject(&row)
			}
			b.SetBytes(1000)
		})
	}
}
