package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// formatText is Python's text.format(values…): {}, {0}, {name}, {name.attribute[key]!r:specification}.
func formatText(m *machine, self Value, args Args) Value {
	f := &formatFields{m: m, args: args}
	return m.text(f.format(self.(string), 2))
}

// formatFields fills the fields of a format.
type formatFields struct {
	m    *machine
	args Args
	auto int // fields without a number so far
}

// format fills the fields of a text, and those within their specifications while depth is positive.
func (f *formatFields) format(text string, depth int) string {
	if depth < 0 {
		fail("format: fields nested too deep")
	}
	var b strings.Builder
	for {
		at := strings.IndexAny(text, "{}")
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:at])
		mark := text[at]
		text = text[at+1:]
		if text != "" && text[0] == mark {
			b.WriteByte(mark)
			text = text[1:]
			continue
		}
		if mark == '}' {
			fail("format: a single } in the text")
		}
		end := fieldEnd(text)
		b.WriteString(f.field(text[:end], depth))
		text = text[end+1:]
	}
}

// fieldEnd returns where the field's } is.
func fieldEnd(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	fail("format: a field is not closed by }")
	return 0
}

// field returns a field's value as text.
func (f *formatFields) field(text string, depth int) string {
	path, layout, _ := strings.Cut(text, ":")
	path, conversion, converted := strings.Cut(path, "!")
	v := f.value(path)
	switch {
	case converted && conversion == "r":
		v = f.m.repr(v)
	case converted && conversion == "s":
		v = f.m.str(v)
	case converted:
		fail("format: unknown conversion !%s", conversion)
	}
	layout = f.format(layout, depth-1)
	if layout == "" {
		return f.m.text(f.m.str(v))
	}
	return f.m.layout(v, parseSpec(layout))
}

// value finds what a field speaks of: name.attribute[key].
func (f *formatFields) value(path string) Value {
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	v := f.argument(path[:end])
	for path = path[end:]; path != ""; {
		if path[0] == '.' {
			path = path[1:]
			end = strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			v = f.m.attribute(v, path[:end])
			path = path[end:]
			continue
		}
		key, rest, closed := strings.Cut(path[1:], "]")
		if !closed || path[0] != '[' {
			fail("format: a key is not closed by ]")
		}
		if n, err := strconv.Atoi(key); err == nil {
			v = f.m.item(v, n)
		} else {
			v = f.m.item(v, key)
		}
		path = rest
	}
	return v
}

func (f *formatFields) argument(id string) Value {
	if id == "" {
		id = strconv.Itoa(f.auto)
		f.auto++
	}
	if n, err := strconv.Atoi(id); err == nil {
		if n < 0 || n >= len(f.args.Positional) {
			fail("format: there is no value %d", n)
		}
		return f.args.Positional[n]
	}
	i := slices.IndexFunc(f.args.Named, func(a Named) bool { return a.Name == id })
	if i < 0 {
		fail("format: there is no value %q", id)
	}
	return f.args.Named[i].Value
}
