package student_test

import (
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/loss"
)

func Example() {
	s, err := student.New(model.Config{
		Arch: model.Llama, Vocab: 64, Context: 128, Width: 32, FFN: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8,
		RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true,
	}, 1, student.Threads(1), student.BF16(false))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	batch := &train.Batch{Rows: 1, Length: 4, Tokens: []distill.Token{1, 2, 3, 4}, Targets: []distill.Token{2, 3, 4, 5}, Weights: []float32{0, 1, 1, 1}}
	crossEntropy, err := loss.New(loss.Spec{})
	if err != nil {
		fmt.Println(err)
		return
	}
	totals, err := s.Evaluate(batch, crossEntropy)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d weights, %d positions learnt, %.1f nats each: chance is %.1f\n", s.Params().Count(), totals.Tokens, totals.Loss/totals.Weight, 4.2)
	// Output: 20640 weights, 3 positions learnt, 4.2 nats each: chance is 4.2
}
