package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textMethods are those of str.
var textMethods = map[string]operation{
	"upper":        change(upper),
	"lower":        change(lower),
	"casefold":     change(lower),
	"capitalize":   change(capitalize),
	"swapcase":     change(swapCase),
	"title":        change(func(s string) string { return titleCase(s, func(r rune) bool { return !isCased(r) }) }),
	"strip":        taking(strip(true, true), "chars", nil),
	"lstrip":       taking(strip(true, false), "chars", nil),
	"rstrip":       taking(strip(false, true), "chars", nil),
	"removeprefix": taking(affix(strings.TrimPrefix), "prefix", required),
	"removesuffix": taking(affix(strings.TrimSuffix), "suffix", required),
	"replace":      taking(replace, "old", required, "new", required, "count", -1),
	"split":        taking(split, "sep", nil, "maxsplit", -1),
	"rsplit":       taking(rsplit, "sep", nil, "maxsplit", -1),
	"splitlines":   taking(splitLines, "keepends", false),
	"partition":    taking(partition(strings.Index), "sep", required),
	"rpartition":   taking(partition(strings.LastIndex), "sep", required),
	"join":         taking(joinText, "iterable", required),
	"startswith":   taking(ends(strings.HasPrefix), "prefix", required, "start", nil, "end", nil),
	"endswith":     taking(ends(strings.HasSuffix), "suffix", required, "start", nil, "end", nil),
	"find":         taking(position(strings.Index, false), "sub", required, "start", nil, "end", nil),
	"rfind":        taking(position(strings.LastIndex, false), "sub", required, "start", nil, "end", nil),
	"index":        taking(position(strings.Index, true), "sub", required, "start", nil, "end", nil),
	"rindex":       taking(position(strings.LastIndex, true), "sub", required, "start", nil, "end", nil),
	"count":        taking(countText, "sub", required, "start", nil, "end", nil),
	"center":       taking(justify(centred), "width", required, "fillchar", " "),
	"ljust":        taking(justify(func(int, int) int { return 0 }), "width", required, "fillchar", " "),
	"rjust":        taking(justify(func(gap, _ int) int { return gap }), "width", required, "fillchar", " "),
	"zfill":        taking(zeroFill, "width", required),
	"format":       formatText,
	"isupper":      asks(isUpper),
	"islower":      asks(isLower),
	"isspace":      asks(func(s string) bool { return all(s, isSpace) }),
	"isalpha":      asks(func(s string) bool { return all(s, unicode.IsLetter) }),
	"isdigit":      asks(func(s string) bool { return all(s, unicode.IsDigit) }),
	"isdecimal":    asks(func(s string) bool { return all(s, unicode.IsDigit) }),
	"isnumeric":    asks(func(s string) bool { return all(s, unicode.IsNumber) }),
	"isalnum": asks(func(s string) bool {
		return all(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) })
	}),
	"isascii": asks(isASCII),
}

// change makes a method of a function from text to text.
func change(f func(string) string) operation {
	return taking(func(m *machine, self Value, _ []Value) Value { return m.text(f(self.(string))) })
}

// asks makes a method of a question about a text.
func asks(f func(string) bool) operation {
	return taking(func(m *machine, self Value, _ []Value) Value {
		m.scan(self.(string))
		return f(self.(string))
	})
}

func strip(left, right bool) func(m *machine, self Value, a []Value) Value {
	return func(m *machine, self Value, a []Value) Value {
		s, in := self.(string), isSpace
		if a[0] != nil {
			chars := words(a[0], "what is stripped")
			in = func(r rune) bool { m.scan(chars); return strings.ContainsRune(chars, r) }
		}
		if left {
			s = strings.TrimLeftFunc(s, in)
		}
		if right {
			s = strings.TrimRightFunc(s, in)
		}
		return m.text(s)
	}
}

func affix(trim func(s, affix string) string) func(m *machine, self Value, a []Value) Value {
	return func(m *machine, self Value, a []Value) Value {
		return m.text(trim(self.(string), words(a[0], "what is removed")))
	}
}

func replace(m *machine, self Value, a []Value) Value {
	s, old, by := self.(string), words(a[0], "what is replaced"), words(a[1], "what replaces it")
	n := whole(a[2], "how often it is replaced")
	m.scan(s)
	if found := strings.Count(s, old); len(by) > len(old) && (n < 0 || found < n) {
		m.allocate(found * (len(by) - len(old)))
	} else if len(by) > len(old) {
		m.allocate(n * (len(by) - len(old)))
	}
	return m.text(strings.Replace(s, old, by, n))
}

// split cuts at a separator or, without one, at runs of white space, at most so many times.
func split(m *machine, self Value, a []Value) Value {
	s, n := self.(string), whole(a[1], "maxsplit")
	if a[0] == nil {
		m.allocate(8 * len(s)) // the most that every other character can take
		return m.texts(fields(s, n))
	}
	if n >= 0 {
		n = min(n, len(s)) + 1
	}
	sep := separator(a[0])
	m.allocate(16 * strings.Count(s, sep))
	return m.texts(strings.SplitN(s, sep, n))
}

func separator(v Value) string {
	s := words(v, "a separator")
	if s == "" {
		fail("empty separator")
	}
	return s
}

func (m *machine) texts(parts []string) List {
	l := make(List, len(parts))
	for i, part := range parts {
		l[i] = m.text(part)
	}
	return m.list(l)
}

// fields cuts at runs of white space, at most n times if n is not negative.
func fields(s string, n int) []string {
	var all []string
	for s = strings.TrimLeftFunc(s, isSpace); s != ""; s = strings.TrimLeftFunc(s, isSpace) {
		end := strings.IndexFunc(s, isSpace)
		if end < 0 || len(all) == n {
			return append(all, s)
		}
		all = append(all, s[:end])
		s = s[end:]
	}
	return all
}

// rsplit is split from the end.
func rsplit(m *machine, self Value, a []Value) Value {
	s, n := self.(string), whole(a[1], "maxsplit")
	if a[0] == nil {
		m.allocate(8 * len(s))
		return m.texts(fieldsFromEnd(s, n))
	}
	var parts []string
	sep := separator(a[0])
	m.allocate(16 * strings.Count(s, sep))
	for len(parts) != n {
		at := strings.LastIndex(s, sep)
		if at < 0 {
			break
		}
		parts = append(parts, s[at+len(sep):])
		s = s[:at]
	}
	parts = append(parts, s)
	slices.Reverse(parts)
	return m.texts(parts)
}

// fieldsFromEnd cuts at runs of white space from the end, at most n times if n is not negative.
func fieldsFromEnd(s string, n int) []string {
	var all []string
	for s = strings.TrimRightFunc(s, isSpace); s != ""; s = strings.TrimRightFunc(s, isSpace) {
		at := strings.LastIndexFunc(s, isSpace)
		if at < 0 || len(all) == n {
			all = append(all, s)
			break
		}
		_, width := utf8.DecodeRuneInString(s[at:])
		all = append(all, s[at+width:])
		s = s[:at]
	}
	slices.Reverse(all)
	return all
}

func splitLines(m *machine, self Value, a []Value) Value {
	return m.texts(m.lines(self.(string), m.truth(a[0])))
}

// partition cuts a text in three: before a separator, the separator, after it.
func partition(index func(s, sep string) int) func(m *machine, self Value, a []Value) Value {
	last := index("aa", "a") == 1
	return func(m *machine, self Value, a []Value) Value {
		s, sep := self.(string), separator(a[0])
		m.scan(s)
		switch i := index(s, sep); {
		case i >= 0:
			return Tuple{m.text(s[:i]), sep, m.text(s[i+len(sep):])}
		case last:
			return Tuple{"", "", s}
		}
		return Tuple{s, "", ""}
	}
}

func joinText(m *machine, self Value, a []Value) Value {
	var parts []string
	for item := range m.each(a[0]) {
		parts = append(parts, words(item, "what is joined"))
	}
	return m.joined(parts, self.(string))
}

// joined joins texts with a separator.
func (m *machine) joined(parts []string, separator string) string {
	for _, part := range parts {
		m.allocate(len(part) + len(separator))
		m.scan(part)
	}
	return strings.Join(parts, separator)
}

// window returns s[start:end] and how many characters lie before it; false if start lies beyond the end.
func (m *machine) window(s string, start, end Value) (part string, before int, ok bool) {
	m.scan(s)
	if start == nil && end == nil {
		return s, 0, true
	}
	n := utf8.RuneCountInString(s)
	p := within([3]Value{start, end, nil}, n)
	if start != nil && whole(start, "start") > n {
		return "", 0, false
	}
	return m.sliceText(s, [3]Value{start, end, nil}), p.start, p.start <= p.stop
}

func ends(has func(s, affix string) bool) func(m *machine, self Value, a []Value) Value {
	return func(m *machine, self Value, a []Value) Value {
		part, _, ok := m.window(self.(string), a[1], a[2])
		affixes := Tuple{a[0]}
		if several, is := a[0].(Tuple); is {
			affixes = several
		}
		for _, affix := range affixes {
			if has(part, words(affix, "a prefix or suffix")) && ok {
				return true
			}
		}
		return false
	}
}

func position(index func(s, sub string) int, must bool) func(m *machine, self Value, a []Value) Value {
	return func(m *machine, self Value, a []Value) Value {
		sub := words(a[0], "what is looked for")
		part, before, ok := m.window(self.(string), a[1], a[2])
		at := index(part, sub)
		if at < 0 || !ok {
			if must {
				fail("the text that is looked for is not there")
			}
			return -1
		}
		return before + utf8.RuneCountInString(part[:at])
	}
}

func countText(m *machine, self Value, a []Value) Value {
	part, _, ok := m.window(self.(string), a[1], a[2])
	if !ok {
		return 0
	}
	return strings.Count(part, words(a[0], "what is counted"))
}

// justify pads a text to a width; before says how much of the gap comes before it.
func justify(before func(gap, width int) int) func(m *machine, self Value, a []Value) Value {
	return func(m *machine, self Value, a []Value) Value {
		s, width, fill := self.(string), whole(a[0], "a width"), words(a[1], "a fill character")
		gap := width - utf8.RuneCountInString(s)
		if utf8.RuneCountInString(fill) != 1 {
			fail("a fill character must be one character")
		}
		if gap <= 0 {
			return s
		}
		m.allocate(gap)
		left := before(gap, width)
		return m.text(strings.Repeat(fill, left) + s + strings.Repeat(fill, gap-left))
	}
}

// centred puts the odd one where Python does.
func centred(gap, width int) int { return gap/2 + gap&width&1 }

func zeroFill(m *machine, self Value, a []Value) Value {
	s := self.(string)
	gap := whole(a[0], "a width") - utf8.RuneCountInString(s)
	if gap <= 0 {
		return s
	}
	m.allocate(gap)
	sign := ""
	if s != "" && strings.IndexByte("+-", s[0]) >= 0 {
		sign, s = s[:1], s[1:]
	}
	return m.text(sign + strings.Repeat("0", gap) + s)
}
