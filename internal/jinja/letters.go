package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// upper and lower are Python's, with the mappings of one letter to several: ß is SS.
func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// capitalize makes the first letter upper case and all others lower case.
func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return titled(s[:n]) + lower(s[n:])
}

func titled(letter string) string {
	if r, n := utf8.DecodeRuneInString(letter); n == len(letter) && unicode.ToTitle(r) != unicode.ToUpper(r) {
		return string(unicode.ToTitle(r))
	}
	if u := upper(letter); utf8.RuneCountInString(u) > 1 {
		return capitalize(u)
	}
	return upper(letter)
}

// titleCase makes each letter upper case that begins a word, and all others lower case. begins tells of the characters
// before a letter whether they end a word.
func titleCase(s string, ends func(r rune) bool) string {
	var b strings.Builder
	b.Grow(len(s))
	start := true
	for _, r := range s {
		if start {
			b.WriteString(titled(string(r)))
		} else {
			b.WriteString(lower(string(r)))
		}
		start = ends(r)
	}
	return b.String()
}

// isCased reports whether a character has case.
func isCased(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }

// swapCase makes upper case of lower case and lower case of upper case.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// all reports whether there are characters and each of them is as is says.
func all(s string, is func(r rune) bool) bool {
	for _, r := range s {
		if !is(r) {
			return false
		}
	}
	return s != ""
}

// isLower and isUpper report whether a text has letters of that case and none of another.
func isLower(s string) bool { return hasCase(s, unicode.IsLower) }

func isUpper(s string) bool { return hasCase(s, unicode.IsUpper) }

func hasCase(s string, is func(r rune) bool) bool {
	found := false
	for _, r := range s {
		if isCased(r) && !is(r) {
			return false
		}
		found = found || is(r)
	}
	return found
}

// lines cuts a text into lines, at all ends of lines that Unicode knows, \r\n being one.
func (m *machine) lines(s string, keepEnds bool) []string {
	m.allocate(8 * len(s))
	var all []string
	for s != "" {
		end := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
		if end < 0 {
			return append(all, s)
		}
		_, width := utf8.DecodeRuneInString(s[end:])
		if strings.HasPrefix(s[end:], "\r\n") {
			width = 2
		}
		kept := end
		if keepEnds {
			kept += width
		}
		all = append(all, s[:kept])
		s = s[end+width:]
	}
	return all
}
