package infer

// Constraint keeps one completion within a language (constrained decoding). It belongs to one request, whose tokens it is
// told in order, and is called from one goroutine at a time.
//
// Log-probabilities and signals stay those of the model: what a constraint forbids is not forgotten, only not drawn.
type Constraint interface {
	// Mask sets the logits of the tokens that cannot come next to −Inf. Its error, that none can, ends the completion.
	Mask(logits []float32) error
	// Accept takes the token that was drawn. It reports whether the text is whole and nothing can follow it.
	Accept(id Token) (whole bool)
}
