package remote

import (
	"strconv"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// addLogprobs adds what a choice says of its tokens, in any of the forms that servers have for it: OpenAI's list of tokens
// with alternatives (ids where [entryOf] finds them), SGLang's triples, Together's lists and its one number a chunk.
func (a *answer) addLogprobs(ch *openai.ChatChoice, spec distill.SignalSpec) {
	switch lp := ch.Logprobs; {
	case ch.MetaInfo != nil && len(ch.MetaInfo.Output) > 0:
		a.addTriples(ch.MetaInfo, spec)
	case lp == nil:
	case lp.Only != nil:
		a.position(chosen(idOf(ch.Delta), lp.Only), nil, distill.NoSignal, 0)
	case len(lp.TokenLogprobs) > 0:
		for i, l := range lp.TokenLogprobs {
			var id *int32
			if i < len(lp.TokenIDs) {
				id = &lp.TokenIDs[i]
			}
			a.position(chosen(id, l), nil, distill.NoSignal, 0)
		}
	default:
		for i := range lp.Content {
			p := &lp.Content[i]
			a.top = a.top[:0]
			for j := range p.TopLogprobs {
				a.top = append(a.top, entryOf(&p.TopLogprobs[j]))
			}
			a.position(entryOf(p), a.top, spec.Kind, spec.K)
		}
	}
}

func (a *answer) addTriples(m *openai.MetaInfo, spec distill.SignalSpec) {
	for i, t := range m.Output {
		a.top = a.top[:0]
		if i < len(m.OutputTop) {
			for _, alternative := range m.OutputTop[i] {
				a.top = append(a.top, tripleEntry(alternative))
			}
		}
		a.position(tripleEntry(t), a.top, spec.Kind, spec.K)
	}
}

func tripleEntry(t openai.Triple) entry { return entry{t.ID, t.ID >= 0, float32(t.Logprob)} }

func idOf(d *openai.Delta) *int32 {
	if d == nil {
		return nil
	}
	return d.TokenID
}

// chosen is a token of an answer whose id and log-probability came apart.
func chosen(id *int32, l *openai.Logprob) entry {
	p := openai.TokenLogprob{ID: id, Logprob: impossible}
	if l != nil {
		p.Logprob = *l
	}
	return entryOf(&p)
}

// entryOf finds the token id: in a field of its own (llama.cpp, distill, Fireworks), or in a text "token_id:123" (vLLM).
func entryOf(p *openai.TokenLogprob) entry {
	e := entry{logprob: float32(p.Logprob)}
	for _, id := range []*int32{p.ID, p.TokenID} {
		if id != nil && *id >= 0 {
			e.id, e.known = *id, true
			return e
		}
	}
	if digits, ok := strings.CutPrefix(p.Token, "token_id:"); ok {
		if id, err := strconv.ParseInt(digits, 10, 32); err == nil && id >= 0 {
			e.id, e.known = distill.Token(id), true
		}
	}
	return e
}
