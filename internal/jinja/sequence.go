package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// getter returns what a filter's attribute argument means: "a.b" is item b of item a, and nil the value itself.
func (m *machine) getter(attribute Value) func(Value) Value {
	if attribute == nil {
		return func(v Value) Value { return v }
	}
	parts := []Value{attribute}
	if path, ok := attribute.(string); ok {
		m.allocate(32 * (1 + strings.Count(path, ".")))
		parts = parts[:0]
		for part := range strings.SplitSeq(path, ".") {
			if n, err := strconv.Atoi(part); err == nil && n >= 0 {
				parts = append(parts, n)
			} else {
				parts = append(parts, part)
			}
		}
	}
	return func(v Value) Value {
		for _, part := range parts {
			v = m.item(v, part)
		}
		return v
	}
}

// key is getter for what is compared, texts without regard to case unless that matters.
func (m *machine) key(attribute, caseSensitive Value) func(Value) Value {
	get := m.getter(attribute)
	if m.truth(caseSensitive) {
		return get
	}
	return func(v Value) Value {
		v = get(v)
		if text, ok := v.(string); ok {
			return m.text(lower(text))
		}
		return v
	}
}

// lazily returns a generator of the values that f gives for items; those for which it reports false are left out.
func (m *machine) lazily(over Value, f func(item Value) (Value, bool)) Value {
	var next iterator
	return &generator{func() (Value, bool) {
		if next == nil {
			next = m.iterate(over)
		}
		m.enter()
		defer m.leave()
		for item, ok := next(); ok; item, ok = next() {
			m.step(1)
			if v, ok := f(item); ok {
				return v, true
			}
		}
		return nil, false
	}}
}

// orNone returns an empty list for what is false, such as None, which these filters take for one.
func (m *machine) orNone(v Value) Value {
	if m.truth(v) {
		return v
	}
	return List{}
}

// mapped is map(attribute='a.b', default=x) or map('filter', arguments…).
func mapped(m *machine, self Value, args Args) Value {
	if len(args.Positional) == 0 {
		a := params("attribute", required, "default", nil).bind("map", args)
		get := m.getter(a[0])
		return m.lazily(m.orNone(self), func(item Value) (Value, bool) {
			v := get(item)
			if _, absent := v.(undefined); absent && a[1] != nil {
				v = a[1]
			}
			return v, true
		})
	}
	id := words(args.Positional[0], "a filter's name")
	args.Positional = args.Positional[1:]
	return m.lazily(m.orNone(self), func(item Value) (Value, bool) { return m.filter(id, item, args), true })
}

// selected makes select, reject and, for an attribute of the items, selectattr and rejectattr: the items for which a test
// holds, or which are true if none is named; or the others.
func selected(byAttribute, keep bool) operation {
	return func(m *machine, self Value, args Args) Value {
		get := m.getter(nil)
		if byAttribute {
			if len(args.Positional) == 0 {
				fail("selectattr and rejectattr want an attribute")
			}
			get = m.getter(args.Positional[0])
			args.Positional = args.Positional[1:]
		}
		holds := m.truth
		if len(args.Positional) > 0 {
			id := words(args.Positional[0], "a test's name")
			args.Positional = args.Positional[1:]
			holds = func(v Value) bool { return m.test(id, v, args) }
		}
		return m.lazily(m.orNone(self), func(item Value) (Value, bool) { return item, holds(get(item)) == keep })
	}
}

func unique(m *machine, self Value, a []Value) Value {
	seen := make(map[any]bool)
	key := m.key(a[1], a[0])
	return m.lazily(self, func(item Value) (Value, bool) {
		h := hash(key(item))
		m.allocate(64)
		again := seen[h]
		seen[h] = true
		return item, !again
	})
}

func items(m *machine, self Value, _ []Value) Value {
	switch d := self.(type) {
	case undefined:
		return m.lazily(List{}, nil)
	case *Dict:
		return m.lazily(m.list(d.pairs()), func(item Value) (Value, bool) { return item, true })
	}
	fail("items wants a dictionary, not %q", typeName(self))
	return nil
}

func join(m *machine, self Value, a []Value) Value {
	get := m.getter(a[1])
	var parts []string
	for item := range m.each(self) {
		parts = append(parts, m.str(get(item)))
	}
	return m.joined(parts, m.str(a[0]))
}

func first(m *machine, self Value, _ []Value) Value {
	for item := range m.each(self) {
		return item
	}
	return undefined{"no first item: the sequence is empty"}
}

func last(m *machine, self Value, _ []Value) Value {
	if _, lazy := self.(*generator); lazy {
		fail("a generator has no last item; make a list of it")
	}
	all := m.collect(self)
	if len(all) == 0 {
		return undefined{"no last item: the sequence is empty"}
	}
	return all[len(all)-1]
}

func reverse(m *machine, self Value, _ []Value) Value {
	all := m.collect(self)
	slices.Reverse(all)
	text, ok := self.(string)
	switch self.(type) {
	case *generator:
		return all
	case undefined:
		return all
	}
	if !ok {
		return m.lazily(all, func(item Value) (Value, bool) { return item, true })
	}
	runes := []rune(text)
	slices.Reverse(runes)
	return m.text(string(runes))
}

func sum(m *machine, self Value, a []Value) Value {
	get := m.getter(a[0])
	total := a[1]
	if _, text := total.(string); text {
		fail("sum adds no texts; use join")
	}
	for item := range m.each(self) {
		total = m.arithmetic("+", total, get(item))
	}
	return total
}

// extreme makes min and max.
func extreme(op string) func(m *machine, self Value, a []Value) Value {
	return func(m *machine, self Value, a []Value) Value {
		var best Value = undefined{"no greatest or least item: the sequence is empty"}
		var bestKey Value
		key := m.key(a[1], a[0])
		some := false
		for item := range m.each(self) {
			if k := key(item); !some || m.compare(op, k, bestKey) {
				best, bestKey, some = item, k, true
			}
		}
		return best
	}
}

// sorted sorts by one or more attributes, parted by commas; equal items keep their order.
func sorted(m *machine, self Value, a []Value) Value {
	attributes := []Value{a[2]}
	if path, ok := a[2].(string); ok {
		m.allocate(32 * (1 + strings.Count(path, ",")))
		attributes = attributes[:0]
		for part := range strings.SplitSeq(path, ",") {
			attributes = append(attributes, part)
		}
	}
	var keys []func(Value) Value
	for _, attribute := range attributes {
		keys = append(keys, m.key(attribute, a[1]))
	}
	return m.sort(m.collect(self), m.truth(a[0]), func(item Value) Value {
		k := make(List, len(keys))
		for i, key := range keys {
			k[i] = key(item)
		}
		return k
	})
}

func (m *machine) sort(all List, reverse bool, key func(Value) Value) List {
	type keyed struct{ key, item Value }
	pairs := make([]keyed, len(all))
	for i, item := range all {
		pairs[i] = keyed{key(item), item}
	}
	slices.SortStableFunc(pairs, func(a, b keyed) int {
		if reverse {
			a, b = b, a
		}
		switch {
		case m.less("<", a.key, b.key):
			return -1
		case m.less("<", b.key, a.key):
			return 1
		}
		return 0
	})
	for i, p := range pairs {
		all[i] = p.item
	}
	return all
}

// dictSort returns a dictionary's entries sorted by key or value.
func dictSort(m *machine, self Value, a []Value) Value {
	d, ok := self.(*Dict)
	if !ok {
		fail("dictsort wants a dictionary, not %q", typeName(self))
	}
	by, ok := map[Value]int{"key": 0, "value": 1}[a[1]]
	if !ok {
		fail("dictsort sorts by key or by value")
	}
	return m.sort(m.list(d.pairs()), m.truth(a[2]), m.key(by, a[0]))
}

// batch cuts a sequence into lists of so many items, and fills the last.
func batch(m *machine, self Value, a []Value) Value {
	n := whole(a[0], "a batch's length")
	all := m.collect(self)
	var parts List
	for len(all) > 0 {
		if n <= 0 {
			fail("a batch has at least one item")
		}
		k := min(n, len(all))
		part := append(List{}, all[:k]...)
		all = all[k:]
		if a[1] != nil && k < n {
			part = append(part, m.repeatItems(List{a[1]}, n-k)...)
		}
		parts = append(parts, part)
	}
	return m.lazily(m.list(parts), func(item Value) (Value, bool) { return item, true })
}

// slice cuts a sequence into so many lists of nearly one length, the longer ones first, and fills the others.
func slice(m *machine, self Value, a []Value) Value {
	n := whole(a[0], "the number of slices")
	all := m.collect(self)
	if n <= 0 {
		fail("there is at least one slice")
	}
	m.allocate(n)
	parts, longer := make(List, n), len(all)%n
	for i := range parts {
		k := len(all) / (n - i)
		if i < longer {
			k = (len(all) + n - i - 1) / (n - i)
		}
		part := append(List{}, all[:k]...)
		all = all[k:]
		if a[1] != nil && i >= longer { // also where all have one length, as in jinja2
			part = append(part, a[1])
		}
		parts[i] = part
	}
	return m.lazily(m.list(parts), func(item Value) (Value, bool) { return item, true })
}
