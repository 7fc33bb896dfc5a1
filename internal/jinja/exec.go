package jinja

// signal is what a statement says to the loop around it.
type signal uint8

const (
	proceed signal = iota
	skip           // {% continue %}
	stop           // {% break %}
)

// run executes statements one after the other, until one of them leaves the loop around them.
func (m *machine) run(body []stmt, s *scope) signal {
	m.enter()
	defer m.leave()
	for _, n := range body {
		m.step(1)
		if sig := n.exec(m, s); sig != proceed {
			return sig
		}
	}
	return proceed
}

func (n textStmt) exec(m *machine, _ *scope) signal {
	m.write(n.text)
	return proceed
}

func (n *printStmt) exec(m *machine, s *scope) signal {
	m.line = n.line
	m.write(m.str(m.eval(n.value, s)))
	return proceed
}

func (n *ifStmt) exec(m *machine, s *scope) signal {
	for _, b := range n.branches {
		m.line = n.line
		if m.truth(m.eval(b.test, s)) {
			return m.run(b.body, s)
		}
	}
	return m.run(n.other, s)
}

func (n *setStmt) exec(m *machine, s *scope) signal {
	m.line = n.line
	n.target.assign(m, s, m.eval(n.value, s))
	return proceed
}

func (n *captureStmt) exec(m *machine, s *scope) (sig signal) {
	var text Value = m.capture(func() { sig = m.run(n.body, s.inner()) })
	if sig != proceed {
		return sig // and what was written is lost
	}
	m.line = n.line
	if n.filter != nil {
		filtered := s.inner()
		filtered.set(placeholderName, text)
		text = m.eval(n.filter, filtered)
	}
	if n.target == nil {
		m.write(m.str(text))
	} else {
		n.target.assign(m, s, text)
	}
	return proceed
}

func (n *withStmt) exec(m *machine, s *scope) signal {
	m.line = n.line
	inner := s.inner()
	for i, to := range n.targets {
		to.assign(m, inner, m.eval(n.values[i], s))
	}
	return m.run(n.body, inner)
}

func (n jumpStmt) exec(*machine, *scope) signal { return n.signal }

func (n *name) assign(_ *machine, s *scope, v Value) { s.set(n.name, v) }

func (t *memberTarget) assign(m *machine, s *scope, v Value) {
	holder, _ := s.lookup(t.namespace)
	ns, ok := holder.(*namespace)
	if !ok {
		fail("cannot set %s.%s: only a namespace can be changed", t.namespace, t.name)
	}
	ns.vars.put(t.name, v)
	m.allocate(64)
}

// assign gives each target an item of what is unpacked.
func (t *tupleTarget) assign(m *machine, s *scope, v Value) {
	items := make(List, 0, len(t.targets))
	for item := range m.each(v) {
		if len(items) == len(t.targets) {
			fail("too many values to unpack (expected %d)", len(t.targets))
		}
		items = append(items, item)
	}
	if len(items) < len(t.targets) {
		fail("not enough values to unpack (expected %d, got %d)", len(t.targets), len(items))
	}
	for i, to := range t.targets {
		to.assign(m, s, items[i])
	}
}
