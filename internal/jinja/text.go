package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// str is Python's str: how a value is printed.
func (m *machine) str(v Value) string {
	switch v := v.(type) {
	case string:
		return v
	case markup:
		return string(v)
	case undefined:
		return ""
	}
	return m.repr(v)
}

// repr is Python's repr: how a value is printed within a list.
func (m *machine) repr(v Value) string {
	var b strings.Builder
	m.writeRepr(&b, v)
	return b.String()
}

func (m *machine) writeRepr(b *strings.Builder, v Value) {
	m.enter()
	defer m.leave()
	before := b.Len()
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{false: "False", true: "True"}[v])
	case int:
		b.WriteString(strconv.Itoa(v))
	case float64:
		b.WriteString(floatText(v))
	case string:
		b.WriteString(quote(v))
	case markup:
		b.WriteString("Markup(" + quote(string(v)) + ")")
	case List:
		m.reprItems(b, "[", v, "]")
	case Tuple:
		if len(v) == 1 {
			m.reprItems(b, "(", v, ",)")
		} else {
			m.reprItems(b, "(", v, ")")
		}
	case *Dict:
		b.WriteByte('{')
		for i, key := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			m.writeRepr(b, key)
			b.WriteString(": ")
			m.writeRepr(b, v.values[i])
		}
		b.WriteByte('}')
	case view:
		m.reprItems(b, v.name+"([", v.items, "])")
	case *namespace:
		b.WriteString("<Namespace ")
		m.writeRepr(b, v.vars)
		b.WriteByte('>')
	case progression:
		fmt.Fprintf(b, "range(%d, %d", v.start, v.stop)
		if v.step != 1 {
			fmt.Fprintf(b, ", %d", v.step)
		}
		b.WriteByte(')')
	case *loop:
		fmt.Fprintf(b, "<LoopContext %d/%d>", v.index+1, v.size(m))
	case fmt.Stringer: // macros, methods
		b.WriteString(v.String())
	case undefined:
		b.WriteString("Undefined")
	case *generator, Function:
		fmt.Fprintf(b, "<%s object>", typeName(v))
	default:
		fail("a variable is of the Go type %T, which templates do not know", v)
	}
	m.allocate(b.Len() - before)
	m.step(1 + (b.Len()-before)/64)
}

func (m *machine) reprItems(b *strings.Builder, opening string, items []Value, closing string) {
	b.WriteString(opening)
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		m.writeRepr(b, item)
	}
	b.WriteString(closing)
}

// floatText writes a float as Python does: the shortest digits that give it back, with an exponent below 1e-4 and from
// 1e16 on.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'g', -1, 64)), "+")
	}
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if strings.IndexByte(s, '.') < 0 {
		s += ".0"
	}
	return s
}

// quote writes text as Python's repr does, in single quotes unless it has some and no double ones.
func quote(s string) string {
	mark := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		mark = '"'
	}
	var b strings.Builder
	b.WriteRune(mark)
	for _, r := range s {
		switch {
		case r == mark || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(mark)
	return b.String()
}
