// Package recipe carries a recipe out: it joins teachers, datasets, students and training into stages that read what the
// stage before left in the run directory and write their own files there.
//
//	grow → generate → judge → score → train → export → eval → report
//
// Nothing passes between stages in memory, so each can be run alone and a run that stopped anywhere goes on from its files.
// A stage is done once for the inputs it had: run.json keeps a digest of them, and a changed recipe redoes only the stages
// whose inputs it changes. Paid answers are kept whatever happens: their ledger is the dataset's, row by row.
//
//	run, err := recipe.Open(r, "runs/quickstart", recipe.Options{Monitor: monitor, Log: log})
//	defer run.Close()
//	err = run.Do(ctx)
//
// Each stage has a file of its own name, a page read from top to bottom; what it leans on stands beside it, under the same
// first word: train.go, train_examples.go, train_start.go. run.go is the run directory, stages.go how one stage follows
// another, ask.go how questions are put to teachers, judges and those who grow prompts.
package recipe
