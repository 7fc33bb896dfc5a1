// Package train is the loop that fits a student to data.
//
//	result, err := train.Run(ctx, train.Options{
//		Model: student, Data: train.NewLoader(sequences, 16, seed), Heldout: heldout,
//		Steps: 2000, Rate: 2e-3, Schedule: optim.Schedule{Shape: optim.Cosine, Warmup: 100},
//		Objective: objective, Clip: 1, Dir: "train/checkpoints",
//	})
//
// A step draws Accumulate batches from the source, adds up their gradients, clips them, and lets the solver update the
// weights. The loss is a mean over the weights of all positions of the step, so it does not depend on how the positions
// are spread over batches.
//
// # Stopping and continuing
//
// Everything a step depends on is in the checkpoint: weights, optimizer, average, position in the data, and what the
// guards against divergence remember. Data is addressed by number and random choices are hashes of (seed, step), so there
// is no generator whose state could be lost. A run that was stopped, or killed, goes on from its last checkpoint and
// yields the same losses and weights, bit for bit, as one that was not. Cancelling the context saves a checkpoint and
// returns the context's error.
//
// # When it goes wrong
//
// A step whose loss or gradient is not finite, or whose gradient is far larger than usual, is skipped and reported.
// After several in a row the run goes back to its last checkpoint with half the rate.
//
// The package knows no model: [Model] is what it needs of one. Losses, optimizers, checkpoints and metrics are in its
// subpackages.
package train
