package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spec says how a value is laid out: Python's format specification, to which the directives of % are translated.
type spec struct {
	fill      string // one character; "" for a space
	align     byte   // '<', '>', '^', '=' (between sign and digits), 0 for the type's own
	flags     string // of '+', ' ' and '#', which Go has as well
	group     string // "," or "_" between thousands
	width     int
	precision int  // −1 for the type's own
	verb      byte // 0 for the type's own
}

// maxWidth bounds widths and precisions.
const maxWidth = 10_000

// layout formats a value.
func (m *machine) layout(v Value, f spec) string {
	if f.width > maxWidth || f.precision > maxWidth {
		fail("a width or precision beyond %d", maxWidth)
	}
	m.allocate(f.width + max(f.precision, 0))
	text, isText := v.(string)
	x, i, exact, isNumber := number(v)
	switch {
	case isText && (f.verb == 0 || f.verb == 's') && f.align != '=':
		if f.precision >= 0 {
			text = m.sliceText(text, [3]Value{nil, f.precision, nil})
		}
		return m.text(f.pad(text, '<'))
	case !isNumber:
		mustBeDefined(v)
		fail("a value of the type %s cannot be formatted as %q", typeName(v), f.verb)
	case exact && f.verb == 'c':
		return m.text(f.pad(string(rune(i)), '<'))
	case exact && strings.IndexByte("\x00dboxXn", f.verb) >= 0:
		return f.pad(f.grouped(f.whole(i)), '>')
	}
	return f.pad(f.grouped(f.float(x)), '>')
}

func (f spec) whole(i int) string {
	verb := f.verb
	switch {
	case verb == 0 || verb == 'n':
		verb = 'd'
	case verb == 'o' && strings.Contains(f.flags, "#"):
		verb = 'O'
	}
	if f.precision >= 0 {
		return fmt.Sprintf("%"+f.flags+".*"+string(verb), f.precision, i)
	}
	return fmt.Sprintf("%"+f.flags+string(verb), i)
}

func (f spec) float(x float64) string {
	verb, precision, after := f.verb, f.precision, ""
	switch {
	case verb == 0 && precision < 0:
		text := floatText(x)
		if x >= 0 {
			text = strings.Trim(f.flags, "#") + text
		}
		return text
	case precision < 0:
		precision = 6
	}
	switch verb {
	case '%':
		x, verb, after = 100*x, 'f', "%"
	case 0, 'n':
		verb = 'g'
	case 'e', 'E', 'f', 'F', 'g', 'G':
	default:
		fail("a number cannot be formatted as %q", verb)
	}
	if verb|0x20 == 'g' {
		precision = max(precision, 1)
	}
	text := fmt.Sprintf("%"+strings.Trim(f.flags, "#")+".*"+string(verb), precision, x)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		text = strings.TrimPrefix(strings.ToLower(text), "+")
	} else if f.verb == 0 && !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text + after
}

// grouped puts marks between thousands of a number's whole part.
func (f spec) grouped(number string) string {
	if f.group == "" {
		return number
	}
	end := strings.IndexAny(number, ".e%")
	if end < 0 {
		end = len(number)
	}
	for at := end - 3; at > 0 && '0' <= number[at-1] && number[at-1] <= '9'; at -= 3 {
		number = number[:at] + f.group + number[at:]
	}
	return number
}

// pad fills a text up to the width; other is how it is aligned if the specification does not say so.
func (f spec) pad(text string, other byte) string {
	gap := f.width - utf8.RuneCountInString(text)
	if gap <= 0 {
		return text
	}
	fill, align := f.fill, f.align
	if fill == "" {
		fill = " "
	}
	if align == 0 {
		align = other
	}
	left := map[byte]int{'>': gap, '^': gap / 2}[align]
	if align == '=' {
		digits := strings.TrimLeft(text, "+- ")
		return text[:len(text)-len(digits)] + strings.Repeat(fill, gap) + digits
	}
	return strings.Repeat(fill, left) + text + strings.Repeat(fill, gap-left)
}

// scanner reads the parts of a format.
type scanner struct{ rest string }

// any moves past the next byte if it is one of a set, and returns it; else 0.
func (s *scanner) any(set string) byte {
	if s.rest == "" || strings.IndexByte(set, s.rest[0]) < 0 {
		return 0
	}
	c := s.rest[0]
	s.rest = s.rest[1:]
	return c
}

// number reads digits; other if there are none.
func (s *scanner) number(other int) int {
	n := digits(s.rest, 10)
	if n == 0 {
		return other
	}
	value, err := strconv.Atoi(s.rest[:n])
	if err != nil {
		fail("the number %q in a format", s.rest[:n])
	}
	s.rest = s.rest[n:]
	return value
}

// parseSpec reads Python's format specification: [[fill]align][sign][#][0][width][grouping][.precision][verb].
func parseSpec(text string) spec {
	f := spec{precision: -1}
	s := &scanner{text}
	if _, n := utf8.DecodeRuneInString(text); n < len(text) && strings.IndexByte("<>^=", text[n]) >= 0 {
		f.fill, s.rest = text[:n], text[n:]
	}
	f.align = s.any("<>^=")
	for _, flags := range []string{"+- ", "#"} {
		if c := s.any(flags); c != 0 && c != '-' {
			f.flags += string(c)
		}
	}
	if s.any("0") != 0 && f.align == 0 {
		f.fill, f.align = "0", '='
	}
	f.width = s.number(0)
	if mark := s.any(",_"); mark != 0 {
		f.group = string(mark)
	}
	if s.any(".") != 0 {
		if f.precision = s.number(-1); f.precision < 0 {
			fail("a format's precision is missing: %q", text)
		}
	}
	f.verb = s.any("bcdeEfFgGnosxX%")
	if s.rest != "" {
		fail("the format %q is not understood", text)
	}
	return f
}
