package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// number reads a number and returns its length, 0 if there is none: 12, 1_000, 0xff, 1.5, 1e-3. There is no float after
// a dot, so that x.0.1 is an item of an item.
func (l *lexer) number() int {
	s := l.source
	n := digits(s, 10)
	if n == 0 {
		return 0
	}
	if last := len(l.tokens) - 1; last < 0 || !l.tokens[last].is(".") {
		if end := floatEnd(s, n); end > n {
			l.emit(kindFloat, strings.ReplaceAll(s[:end], "_", ""))
			l.skip(end)
			return end
		}
	}
	if s[0] == '0' {
		n = zeroEnd(s)
	}
	l.emit(kindInt, s[:n])
	l.skip(n)
	return n
}

// floatEnd returns where a float ends whose whole part has n digits; n if it is none.
func floatEnd(s string, n int) int {
	end := n
	if strings.HasPrefix(s[end:], ".") {
		fraction := digits(s[end+1:], 10)
		if fraction == 0 {
			return n
		}
		end += 1 + fraction
	}
	if rest := s[end:]; rest != "" && rest[0]|0x20 == 'e' {
		sign := 1
		if len(rest) > 1 && strings.IndexByte("+-", rest[1]) >= 0 {
			sign = 2
		}
		if exponent := digits(rest[sign:], 10); exponent > 0 {
			end += sign + exponent
		}
	}
	return end
}

// zeroEnd returns where an integer ends that begins with 0: 0, 0_0, 0xff, 0o17, 0b11.
func zeroEnd(s string) int {
	if len(s) > 1 {
		if base, ok := map[byte]int{'x': 16, 'o': 8, 'b': 2}[s[1]|0x20]; ok {
			rest := strings.TrimPrefix(s[2:], "_")
			if n := digits(rest, base); n > 0 {
				return len(s) - len(rest) + n
			}
		}
	}
	n := 1
	for strings.HasPrefix(s[n:], "0") || strings.HasPrefix(s[n:], "_0") {
		n++
	}
	return n
}

// digits returns the length of the digits at the start of s, which single underscores may part.
func digits(s string, base int) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if value, ok := digit(s[i]); ok && value < base {
			n = i + 1
		} else if s[i] != '_' || n != i || n == 0 {
			break
		}
	}
	return n
}

func digit(c byte) (int, bool) {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0'), true
	case 'a' <= c|0x20 && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10, true
	}
	return 0, false
}

// string reads a literal in either quotes.
func (l *lexer) string() {
	s := l.source
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			l.emit(kindString, unescape(s[1:i]))
			l.skip(i + 1)
			return
		}
	}
	fail("the text %.20s… is not closed by %c", s, s[0])
}

var escapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape reads Python's escapes. One that is unknown stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if text, ok := escapes[s[i]]; ok {
			b.WriteString(text)
			continue
		}
		switch length := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]; {
		case length > 0:
			if i+length >= len(s) {
				fail(`the escape \%c wants %d hexadecimal digits`, s[i], length)
			}
			code, err := strconv.ParseUint(s[i+1:i+1+length], 16, 32)
			if err != nil || code > utf8.MaxRune {
				fail(`the escape \%s is no character`, s[i:i+1+length])
			}
			b.WriteRune(rune(code))
			i += length
		case s[i] == 'N':
			fail(`characters by name (\N) are not known here`)
		case '0' <= s[i] && s[i] <= '7':
			end := i + 1
			for end < len(s) && end < i+3 && '0' <= s[end] && s[end] <= '7' {
				end++
			}
			code, _ := strconv.ParseUint(s[i:end], 8, 32) // at most three octal digits
			b.WriteRune(rune(code))
			i = end - 1
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
