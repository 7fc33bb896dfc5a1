package jinja

import "strings"

// eval returns the value of an expression.
func (m *machine) eval(e expr, s *scope) Value {
	m.step(1)
	m.enter()
	v := e.eval(m, s)
	m.leave()
	return v
}

func (e constant) eval(*machine, *scope) Value { return e.value }

func (e *name) eval(_ *machine, s *scope) Value {
	if v, ok := s.lookup(e.name); ok {
		return v
	}
	return undefined{quote(e.name) + " is undefined"}
}

// placeholderName is the variable in which a captured block's filters find its text. No template can spell it.
const placeholderName = ""

func (placeholder) eval(_ *machine, s *scope) Value { return s.vars[placeholderName] }

func (e *listExpr) eval(m *machine, s *scope) Value { return m.list(m.evalAll(e.items, s)) }

func (e *tupleExpr) eval(m *machine, s *scope) Value { return Tuple(m.list(m.evalAll(e.items, s))) }

func (m *machine) evalAll(items []expr, s *scope) List {
	all := make(List, len(items))
	for i, item := range items {
		all[i] = m.eval(item, s)
	}
	return all
}

func (e *dictExpr) eval(m *machine, s *scope) Value {
	d := NewDict()
	for i, key := range e.keys {
		m.allocate(64)
		d.put(m.eval(key, s), m.eval(e.values[i], s))
	}
	return d
}

func (e *unary) eval(m *machine, s *scope) Value {
	v := m.eval(e.operand, s)
	switch e.op {
	case "not":
		return !m.truth(v)
	case "-":
		return negative(v)
	}
	return positive(v)
}

func (e *binary) eval(m *machine, s *scope) Value {
	left := m.eval(e.left, s)
	return m.arithmetic(e.op, left, m.eval(e.right, s))
}

// eval returns the operand that decides, as Python does.
func (e *logical) eval(m *machine, s *scope) Value {
	left := m.eval(e.left, s)
	if m.truth(left) != e.and {
		return left
	}
	return m.eval(e.right, s)
}

func (e *comparison) eval(m *machine, s *scope) Value {
	left := m.eval(e.first, s)
	for _, c := range e.rest {
		right := m.eval(c.value, s)
		if !m.compare(c.op, left, right) {
			return false
		}
		left = right
	}
	return true
}

func (e *concat) eval(m *machine, s *scope) Value {
	var b strings.Builder
	for _, part := range e.parts {
		b.WriteString(m.text(m.str(m.eval(part, s))))
	}
	return b.String()
}

func (e *conditional) eval(m *machine, s *scope) Value {
	if m.truth(m.eval(e.test, s)) {
		return m.eval(e.then, s)
	}
	if e.other == nil {
		return undefined{"the condition is false and there is no else"}
	}
	return m.eval(e.other, s)
}

func (e *attributeExpr) eval(m *machine, s *scope) Value { return m.attribute(m.eval(e.of, s), e.name) }

func (e *itemExpr) eval(m *machine, s *scope) Value {
	of := m.eval(e.of, s)
	return m.item(of, m.eval(e.key, s))
}

func (e *sliceExpr) eval(m *machine, s *scope) Value {
	of := m.eval(e.of, s)
	var bounds [3]Value
	for i, b := range []expr{e.start, e.stop, e.step} {
		if b != nil {
			bounds[i] = m.eval(b, s)
		}
	}
	return m.slice(of, bounds)
}

func (e *callExpr) eval(m *machine, s *scope) Value { return m.call(e.prepare(m, s)) }

// prepare evaluates what is called and its arguments.
func (e *callExpr) prepare(m *machine, s *scope) (callee Value, args Args) {
	callee = m.eval(e.callee, s)
	return callee, m.arguments(e.args, s)
}

func (e *filterExpr) eval(m *machine, s *scope) Value {
	operand := m.eval(e.operand, s)
	return m.filter(e.name, operand, m.arguments(e.args, s))
}

func (e *testExpr) eval(m *machine, s *scope) Value {
	operand := m.eval(e.operand, s)
	return m.test(e.name, operand, m.arguments(e.args, s))
}
