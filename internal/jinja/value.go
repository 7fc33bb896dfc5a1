package jinja

import (
	"fmt"
	"iter"
	"math"
	"unicode/utf8"
)

// Value is what a variable holds and an expression gives, as in Python:
//
//	nil                          None
//	bool, int, float64, string   the same
//	List, Tuple, *Dict           list, tuple, dict
//	[Function]                   a function
//
// and of the template's own undefined, ranges, generators, views of dictionaries, namespaces, macros, loops and methods.
// Any other Go value is an error where a template uses it.
type Value = any

// List is a Python list. Templates cannot change it.
type List []Value

// Tuple is a Python tuple.
type Tuple []Value

// undefined is the value of what is not there. It prints as nothing, is false and empty; anything else that is done to
// it fails with the reason why it is not there.
type undefined struct{ why string }

// progression is Python's range.
type progression struct{ start, stop, step int }

// view is what a dictionary's keys, values and items methods give: iterable and sized, but no sequence.
type view struct {
	name  string
	items List
}

// iterator returns items one by one; false when there are no more.
type iterator func() (Value, bool)

// generator is what lazy filters such as map give. It can be gone through once.
type generator struct{ next iterator }

// namespace is the one value that a template can change: {% set ns.found = true %}.
type namespace struct{ vars *Dict }

func (p progression) len() int {
	switch {
	case p.step > 0 && p.start < p.stop:
		return (p.stop-p.start-1)/p.step + 1
	case p.step < 0 && p.start > p.stop:
		return (p.start-p.stop-1)/-p.step + 1
	}
	return 0
}

func (p progression) at(i int) int { return p.start + i*p.step }

// typeName returns what Python calls the type of a value.
func typeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case markup:
		return "Markup"
	case List:
		return "list"
	case Tuple:
		return "tuple"
	case *Dict:
		return "dict"
	case undefined:
		return "Undefined"
	case progression:
		return "range"
	case view:
		return v.name
	case *generator:
		return "generator"
	case *namespace:
		return "Namespace"
	case *macro:
		return "Macro"
	case *loop:
		return "LoopContext"
	case Function:
		return "function"
	case *method:
		return "builtin_function_or_method"
	}
	return fmt.Sprintf("%T", v)
}

// truth is Python's bool.
func (m *machine) truth(v Value) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case int:
		return v != 0
	case string:
		return v != ""
	case markup:
		return v != ""
	}
	size, sized := m.size(v)
	return !sized || size > 0
}

// size is Python's len; false for a value that has none.
func (m *machine) size(v Value) (int, bool) {
	switch v := plain(v).(type) {
	case string:
		m.scan(v)
		return utf8.RuneCountInString(v), true
	case List:
		return len(v), true
	case Tuple:
		return len(v), true
	case *Dict:
		return len(v.keys), true
	case view:
		return len(v.items), true
	case progression:
		return v.len(), true
	case undefined:
		return 0, true
	case *loop:
		return v.size(m), true
	}
	return 0, false
}

// iterate goes through the items of a value: the characters of a text, the keys of a dictionary.
func (m *machine) iterate(v Value) iterator {
	switch v := plain(v).(type) {
	case List:
		return through(v)
	case Tuple:
		return through(v)
	case *Dict:
		return through(v.keys)
	case view:
		return through(v.items)
	case undefined:
		return through(nil)
	case *generator:
		return v.next
	case string:
		return func() (Value, bool) {
			if v == "" {
				return nil, false
			}
			_, n := utf8.DecodeRuneInString(v)
			first := v[:n]
			v = v[n:]
			return first, true
		}
	case progression:
		i := -1
		return func() (Value, bool) {
			if i++; i >= v.len() {
				return nil, false
			}
			return v.at(i), true
		}
	}
	fail("%q object is not iterable", typeName(v))
	return nil
}

// through goes through a list.
func through(items []Value) iterator {
	return func() (Value, bool) {
		if len(items) == 0 {
			return nil, false
		}
		first := items[0]
		items = items[1:]
		return first, true
	}
}

// each is iterate for range loops; every item is a step of work.
func (m *machine) each(v Value) iter.Seq[Value] {
	next := m.iterate(v)
	return func(yield func(Value) bool) {
		for item, ok := next(); ok && yield(item); item, ok = next() {
			m.step(1)
		}
	}
}

// collect returns the items of a value as a list of their own.
func (m *machine) collect(v Value) List {
	l := List{}
	for item := range m.each(v) {
		m.allocate(16)
		l = append(l, item)
	}
	return l
}

// iterable reports whether iterate takes a value.
func iterable(v Value) bool {
	switch v.(type) {
	case string, markup, List, Tuple, *Dict, view, progression, *generator, undefined:
		return true
	}
	return false
}

// mustBeDefined fails with the reason why one of the values is not there.
func mustBeDefined(values ...Value) {
	for _, v := range values {
		if u, ok := v.(undefined); ok {
			fail("%s", u.why)
		}
	}
}

// whole returns a value as an int, where Python takes it for an index or a count.
func whole(v Value, what string) int {
	switch v := v.(type) {
	case int:
		return v
	case bool:
		if v {
			return 1
		}
		return 0
	}
	mustBeDefined(v)
	fail("%s must be a whole number, not %q", what, typeName(v))
	return 0
}

// words returns a value as text, where only text is taken.
func words(v Value, what string) string {
	s, ok := v.(string)
	if !ok {
		mustBeDefined(v)
		fail("%s must be text, not %q", what, typeName(v))
	}
	return s
}

// number returns a value as a float, and whether it is a number; exact tells whether it is an int or bool, then in i.
func number(v Value) (f float64, i int, exact, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int:
		return float64(v), v, true, true
	case float64:
		return v, 0, false, true
	}
	return math.NaN(), 0, false, false
}
