package infer

import (
	"context"
	"fmt"

	"github.com/seed-d24fde5f/distill"
)

// Score returns the log-probability of each of tokens[from:] after the tokens before it, and the signal asked for, a
// position for each; from must be at least 1. Draws of a sampled signal come from seed 0. It runs beside the engine's
// completions, on the caller's goroutine, and stops between pieces when ctx ends.
func (e *Engine) Score(ctx context.Context, tokens []Token, from int, spec distill.SignalSpec) ([]float32, *distill.Signal, error) {
	return e.m.Score(ctx, tokens, from, spec)
}

// Score is [Engine.Score] without an engine.
func (m *Model) Score(ctx context.Context, tokens []Token, from int, spec distill.SignalSpec) ([]float32, *distill.Signal, error) {
	if from < 1 || from > len(tokens) {
		return nil, nil, fmt.Errorf("infer: cannot score from position %d of %d tokens", from, len(tokens))
	}
	if err := m.check(tokens, 0); err != nil {
		return nil, nil, err
	}
	record := newRecorder(spec, 0)
	logprobs := make([]float32, 0, len(tokens)-from)
	if from == len(tokens) {
		return logprobs, record.signal, nil
	}
	var d distribution
	outputs := len(tokens) - from // positions from−1 … n−2 predict from … n−1
	err := m.prefill(ctx, newCache(&m.cfg), tokens[:len(tokens)-1], outputs, func(i int, logits []float32) {
		d.set(logits, 1)
		record.record(logits, &d)
		logprobs = append(logprobs, logits[tokens[i+1]]-d.logSumExp())
	})
	if err != nil {
		return nil, nil, err
	}
	return logprobs, record.signal, nil
}
