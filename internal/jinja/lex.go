package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	kindEnd      kind = iota // of the template
	kindText                 // what stands outside of tags
	kindPrint                // {{
	kindPrintEnd             // }}
	kindTag                  // {%
	kindTagEnd               // %}
	kindName
	kindString // text is the value
	kindInt
	kindFloat
	kindOperator
)

// token is a piece of a template. The text of a string is its value, that of any other token its spelling.
type token struct {
	kind kind
	text string
	line int
}

// is reports whether the token is the name or the operator so spelt.
func (t token) is(text string) bool {
	return (t.kind == kindName || t.kind == kindOperator) && t.text == text
}

// String names a token in messages.
func (t token) String() string {
	switch t.kind {
	case kindEnd:
		return "the end of the template"
	case kindText:
		return "text"
	case kindString:
		return quote(t.text)
	}
	return `"` + t.text + `"`
}

// lexer cuts a source into tokens, in one pass.
type lexer struct {
	source    string // what is left
	line      int
	lineStart bool   // what was read last ended a line
	open      []byte // the brackets that wait to be closed, as their closing ones
	tokens    []token
}

func (l *lexer) emit(k kind, text string) { l.tokens = append(l.tokens, token{k, text, l.line}) }

// skip moves past n bytes.
func (l *lexer) skip(n int) {
	l.line += strings.Count(l.source[:n], "\n")
	if n > 0 {
		l.lineStart = l.source[n-1] == '\n'
	}
	l.source = l.source[n:]
}

func lex(source string) (tokens []token, err error) {
	l := &lexer{source: source, line: 1, lineStart: true}
	defer func() { err = recovered(recover(), l.line, err) }()
	l.run()
	return l.tokens, nil
}

// run reads the whole source: text, tag, text, tag, text.
func (l *lexer) run() {
	for {
		n := tagStart(l.source)
		if n < 0 {
			l.text(len(l.source), 0)
			l.emit(kindEnd, "")
			return
		}
		opening, sign := l.source[n:n+2], byte(0)
		if n+2 < len(l.source) && strings.IndexByte("+-", l.source[n+2]) >= 0 {
			sign = l.source[n+2]
		}
		strip := sign
		if opening == "{{" && sign == 0 {
			strip = '+' // only statements and comments lose the white space before them
		}
		l.text(n, strip)
		length := 2
		if sign != 0 {
			length = 3
		}
		switch {
		case opening == "{#":
			l.skip(length)
			l.comment()
		case opening == "{%" && l.raw(length):
		case opening == "{%":
			l.emit(kindTag, "{%")
			l.skip(length)
			l.inside("%}", kindTagEnd)
		default:
			l.emit(kindPrint, "{{")
			l.skip(length)
			l.inside("}}", kindPrintEnd)
		}
	}
}

// tagStart returns where the first tag begins; −1 if there is none.
func tagStart(s string) int {
	for at := 0; ; {
		n := strings.IndexByte(s[at:], '{')
		if n < 0 || at+n+1 == len(s) {
			return -1
		}
		at += n + 1
		if strings.IndexByte("{%#", s[at]) >= 0 {
			return at - 1
		}
	}
}

// text emits n bytes of text before a tag whose sign is '-' (all white space before it goes), '+' (none does) or 0 (what
// stands between the beginning of the tag's line and the tag goes).
func (l *lexer) text(n int, sign byte) {
	text := l.source[:n]
	switch sign {
	case '-':
		text = strings.TrimRightFunc(text, isSpace)
	case 0:
		start := strings.LastIndexByte(text, '\n') + 1
		if (start > 0 || l.lineStart) && n < len(l.source) && strings.TrimLeftFunc(text[start:], isSpace) == "" {
			text = text[:start]
		}
	}
	if text != "" {
		l.emit(kindText, text)
	}
	l.skip(n)
}

// closing returns the length of a closing mark at the start of s with the white space it takes along: after "-%}" all,
// after "%}" one line end, after "+%}" none; 0 if there is no mark. "}}" takes no line end and has no "+}}".
func closing(s, mark string) int {
	switch {
	case strings.HasPrefix(s, "-"+mark):
		return len(s) - len(strings.TrimLeftFunc(s[len(mark)+1:], isSpace))
	case mark != "}}" && strings.HasPrefix(s, "+"+mark):
		return len(mark) + 1
	case mark != "}}" && strings.HasPrefix(s, mark+"\n"):
		return len(mark) + 1
	case strings.HasPrefix(s, mark):
		return len(mark)
	}
	return 0
}

func (l *lexer) comment() {
	if l.source == "" {
		return // "{#" at the very end opens nothing
	}
	end := strings.Index(l.source, "#}")
	if end < 0 {
		fail("a comment {# is not closed by #}")
	}
	if end > 0 && strings.IndexByte("+-", l.source[end-1]) >= 0 {
		end--
	}
	l.skip(end)
	l.skip(closing(l.source, "#}"))
}

// raw reads {% raw %}…{% endraw %} as text. It reports false, and reads nothing, where another tag stands.
func (l *lexer) raw(signed int) bool {
	n := signed + rawTag(l.source[signed:], "raw")
	switch {
	case n == signed:
		return false
	case strings.HasPrefix(l.source[n:], "-%}"):
		l.skip(n + closing(l.source[n:], "%}"))
	case strings.HasPrefix(l.source[n:], "%}"):
		l.skip(n + len("%}")) // the line end after it is part of the text
	default:
		return false
	}
	for at := 0; ; {
		n := strings.Index(l.source[at:], "{%")
		if n < 0 {
			if l.source == "" {
				return true
			}
			fail("{%% raw %%} is not closed by {%% endraw %%}")
		}
		at += n + 2
		tag, sign := l.source[at:], byte(0)
		if tag != "" && strings.IndexByte("+-", tag[0]) >= 0 {
			tag, sign = tag[1:], tag[0]
		}
		n = rawTag(tag, "endraw")
		if n == 0 || closing(tag[n:], "%}") == 0 {
			continue
		}
		whole := len(l.source)
		l.text(at-2, sign)
		l.skip(whole - (at - 2) - len(tag) + n)
		l.skip(closing(l.source, "%}"))
		return true
	}
}

// rawTag returns the length of a word between white space at the start of s; 0 if another stands there.
func rawTag(s, word string) int {
	rest, ok := strings.CutPrefix(strings.TrimLeftFunc(s, isSpace), word)
	if !ok {
		return 0
	}
	return len(s) - len(strings.TrimLeftFunc(rest, isSpace))
}

// inside reads the tokens of a tag up to its closing mark. A mark within brackets is not one: {{ {'a': {}} }}.
func (l *lexer) inside(mark string, end kind) {
	l.open = l.open[:0]
	for l.source != "" {
		if n := closing(l.source, mark); n > 0 && len(l.open) == 0 {
			l.emit(end, mark)
			l.skip(n)
			return
		}
		if r, size := utf8.DecodeRuneInString(l.source); isSpace(r) {
			l.skip(size)
			continue
		}
		if n := l.number(); n > 0 {
			continue
		}
		if n := nameLength(l.source); n > 0 {
			l.emit(kindName, l.source[:n])
			l.skip(n)
		} else if l.source[0] == '"' || l.source[0] == '\'' {
			l.string()
		} else {
			l.operator()
		}
	}
}

func nameLength(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc)) {
			return i
		}
	}
	return len(s)
}

var operators = []string{
	"**", "//", "==", "!=", ">=", "<=",
	"+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";",
}

func (l *lexer) operator() {
	for _, op := range operators {
		if !strings.HasPrefix(l.source, op) {
			continue
		}
		switch op {
		case "(", "[", "{":
			l.open = append(l.open, map[string]byte{"(": ')', "[": ']', "{": '}'}[op])
		case ")", "]", "}":
			if last := len(l.open) - 1; last < 0 || l.open[last] != op[0] {
				fail("%q closes nothing", op)
			} else {
				l.open = l.open[:last]
			}
		}
		l.emit(kindOperator, op)
		l.skip(len(op))
		return
	}
	r, _ := utf8.DecodeRuneInString(l.source)
	fail("unexpected character %q", r)
}

// isSpace is Python's str.isspace for one character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
