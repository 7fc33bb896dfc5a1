package jinja

// methods are those of Python's types, by type. Those that change a list or dictionary are refused in attribute.go.
var methods map[string]map[string]operation

func init() { // at run time, for text.format looks attributes up itself
	methods = map[string]map[string]operation{
		"str":   textMethods,
		"tuple": sequenceMethods,
		"range": sequenceMethods,
		"list": {
			"index": taking(indexOf, "value", required),
			"count": taking(countOf, "value", required),
			"copy":  taking(itself),
		},
		"dict": {
			"get":    taking(getOr, "key", required, "default", nil),
			"keys":   views("dict_keys", func(d *Dict) List { return d.keys }),
			"values": views("dict_values", func(d *Dict) List { return d.values }),
			"items":  views("dict_items", (*Dict).pairs),
			"copy":   taking(itself),
		},
	}
}

var sequenceMethods = map[string]operation{
	"index": taking(indexOf, "value", required),
	"count": taking(countOf, "value", required),
}

// itself is a copy of what cannot change.
func itself(_ *machine, self Value, _ []Value) Value { return self }

func indexOf(m *machine, self Value, a []Value) Value {
	i := 0
	for item := range m.each(self) {
		if m.equal(item, a[0]) {
			return i
		}
		i++
	}
	fail("the value that is looked for is not in the list")
	return nil
}

func countOf(m *machine, self Value, a []Value) Value {
	n := 0
	for item := range m.each(self) {
		if m.equal(item, a[0]) {
			n++
		}
	}
	return n
}

func getOr(_ *machine, self Value, a []Value) Value {
	if v, ok := self.(*Dict).get(a[0]); ok {
		return v
	}
	return a[1]
}

func views(id string, of func(*Dict) List) operation {
	return taking(func(m *machine, self Value, _ []Value) Value { return view{id, m.list(of(self.(*Dict)))} })
}
