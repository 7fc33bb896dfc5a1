// Package infer runs models of the Llama family for their answers: prompts in, tokens out, on a CPU, without gorgonia.
//
//	m, err := infer.New(weights, infer.Options{})    // packs the weights; quantized ones stay quantized
//	engine := infer.NewEngine(m, infer.EngineOptions{})
//	answer, err := engine.Generate(ctx, infer.Request{Prompt: ids, Sampling: distill.Sampling{MaxTokens: 256}})
//
// An [Engine] batches: call Generate from as many goroutines as there are questions. [Model.Logits] and [Engine.Score]
// evaluate given tokens; a [Session] holds one conversation.
//
// # Guarantees
//
// A token's logits depend on the tokens before it in its sequence and on nothing else: neither on the other sequences of
// the batch, nor on how the prompt was cut, nor on the number of threads. Every product adds in the order of its columns
// (package panel), every reduction in an order given by its length. The same request therefore gets the same answer, bit
// for bit, on the same implementation.
//
// # Arithmetic
//
// Quantized weights meet activations quantized to 8 bits in blocks of 32; floats meet floats. The KV cache is float16.
// Results agree with llama.cpp's on the same file within the rounding of these formats, which is what the tests check.
package infer
