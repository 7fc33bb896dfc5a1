// Package nn holds the coarse gorgonia operations of a Llama-family student: embedding, attention half, feed-forward
// half, final norm, and a head that makes logits, loss and gradient in chunks of rows.
//
// Stock gorgonia operations reach about a twentieth of what a CPU can do, so each operation here is one node whose
// value and gradient come from a [Function] over internal/kernel. The graph stays a real gorgonia graph: gorgonia.Grad
// differentiates it, a TapeMachine runs it, a gorgonia.Solver steps its parameters.
//
//	x, _ := nn.Embed(e, in, tokens, table)
//	x, _ = (&nn.Attention{…}).Apply(e, in, x)
//	loss, _ := (&nn.Head{…}).Apply(e, in, x, output)
//
// # Conventions
//
// Shape letters are those of internal/kernel. Activations are (N, C) with N = B·T rows, weights (out, in). Parameters
// are [Param]: the node's value and the operation share one tensor, and Backward adds to the parameter's gradient, which
// the solver clears. That is gradient accumulation, and what makes tied embeddings work: two nodes, one tensor, one
// accumulator. Operations own their buffers and hand out the same tensors in every run: a value is valid until the next
// run of its graph.
//
// # Testing
//
// Every operation has a twin composed of stock gorgonia operations in the tests, and agrees with it in value and
// gradient. It knows no files, no model formats and no losses: [RowLoss] is given by its user.
package nn
