package jinja

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// toJSON is transformers' tojson: Python's json.dumps, by default with ensure_ascii=False, so that nothing is escaped for
// HTML and keys keep their order.
func toJSON(m *machine, self Value, a []Value) Value {
	w := &jsonWriter{m: m, ascii: m.truth(a[0]), item: ", ", key: ": ", sortKeys: m.truth(a[3])}
	if a[1] != nil {
		w.indented, w.item = true, ","
		if text, ok := a[1].(string); ok {
			w.indent = text
		} else {
			w.indent = m.repeat(" ", whole(a[1], "an indent")).(string)
		}
	}
	if a[2] != nil {
		both := m.collect(a[2])
		if len(both) != 2 {
			fail("separators are two: between items and after keys")
		}
		w.item, w.key = words(both[0], "a separator"), words(both[1], "a separator")
	}
	w.value(self, 0)
	return w.b.String()
}

// jsonWriter writes values as JSON.
type jsonWriter struct {
	m         *machine
	b         strings.Builder
	ascii     bool
	item, key string // separators
	indented  bool
	indent    string // of one level
	sortKeys  bool
}

func (w *jsonWriter) value(v Value, level int) {
	w.m.enter()
	defer w.m.leave()
	w.m.step(1)
	switch v := plain(v).(type) {
	case nil, bool, int, float64:
		w.write(scalar(v))
	case string:
		w.text(v)
	case List:
		w.items('[', len(v), ']', level, func(i int) { w.value(v[i], level+1) })
	case Tuple:
		w.items('[', len(v), ']', level, func(i int) { w.value(v[i], level+1) })
	case *Dict:
		pairs := v.pairs()
		if w.sortKeys {
			pairs = w.m.sort(pairs, false, w.m.getter(0))
		}
		w.items('{', len(pairs), '}', level, func(i int) {
			pair := pairs[i].(Tuple)
			w.name(pair[0])
			w.write(w.key)
			w.value(pair[1], level+1)
		})
	default:
		fail("tojson: a value of the type %s has no form in JSON", typeName(v))
	}
}

func (w *jsonWriter) write(s string) {
	w.m.allocate(len(s))
	w.b.WriteString(s)
}

func (w *jsonWriter) items(opening byte, n int, closing byte, level int, item func(i int)) {
	w.b.WriteByte(opening)
	for i := range n {
		if i > 0 {
			w.write(w.item)
		}
		w.line(level + 1)
		item(i)
	}
	if n > 0 {
		w.line(level)
	}
	w.b.WriteByte(closing)
}

func (w *jsonWriter) line(level int) {
	if w.indented {
		w.m.allocate(level * len(w.indent))
		w.b.WriteString("\n" + strings.Repeat(w.indent, level))
	}
}

// name writes a key, which JSON wants to be text.
func (w *jsonWriter) name(key Value) {
	switch key := plain(key).(type) {
	case string:
		w.text(key)
	case nil, bool, int, float64:
		w.text(scalar(key))
	default:
		fail("tojson: a key of the type %s has no form in JSON", typeName(key))
	}
}

func scalar(v Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		}
		return floatText(v)
	}
	return fmt.Sprint(v) // true, false, 12
}

func (w *jsonWriter) text(s string) {
	before := w.b.Len()
	w.m.scan(s)
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(r)
		case r < 0x20 && strings.ContainsRune("\b\f\n\r\t", r):
			w.b.WriteByte('\\')
			w.b.WriteByte("btn_fr"[r-'\b'])
		case r < 0x20 || w.ascii && r >= 0x7f && r < 0x10000:
			fmt.Fprintf(&w.b, `\u%04x`, r)
		case w.ascii && r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, high, low)
		case r == utf8.RuneError:
			w.b.WriteString("\uFFFD")
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
	w.m.allocate(w.b.Len() - before)
}
