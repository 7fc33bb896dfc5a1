package model

// With returns a model that has other values for some of its weights, of the same shapes and in the canonical layout. Each
// is made when it is asked for and may be overwritten when the next one is: a large model can be changed and written in
// the memory of one weight. Only one goroutine at a time may use such a model. All else is m's own; m must stay open, and
// closing what is returned closes nothing.
func (m *Model) With(made map[string]func() []float32) *Model {
	changed := *m
	changed.made, changed.close = made, nil
	return &changed
}

// remade returns a weight with the values that With gave it.
func (m *Model) remade(t Tensor, values []float32) Tensor {
	t = fromFloats(Spec{t.Name, t.Shape}, values)
	if heads := m.rotatedHeads(t.Name); heads > 0 && m.RopeInterleaved {
		t = permuteRows(t, heads, toPairs)
	}
	return t
}
