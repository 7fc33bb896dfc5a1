package jinja

import (
	"math"
	"strings"
	"unicode/utf8"
)

// percent is Python's text % values: values is a tuple, a dictionary for %(name)s, or the only value.
func (m *machine) percent(text string, values Value) string {
	p := &percentValues{rest: Tuple{values}}
	several, isTuple := values.(Tuple)
	if isTuple {
		p.rest = several
	}
	p.named, _ = values.(*Dict)
	var b strings.Builder
	s := &scanner{text}
	for {
		before, after, found := strings.Cut(s.rest, "%")
		b.WriteString(m.text(before))
		if !found {
			break
		}
		s.rest = after
		b.WriteString(m.directive(s, p))
	}
	// Python takes what can be subscripted, but for text, for a mapping, of which not all must be used.
	if _, isText := values.(string); len(p.rest) > 0 && (isTuple || isText || !sequence(values)) {
		fail("%%: not all values were used")
	}
	return b.String()
}

// percentValues are the values that are left for the directives of a text.
type percentValues struct {
	rest  Tuple
	named *Dict
}

func (p *percentValues) next() Value {
	if len(p.rest) == 0 {
		fail("%%: not enough values")
	}
	v := p.rest[0]
	p.rest = p.rest[1:]
	return v
}

func (p *percentValues) get(id string) Value {
	if p.named == nil {
		fail("%%: (%s) wants a dictionary", id)
	}
	v, ok := p.named.get(id)
	if !ok {
		fail("%%: the dictionary has no %q", id)
	}
	return v
}

// directive formats one value: %[(name)][flags][width][.precision]verb.
func (m *machine) directive(s *scanner, p *percentValues) string {
	next := p.next
	if s.any("(") != 0 {
		id, rest, closed := strings.Cut(s.rest, ")")
		if !closed {
			fail("%%: a name is not closed by )")
		}
		s.rest = rest
		next = func() Value { return p.get(id) }
	}
	f := spec{align: '>', precision: -1}
	for flag := s.any("-+ #0"); flag != 0; flag = s.any("-+ #0") {
		switch {
		case flag == '-':
			f.fill, f.align = "", '<'
		case flag != '0':
			f.flags += string(flag)
		case f.align == '>':
			f.fill, f.align = "0", '='
		}
	}
	count := func() int {
		if s.any("*") != 0 {
			return whole(p.next(), "%: a width")
		}
		return s.number(0)
	}
	if f.width = count(); f.width < 0 {
		f.width, f.fill, f.align = -f.width, "", '<'
	}
	if s.any(".") != 0 {
		f.precision = max(count(), 0)
	}
	s.any("hlL") // C's sizes mean nothing here
	f.verb = s.any("srdiuoxXeEfFgGc%")
	switch f.verb {
	case 0:
		fail("%%: unknown directive")
	case '%':
		return "%"
	}
	return m.convert(next(), f)
}

// convert formats a value as % does, whose verbs ask for a type.
func (m *machine) convert(v Value, f spec) string {
	x, i, exact, ok := number(v)
	switch f.verb {
	case 's', 'r', 'c':
		if f.align == '=' {
			f.fill, f.align = "", '>'
		}
		text, isText := v.(string)
		switch {
		case f.verb == 's':
			text = m.str(v)
		case f.verb == 'r':
			text = m.repr(v)
		case exact:
			text = string(rune(i))
		case !isText || utf8.RuneCountInString(text) != 1:
			fail("%%c wants a character or its number")
		}
		f.verb = 's'
		return m.layout(text, f)
	case 'd', 'i', 'u':
		f.verb = 'd'
		if ok && !exact && math.Abs(x) < math.MaxInt {
			i, exact = int(x), true
		}
	case 'o', 'x', 'X':
	default:
		i, exact = 0, false
		if ok {
			return m.layout(x, f)
		}
	}
	if !exact {
		mustBeDefined(v)
		fail("%%%c wants a number, not %q", f.verb, typeName(v))
	}
	return m.layout(i, f)
}

// formatFilter is text | format(values…).
func formatFilter(m *machine, self Value, args Args) Value {
	if len(args.Named) == 0 {
		return m.percent(m.str(self), Tuple(args.Positional))
	}
	if len(args.Positional) > 0 {
		fail("format takes values by position or by name, not both")
	}
	return m.percent(m.str(self), dictOf(m, nil, args))
}
