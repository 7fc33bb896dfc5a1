package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filters are jinja2's, with transformers' tojson. Those of sequences are in sequence.go.
var filters map[string]operation

func init() { // at run time, for filters such as map look into the table themselves
	filters = map[string]operation{
		"abs":         taking(absolute),
		"attr":        taking(attr, "name", required),
		"batch":       taking(batch, "linecount", required, "fill_with", nil),
		"capitalize":  printed(capitalize),
		"center":      taking(centre, "width", 80),
		"count":       taking(length),
		"d":           taking(orDefault, "default_value", "", "boolean", false),
		"default":     taking(orDefault, "default_value", "", "boolean", false),
		"dictsort":    taking(dictSort, "case_sensitive", false, "by", "key", "reverse", false),
		"e":           escape,
		"escape":      escape,
		"first":       taking(first),
		"float":       taking(toFloat, "default", 0.0),
		"forceescape": forceEscape,
		"format":      formatFilter,
		"indent":      taking(indent, "width", 4, "first", false, "blank", false),
		"int":         taking(toInt, "default", 0, "base", 10),
		"items":       taking(items),
		"join":        taking(join, "d", "", "attribute", nil),
		"last":        taking(last),
		"length":      taking(length),
		"list":        taking(func(m *machine, self Value, _ []Value) Value { return m.collect(self) }),
		"lower":       printed(lower),
		"map":         mapped,
		"max":         taking(extreme(">"), "case_sensitive", false, "attribute", nil),
		"min":         taking(extreme("<"), "case_sensitive", false, "attribute", nil),
		"reject":      selected(false, false),
		"rejectattr":  selected(true, false),
		"replace":     taking(replaceFilter, "old", required, "new", required, "count", -1),
		"reverse":     taking(reverse),
		"round":       taking(round, "precision", 0, "method", "common"),
		"safe":        safe,
		"select":      selected(false, true),
		"selectattr":  selected(true, true),
		"slice":       taking(slice, "slices", required, "fill_with", nil),
		"sort":        taking(sorted, "reverse", false, "case_sensitive", false, "attribute", nil),
		"string":      printed(func(s string) string { return s }),
		"sum":         taking(sum, "attribute", nil, "start", 0),
		"title": printed(func(s string) string {
			return titleCase(s, func(r rune) bool { return isSpace(r) || strings.ContainsRune("-({[<", r) })
		}),
		"tojson":    taking(toJSON, "ensure_ascii", false, "indent", nil, "separators", nil, "sort_keys", false),
		"trim":      taking(trim, "chars", nil),
		"truncate":  taking(truncate, "length", 255, "killwords", false, "end", "...", "leeway", 5),
		"unique":    taking(unique, "case_sensitive", false, "attribute", nil),
		"upper":     printed(upper),
		"wordcount": taking(wordCount),
	}
}

// filter applies the filter of a name.
func (m *machine) filter(id string, operand Value, args Args) Value {
	f, ok := filters[id]
	if !ok {
		fail("no filter is called %q", id)
	}
	m.weigh(operand, args)
	return f(m, operand, args)
}

// printed makes a filter of a function from text to text; other values are taken as they print.
func printed(f func(string) string) operation {
	return taking(func(m *machine, self Value, _ []Value) Value { return m.text(f(m.str(self))) })
}

func absolute(_ *machine, self Value, _ []Value) Value {
	f, i, exact, ok := number(self)
	switch {
	case !ok:
		return positive(self) // which says why not
	case exact && i < 0:
		return integers("-", 0, i)
	case exact:
		return i
	}
	return math.Abs(f)
}

func attr(m *machine, self Value, a []Value) Value {
	id := words(a[0], "an attribute")
	mustBeDefined(self)
	if v, ok := m.own(self, id); ok {
		return v
	}
	return missing(self, id)
}

func orDefault(m *machine, self Value, a []Value) Value {
	if _, absent := self.(undefined); absent || m.truth(a[1]) && !m.truth(self) {
		return a[0]
	}
	return self
}

func length(m *machine, self Value, _ []Value) Value {
	n, ok := m.size(self)
	if !ok {
		fail("%q object has no length", typeName(self))
	}
	return n
}

func centre(m *machine, self Value, a []Value) Value {
	return justify(centred)(m, m.str(self), []Value{a[0], " "})
}

func trim(m *machine, self Value, a []Value) Value { return strip(true, true)(m, m.str(self), a) }

func replaceFilter(m *machine, self Value, a []Value) Value {
	count := a[2]
	if count == nil {
		count = -1
	}
	return replace(m, m.str(self), []Value{m.str(a[0]), m.str(a[1]), count})
}

// indent puts white space, or whatever width is, before each line but the first and empty ones.
func indent(m *machine, self Value, a []Value) Value {
	space, ok := a[0].(string)
	if !ok {
		space = m.repeat(" ", whole(a[0], "a width")).(string)
	}
	all := m.lines(words(self, "what is indented")+"\n", false)
	for i, line := range all {
		if i == 0 && !m.truth(a[1]) || i > 0 && line == "" && !m.truth(a[2]) {
			continue
		}
		m.allocate(len(space) + len(line))
		all[i] = space + line
	}
	return m.joined(all, "\n")
}

// truncate cuts a text at a length, with some leeway, and at the end of a word unless words may be cut.
func truncate(m *machine, self Value, a []Value) Value {
	length, end := whole(a[0], "a length"), words(a[2], "an end")
	leeway := 5
	if a[3] != nil {
		leeway = whole(a[3], "a leeway")
	}
	endLength := utf8.RuneCountInString(end)
	if length < endLength || leeway < 0 {
		fail("truncate: the length must be at least that of the end, the leeway at least 0")
	}
	if n, sized := m.size(self); sized && n <= length+leeway {
		return self
	}
	s := words(self, "what is truncated")
	cut := m.sliceText(s, [3]Value{nil, length - endLength, nil})
	if !m.truth(a[1]) {
		if at := strings.LastIndexByte(cut, ' '); at >= 0 {
			cut = cut[:at]
		}
	}
	return m.text(cut + end)
}

func wordCount(m *machine, self Value, _ []Value) Value {
	return len(strings.FieldsFunc(m.text(m.str(self)), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r)
	}))
}

// toInt reads a whole number of a text in a base, or cuts a float's fraction off; other values give the default.
func toInt(_ *machine, self Value, a []Value) Value {
	f, i, exact, ok := number(self)
	if exact {
		return i
	}
	mustBeDefined(self)
	if v, is := self.(string); is {
		text, base := strings.TrimFunc(v, isSpace), whole(a[1], "a base")
		if !strings.HasPrefix(text, "_") && (base == 0 || base >= 2 && base <= 36) {
			if n, err := strconv.ParseInt(unprefixed(text, base), base, strconv.IntSize); err == nil {
				return int(n)
			}
		}
		f, ok = parseFloat(v)
	}
	if !ok || f != f || math.Abs(f) >= math.MaxInt {
		return a[0]
	}
	return int(f)
}

// unprefixed takes 0x, 0o or 0b off a number where it only repeats the base, and single underscores.
func unprefixed(text string, base int) string {
	prefix := map[int]string{16: "0x", 8: "0o", 2: "0b"}[base]
	sign := strings.TrimRight(text[:min(1, len(text))], "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	rest := text[len(sign):]
	if prefix != "" && len(rest) > 2 && strings.EqualFold(rest[:2], prefix) {
		rest = rest[2:]
	}
	if base != 0 && !strings.Contains(rest, "__") && !strings.HasSuffix(rest, "_") {
		rest = strings.ReplaceAll(rest, "_", "")
	}
	return sign + rest
}

func toFloat(_ *machine, self Value, a []Value) Value {
	f, _, _, ok := number(self)
	mustBeDefined(self)
	if text, is := self.(string); is {
		f, ok = parseFloat(text)
	}
	if !ok {
		return a[0]
	}
	return f
}

// parseFloat reads a number as Python's float does.
func parseFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, isSpace)
	if strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0)
}

// round rounds to a number of decimal places: to the nearest, half to even, or up (ceil) or down (floor).
func round(_ *machine, self Value, a []Value) Value {
	f, i, exact, ok := number(self)
	precision, method := whole(a[0], "a precision"), words(a[1], "a method")
	if !ok {
		return positive(self) // which says why not
	}
	switch method {
	case "ceil", "floor":
		scale := math.Pow(10, float64(precision))
		if method == "ceil" {
			return math.Ceil(f*scale) / scale
		}
		return math.Floor(f*scale) / scale
	case "common":
	default:
		fail("round: the method is common, ceil or floor, not %q", method)
	}
	if exact && precision >= 0 {
		return i
	}
	if precision >= 0 {
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', min(precision, 400), 64), 64) // digits it wrote
		return rounded
	}
	scale := math.Pow(10, float64(-precision))
	rounded := math.RoundToEven(f/scale) * scale
	if exact {
		return int(rounded)
	}
	return rounded
}
