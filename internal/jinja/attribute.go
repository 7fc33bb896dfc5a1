package jinja

import "unicode/utf8"

// attribute is of.id in a template: a method or another attribute of the value, else its item of that name.
func (m *machine) attribute(of Value, id string) Value {
	mustBeDefined(of)
	of = plain(of)
	if v, ok := m.own(of, id); ok {
		return v
	}
	if v, ok := m.find(of, id); ok {
		return v
	}
	return missing(of, id)
}

// item is of[key]: an item, else the attribute of that name.
func (m *machine) item(of, key Value) Value {
	mustBeDefined(of)
	of, key = plain(of), plain(key)
	if v, ok := m.find(of, key); ok {
		return v
	}
	if id, ok := key.(string); ok {
		if v, ok := m.own(of, id); ok {
			return v
		}
	}
	return missing(of, key)
}

func missing(of, key Value) undefined {
	holder := typeName(of) + " object"
	if of == nil {
		holder = "None"
	}
	if id, ok := key.(string); ok {
		return undefined{quote(holder) + " has no attribute " + quote(id)}
	}
	return undefined{quote(holder) + " has no such element"}
}

// unsafe are the methods that would change a list or dictionary.
var unsafe = map[string]map[string]bool{
	"list": {"append": true, "clear": true, "pop": true, "reverse": true, "insert": true, "sort": true, "extend": true, "remove": true},
	"dict": {"clear": true, "pop": true, "popitem": true, "setdefault": true, "update": true},
}

// own returns an attribute of the value itself: what Python's getattr finds, within the sandbox.
func (m *machine) own(of Value, id string) (Value, bool) {
	switch of := of.(type) {
	case string, List, Tuple, *Dict, progression:
		kind := typeName(of)
		if call, ok := methods[kind][id]; ok {
			return &method{of, id, call}, true
		}
		if unsafe[kind][id] {
			return undefined{quote(id) + " would change a " + kind + ", which a template may not"}, true
		}
	case *namespace:
		return of.vars.get(id)
	case *loop:
		return of.attribute(m, id)
	case *macro:
		return of.attribute(id)
	}
	return nil, false
}

// find returns an item by key or index.
func (m *machine) find(of, key Value) (Value, bool) {
	if d, ok := of.(*Dict); ok {
		switch key := key.(type) {
		case List, *Dict:
			return nil, false
		case string:
			m.scan(key)
		}
		return d.get(key)
	}
	_, i, exact, _ := number(key)
	if !exact {
		return nil, false
	}
	switch of := of.(type) {
	case List:
		return at(of, i)
	case Tuple:
		return at(of, i)
	case progression:
		if i < 0 {
			i += of.len()
		}
		return of.at(i), i >= 0 && i < of.len()
	case string:
		return m.character(of, i)
	}
	return nil, false
}

func at(items []Value, i int) (Value, bool) {
	if i < 0 {
		i += len(items)
	}
	if i < 0 || i >= len(items) {
		return nil, false
	}
	return items[i], true
}

func (m *machine) character(s string, i int) (Value, bool) {
	m.scan(s)
	if i < 0 {
		i += utf8.RuneCountInString(s)
	}
	for at, r := range s {
		if i == 0 {
			return string(r), true
		}
		if i--; i < 0 || at > len(s) {
			break
		}
	}
	return nil, false
}

// slice is of[start:stop:step]; a bound that is nil is left out.
func (m *machine) slice(of Value, bounds [3]Value) Value {
	mustBeDefined(of)
	switch of := plain(of).(type) {
	case List:
		return m.list(m.sliced(of, bounds))
	case Tuple:
		return Tuple(m.list(m.sliced(List(of), bounds)))
	case progression:
		p := within(bounds, of.len())
		return progression{of.at(p.start), of.at(p.stop), of.step * p.step}
	case string:
		return m.text(m.sliceText(of, bounds))
	}
	fail("%q object cannot be sliced", typeName(of))
	return nil
}

func (m *machine) sliced(items List, bounds [3]Value) List {
	p := within(bounds, len(items))
	part := make(List, p.len())
	for i := range part {
		part[i] = items[p.at(i)]
	}
	return part
}

func (m *machine) sliceText(s string, bounds [3]Value) string {
	m.scan(s)
	if utf8.RuneCountInString(s) == len(s) { // ASCII, or as good as
		p := within(bounds, len(s))
		if p.step == 1 {
			return s[p.start:max(p.start, p.stop)]
		}
	}
	m.allocate(4 * len(s))
	runes := []rune(s)
	p := within(bounds, len(runes))
	part := make([]rune, p.len())
	for i := range part {
		part[i] = runes[p.at(i)]
	}
	return string(part)
}

// within returns the indices that a slice takes of n items.
func within(bounds [3]Value, n int) progression {
	step := 1
	if bounds[2] != nil {
		step = whole(bounds[2], "a slice's step")
	}
	if step == 0 {
		fail("a slice's step cannot be zero")
	}
	step = min(max(step, -n-1), n+1)
	low, high := 0, n // what a bound is clamped to
	if step < 0 {
		low, high = -1, n-1
	}
	bound := func(v Value, other int) int {
		if v == nil {
			return other
		}
		i := whole(v, "a slice's bound")
		if i < 0 {
			i += n
		}
		return min(max(i, low), high)
	}
	if step < 0 {
		return progression{bound(bounds[0], high), bound(bounds[1], low), step}
	}
	return progression{bound(bounds[0], low), bound(bounds[1], high), step}
}
