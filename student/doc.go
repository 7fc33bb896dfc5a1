// Package student is the model that learns: a Llama-family transformer as a gorgonia graph, from nothing, from a
// checkpoint or from its teacher's own layers, and back to a model that can be run and exported.
//
//	s, err := student.New(cfg, seed)                          // or FromModel(m)
//	result, err := train.Run(ctx, train.Options{Model: s, …})
//	m, err := s.Model(tokenizer, template)                    // a view for inference and export
//	defer s.Close()
//
// Weights have GGUF's names and are plain float32 slices; the graph, the optimizer and the exported model share them.
// A graph is built for each shape of batch at its first use and kept.
//
// It knows neither losses nor the loop: it implements the interface that package train declares.
package student
