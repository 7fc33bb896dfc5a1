package jinja

// tests are jinja2's: what can follow is.
var tests map[string]operation

func init() { // at run time, for select and the test of tests look into the table themselves
	tests = map[string]operation{
		"boolean":     kindOf("bool"),
		"callable":    is(func(_ *machine, v Value) bool { return callable(v) }),
		"defined":     is(func(_ *machine, v Value) bool { return !absent(v) }),
		"divisibleby": taking(func(m *machine, v Value, a []Value) Value { return m.remainder(v, a[0], 0) }, "num", required),
		"escaped":     is(func(*machine, Value) bool { return false }),
		"even":        is(func(m *machine, v Value) bool { return m.remainder(v, 2, 0) }),
		"false":       is(func(_ *machine, v Value) bool { return v == Value(false) }),
		"filter":      is(func(_ *machine, v Value) bool { return known(filters, v) }),
		"float":       kindOf("float"),
		"in":          taking(func(m *machine, v Value, a []Value) Value { return m.contains(a[0], v) }, "seq", required),
		"integer":     kindOf("int"),
		"iterable":    is(func(_ *machine, v Value) bool { return iterable(v) }),
		"lower":       is(func(m *machine, v Value) bool { return isLower(m.str(v)) }),
		"mapping":     kindOf("dict"),
		"none":        kindOf("NoneType"),
		"number":      is(func(_ *machine, v Value) bool { _, _, _, ok := number(v); return ok }),
		"odd":         is(func(m *machine, v Value) bool { return m.remainder(v, 2, 1) }),
		"sameas":      taking(func(_ *machine, v Value, a []Value) Value { return same(v, a[0]) }, "other", required),
		"sequence":    is(func(_ *machine, v Value) bool { return sequence(v) }),
		"string":      kindOf("str"),
		"test":        is(func(_ *machine, v Value) bool { return known(tests, v) }),
		"true":        is(func(_ *machine, v Value) bool { return v == Value(true) }),
		"undefined":   is(func(_ *machine, v Value) bool { return absent(v) }),
		"upper":       is(func(m *machine, v Value) bool { return isUpper(m.str(v)) }),
	}
	for op, names := range map[string][]string{
		"==": {"==", "eq", "equalto"}, "!=": {"!=", "ne"}, "<": {"<", "lt", "lessthan"}, "<=": {"<=", "le"},
		">": {">", "gt", "greaterthan"}, ">=": {">=", "ge"},
	} {
		compare := func(m *machine, v Value, a []Value) Value { return m.compare(op, v, a[0]) }
		for _, id := range names {
			tests[id] = taking(compare, "other", required)
		}
	}
}

// test reports whether the test of a name holds.
func (m *machine) test(id string, operand Value, args Args) bool {
	t, ok := tests[id]
	if !ok {
		fail("no test is called %q", id)
	}
	m.weigh(operand, args)
	return m.truth(t(m, operand, args))
}

func is(holds func(m *machine, v Value) bool) operation {
	return taking(func(m *machine, v Value, _ []Value) Value { return holds(m, v) })
}

func kindOf(kind string) operation {
	return is(func(_ *machine, v Value) bool { return typeName(v) == kind })
}

func absent(v Value) bool {
	_, ok := v.(undefined)
	return ok
}

func known(table map[string]operation, v Value) bool {
	id, ok := v.(string)
	return ok && table[id] != nil
}

// remainder reports whether v divided by n leaves the rest.
func (m *machine) remainder(v, n Value, rest int) bool {
	return m.equal(m.arithmetic("%", v, n), rest)
}

// sequence reports whether a value has a length and items.
func sequence(v Value) bool {
	switch v.(type) {
	case string, List, Tuple, *Dict, progression, undefined:
		return true
	}
	return false
}
