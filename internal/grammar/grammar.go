// Package grammar keeps what a model writes within a language: JSON, JSON of a schema, or either after a model's thinking.
//
// A [Grammar] is context-free, over bytes. A [Session] follows one text through it and says, before each token, which
// tokens of a [Vocabulary] can come next; a sampler that draws only among those writes nothing but prefixes of texts of
// the language, and may end only where the text is whole (Willard and Louf 2023, arXiv:2307.09702, for regular languages;
// with a stack as in Koo, Liu and He 2024, arXiv:2407.08103).
//
//	v := grammar.NewVocabulary(pieces, ends)
//	s := grammar.NewSession(grammar.JSONObject(), v)
//	err := s.Mask(logits)       // −Inf for what cannot come next
//	whole := s.Accept(token)    // after a draw
//
// It knows bytes and token numbers: no tokenizer and no model.
package grammar

// Grammar is a set of rules. It is not changed once it is made, and may be shared.
type Grammar struct {
	rules []rule // the first is where texts begin
}

// rule lists what may stand in its place.
type rule []sequence

type sequence []symbol

// symbol is a class of bytes, or a rule where bytes is nil.
type symbol struct {
	bytes *class
	rule  int32
}

// class is a set of bytes.
type class [4]uint64

func (c *class) has(b byte) bool { return c[b>>6]&(1<<(b&63)) != 0 }
func (c *class) add(b byte)      { c[b>>6] |= 1 << (b & 63) }

// builder makes the rules of a grammar. None of them may begin with itself, by whatever way.
type builder struct{ rules []rule }

// any returns a rule of alternatives.
func (b *builder) any(alternatives ...sequence) symbol {
	b.rules = append(b.rules, alternatives)
	return symbol{rule: int32(len(b.rules) - 1)}
}

// later returns a rule whose alternatives are set afterwards.
func (b *builder) later() symbol { return b.any() }

func (b *builder) set(s symbol, alternatives ...sequence) { b.rules[s.rule] = alternatives }

// repeat returns a rule of item from least to most times; most < 0 is without end.
func (b *builder) repeat(item sequence, least, most int) symbol {
	var rest symbol
	if most < 0 {
		rest = b.later()
		b.set(rest, join(item, sequence{rest}), nil)
	} else {
		rest = b.any(nil)
		for range most - least {
			rest = b.any(join(item, sequence{rest}), nil)
		}
	}
	for range least {
		rest = b.any(join(item, sequence{rest}))
	}
	return rest
}

// text returns the bytes of a text, one after another.
func text(s string) sequence {
	var out sequence
	for i := range len(s) {
		out = append(out, one(s[i:i+1], ""))
	}
	return out
}

// one returns a byte of those listed, or of the ranges whose first and last bytes ranges has in pairs.
func one(listed, ranges string) symbol {
	c := new(class)
	for i := range len(listed) {
		c.add(listed[i])
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		for v := int(ranges[i]); v <= int(ranges[i+1]); v++ {
			c.add(byte(v))
		}
	}
	return symbol{bytes: c}
}

func join(parts ...sequence) sequence {
	var out sequence
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// grammar returns what was built, beginning with start.
func (b *builder) grammar(start symbol) *Grammar {
	return &Grammar{rules: append([]rule{{sequence{shifted(start)}}}, shift(b.rules)...)}
}

// shift makes room for one rule before the others.
func shift(rules []rule) []rule {
	out := make([]rule, len(rules))
	for i, r := range rules {
		for _, s := range r {
			var moved sequence
			for _, x := range s {
				moved = append(moved, shifted(x))
			}
			out[i] = append(out[i], moved)
		}
	}
	return out
}

func shifted(s symbol) symbol {
	if s.bytes == nil {
		s.rule++
	}
	return s
}

// After returns the texts that begin with anything up to the first occurrence of tag, white space, and then a text of g:
// what a model writes that thinks aloud before it answers.
func After(tag string, g *Grammar) *Grammar {
	b := builder{rules: append([]rule{}, g.rules...)}
	answer := b.any(sequence{b.repeat(sequence{one(" \t\r\n", "")}, 0, 4), symbol{rule: 0}})
	// The automaton of Knuth, Morris and Pratt: state k has seen the first k bytes of the tag.
	states := make([]symbol, len(tag)+1)
	for k := range tag {
		states[k] = b.later()
	}
	states[len(tag)] = answer
	for k := range tag {
		to := make([]*class, len(tag)+1)
		for v := range 256 {
			next := matched(tag, tag[:k]+string([]byte{byte(v)}))
			if to[next] == nil {
				to[next] = new(class)
			}
			to[next].add(byte(v))
		}
		var alternatives []sequence
		for next, c := range to {
			if c != nil {
				alternatives = append(alternatives, sequence{symbol{bytes: c}, states[next]})
			}
		}
		b.set(states[k], alternatives...)
	}
	return b.grammar(states[0])
}

// matched returns the length of the longest beginning of tag that seen ends with.
func matched(tag, seen string) int {
	for n := min(len(tag), len(seen)); n > 0; n-- {
		if seen[len(seen)-n:] == tag[:n] {
			return n
		}
	}
	return 0
}
