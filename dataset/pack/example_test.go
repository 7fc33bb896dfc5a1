package pack_test

import (
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/pack"
)

func Example() {
	corpus := pack.NewCorpus(2) // 2 is the end token
	corpus.Add(pack.Example{Tokens: []distill.Token{10, 11, 20, 21, 2}, AnswerStart: 2})
	corpus.Add(pack.Example{Tokens: []distill.Token{12, 22, 2}, AnswerStart: 1})
	batches, err := pack.New(corpus, pack.Options{Rows: 1, Length: 8, InOrder: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	batch, _, _ := batches.Next()
	fmt.Println("tokens ", batch.Tokens)
	fmt.Println("targets", batch.Targets)
	fmt.Println("weights", batch.Weights)
	fmt.Println("starts ", batch.Starts)
	// Output:
	// tokens  [10 11 20 21 12 22 0 0]
	// targets [0 20 21 2 22 2 0 0]
	// weights [0 1 1 1 1 1 0 0]
	// starts  [0 0 0 0 4 4 6 7]
}
