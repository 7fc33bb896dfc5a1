// Package pack turns tokenised examples of any length into training batches of one length.
//
// Several examples share a row, none attends to another, and only answers are learnt. With prompts P and Q, answers a
// and b, and end tokens $, a row of 12 positions is
//
//	tokens   P P P a a a Q b b . .  .
//	targets  . . a a a $ b b $ . .  .
//	weights  0 0 1 1 1 1 1 1 1 0 0  0
//	starts   0 0 0 0 0 0 6 6 6 9 10 11
//
// The answer's last token, the end token, is always learnt; padding never is, and each padding position attends to
// itself alone. An example without anything to learn is an error when it is added, so no batch is all masked.
//
// The two calls most users need:
//
//	corpus.Add(pack.Example{Tokens: ids, AnswerStart: n})
//	batches, err := pack.New(corpus, pack.Options{Rows: 8, Length: 512, Seed: 1})
//
// Packing depends on nothing but the examples, the options and the epoch: two runs see the same batches in the same
// order, and a run that stopped continues at its [Position]. The package knows no tokenizer and no text.
package pack
