package tokenizer

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// matching is how an added token of a tokenizer.json is found in text beyond its plain spelling.
type matching struct {
	left, right bool // swallows the white space before, after
	word        bool // only between characters that are no part of a word
}

// matcher finds tokens that are written out in text: control tokens where asked for, user-defined ones always. At the
// first place where any begins the longest is taken.
type matcher struct {
	ids    map[string]Token
	t      *Tokenizer
	first  [256]bool // bytes that a token begins with
	single byte      // the only such byte, if lone
	lone   bool
	byHead map[byte][]string // tokens by first byte, longest first
}

func newMatcher(t *Tokenizer) *matcher {
	m := &matcher{ids: make(map[string]Token), byHead: make(map[byte][]string), t: t}
	for i, text := range t.text {
		switch t.types[i] {
		case typeControl, typeUserDefined, typeUnknown:
			if _, twice := m.ids[text]; text == "" || twice {
				continue
			}
			m.ids[text] = Token(i)
			m.first[text[0]] = true
			m.byHead[text[0]] = append(m.byHead[text[0]], text)
		}
	}
	for head, list := range m.byHead {
		sort.Slice(list, func(a, b int) bool { return len(list[a]) > len(list[b]) })
		m.single, m.lone = head, len(m.byHead) == 1
	}
	return m
}

// next returns the text before the first token, the token or None, and the text after it.
func (m *matcher) next(text string, special bool) (before string, id Token, after string) {
	for at := 0; at < len(text); at++ {
		if m.lone {
			k := strings.IndexByte(text[at:], m.single)
			if k < 0 {
				break
			}
			at += k
		} else if !m.first[text[at]] {
			continue
		}
		for _, name := range m.byHead[text[at]] {
			if !strings.HasPrefix(text[at:], name) {
				continue
			}
			id := m.ids[name]
			how := m.t.extra[id]
			if m.t.types[id] != typeUserDefined && !special || how.word && !isolated(text, at, at+len(name)) {
				continue
			}
			before, after := text[:at], text[at+len(name):]
			if how.left {
				before = strings.TrimRightFunc(before, unicode.IsSpace)
			}
			if how.right {
				after = strings.TrimLeftFunc(after, unicode.IsSpace)
			}
			return before, id, after
		}
	}
	return text, None, ""
}

// isolated reports whether text[from:to] neither follows nor precedes a word character.
func isolated(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return (from == 0 || !isWordRune(before)) && (to == len(text) || !isWordRune(after))
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
