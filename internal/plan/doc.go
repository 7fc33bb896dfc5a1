// Package plan says what a recipe comes to before any of it is done: which models it names, the shape of the student, the
// memory of training it, and what each stage will take of money, time, memory and disk.
//
// What a run directory knows already, such as the answers that are there, comes in as [Known]; the rest follows from the
// recipe, from the models that it names, and from what is timed on this machine. Nothing is asked, spent or kept here.
//
//	p, err := plan.New(ctx, recipe, known, plan.Options{Dir: "runs/quickstart"})
//
// The stages hold themselves to the same figures: a training that does not fit is refused by [Memory.Check].
package plan
