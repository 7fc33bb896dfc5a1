package infer

import (
	"context"
	"fmt"
)

// maxRows is the largest number of rows that go through the model at once: prompts are cut into pieces of it. At this
// size the products are as fast as they get, and the scratch memory of a wide model stays in tens of megabytes.
const maxRows = 256

// maxLogits bounds the logits that exist at once when every position wants them: 16 MB.
const maxLogits = 4 << 20

// Session is one growing sequence. It is not safe for concurrent use.
type Session struct {
	m      *Model
	cache  *cache
	logits []float32
}

// NewSession returns an empty sequence.
func (m *Model) NewSession() *Session { return &Session{m: m, cache: newCache(&m.cfg)} }

// Len returns the number of tokens in the sequence.
func (s *Session) Len() int { return s.cache.length }

// Truncate drops all but the first n tokens.
func (s *Session) Truncate(n int) {
	if n < s.cache.length {
		s.cache.length = max(n, 0)
	}
}

// Append adds tokens and returns the logits (V) that follow the last one; they are overwritten by the next Append. It
// returns an error for a token outside the vocabulary, no token at all, or a sequence longer than the context.
func (s *Session) Append(tokens ...Token) ([]float32, error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("infer: no tokens")
	}
	if err := s.m.check(tokens, s.cache.length); err != nil {
		return nil, err
	}
	s.logits = resize(&s.logits, s.m.cfg.Vocab)
	err := s.m.prefill(context.Background(), s.cache, tokens, 1, func(_ int, logits []float32) { copy(s.logits, logits) })
	return s.logits, err
}

// Logits returns the logits of every position of a sequence, (T, V), in new memory.
func (m *Model) Logits(tokens []Token) ([]float32, error) {
	if err := m.check(tokens, 0); err != nil {
		return nil, err
	}
	v := m.cfg.Vocab
	all := make([]float32, len(tokens)*v)
	err := m.prefill(context.Background(), newCache(&m.cfg), tokens, len(tokens), func(i int, logits []float32) {
		copy(all[i*v:(i+1)*v], logits)
	})
	return all, err
}

// check reports tokens that the model cannot take after the given number of others.
func (m *Model) check(tokens []Token, after int) error {
	if after+len(tokens) > m.context {
		return fmt.Errorf("infer: %d tokens exceed the context of %d", after+len(tokens), m.context)
	}
	for i, id := range tokens {
		if id < 0 || int(id) >= m.cfg.Vocab {
			return fmt.Errorf("infer: token %d of the sequence is %d, outside the vocabulary of %d", after+i, id, m.cfg.Vocab)
		}
	}
	return nil
}

// prefill appends tokens to a cache, in pieces, and calls visit with the logits (V) of each of the last outputs of them,
// i being the token's index; the logits are scratch memory. It stops between pieces with the error of ctx.
func (m *Model) prefill(ctx context.Context, c *cache, tokens []Token, outputs int, visit func(i int, logits []float32)) error {
	ws := m.spaces.Get().(*workspace)
	defer m.spaces.Put(ws)
	return m.prefillIn(ctx, ws, c, tokens, outputs, visit)
}

// prefillIn is prefill in a given workspace.
func (m *Model) prefillIn(ctx context.Context, ws *workspace, c *cache, tokens []Token, outputs int, visit func(i int, logits []float32)) error {
	c.reserve(c.length + len(tokens))
	first := len(tokens) - outputs
	stride := padded(m.cfg.Vocab)
	rows := maxRows
	if outputs > 1 {
		rows = min(maxRows, max(16, maxLogits/stride))
	}
	for lo := 0; lo < len(tokens); lo += rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+rows, len(tokens))
		wanted := max(0, hi-max(lo, first))
		logits := m.forward(ws, m.pool, []span{{c, tokens[lo:hi], wanted}})
		for j := range wanted {
			visit(hi-wanted+j, logits[j*stride:j*stride+m.cfg.Vocab])
		}
	}
	return nil
}
