package config

import "math"

// Sequence returns the length of a training sequence, in tokens, for a student of that context.
func (t *Train) Sequence(context int) int {
	if t.Seq == 0 || t.Seq > context {
		return context
	}
	return t.Seq
}

// StepsOf returns how many steps of the optimizer the recipe asks for, where an epoch has so many batches of sequences of
// that length.
func (t *Train) StepsOf(perEpoch, length int) int {
	switch {
	case t.Steps > 0:
		return t.Steps
	case t.Tokens > 0:
		perStep := int64(t.Batch) * int64(t.Accumulate) * int64(length)
		return int((t.Tokens + perStep - 1) / perStep)
	}
	return max(1, int(math.Ceil(t.Epochs*float64(perEpoch)/float64(t.Accumulate))))
}
