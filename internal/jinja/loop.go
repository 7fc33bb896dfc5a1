package jinja

func (n *forStmt) exec(m *machine, s *scope) signal {
	m.line = n.line
	return n.loop(m, s, m.eval(n.over, s), 0)
}

// loop runs the body once for each item, each time in a scope of its own. What is set there is gone afterwards.
func (n *forStmt) loop(m *machine, s *scope, over Value, depth int) signal {
	m.enter()
	defer m.leave()
	l := &loop{of: n, scope: s, depth: depth, index: -1, next: m.iterate(over), length: -1}
	if n.test != nil {
		l.next = n.selected(m, s, l.next)
	} else if size, ok := m.size(over); ok {
		l.length = size
	}
	finished := false // whether a body ran to its end
	for l.advance() {
		m.step(1)
		inner := &scope{vars: make(map[string]Value, 4), parent: s}
		m.line = n.line
		n.target.assign(m, inner, l.item)
		inner.vars["loop"] = l
		sig := m.run(n.body, inner)
		if sig == stop {
			break
		}
		finished = finished || sig == proceed
	}
	if !finished { // which in jinja2 is what brings the else about, not that there were no items
		return m.run(n.other, s.inner())
	}
	return proceed
}

// selected leaves out the items that the loop's test refuses, when it comes to them.
func (n *forStmt) selected(m *machine, s *scope, next iterator) iterator {
	return func() (Value, bool) {
		for {
			item, ok := next()
			if !ok {
				return nil, false
			}
			m.step(1)
			inner := s.inner()
			n.target.assign(m, inner, item)
			if m.truth(m.eval(n.test, inner)) {
				return item, true
			}
		}
	}
}

// loop is the variable of that name within a loop's body. Items are taken one by one, and one ahead where a template
// asks for the next or whether there is one.
type loop struct {
	of     *forStmt
	scope  *scope // around the loop
	next   iterator
	index  int // from 0
	length int // −1 until it is known
	depth  int // of recursion, from 0

	item, before Value
	ahead        []Value // taken but not visited
	changed      Value   // what loop.changed was last asked about; nil before
}

// advance goes to the next item.
func (l *loop) advance() bool {
	l.before = l.item
	if !l.peek() {
		return false
	}
	l.item, l.ahead = l.ahead[0], l.ahead[1:]
	l.index++
	return true
}

// peek reports whether there is a next item, which it takes.
func (l *loop) peek() bool {
	if len(l.ahead) == 0 {
		if v, ok := l.next(); ok {
			l.ahead = append(l.ahead, v)
		}
	}
	return len(l.ahead) > 0
}

// size returns the number of all items; those of a generator are taken for it.
func (l *loop) size(m *machine) int {
	if l.length < 0 {
		for v, ok := l.next(); ok; v, ok = l.next() {
			m.step(1)
			l.ahead = append(l.ahead, v)
		}
		l.length = l.index + 1 + len(l.ahead)
	}
	return l.length
}

// attribute returns loop.id.
func (l *loop) attribute(m *machine, id string) (Value, bool) {
	switch id {
	case "index0":
		return l.index, true
	case "index":
		return l.index + 1, true
	case "revindex0":
		return l.size(m) - l.index - 1, true
	case "revindex":
		return l.size(m) - l.index, true
	case "length":
		return l.size(m), true
	case "first":
		return l.index == 0, true
	case "last":
		return !l.peek(), true
	case "depth0":
		return l.depth, true
	case "depth":
		return l.depth + 1, true
	case "previtem":
		if l.index == 0 {
			return undefined{"there is no previous item"}, true
		}
		return l.before, true
	case "nextitem":
		if !l.peek() {
			return undefined{"there is no next item"}, true
		}
		return l.ahead[0], true
	case "cycle":
		return &method{l, id, cycle}, true
	case "changed":
		return &method{l, id, changed}, true
	}
	return nil, false
}

func cycle(_ *machine, self Value, args Args) Value {
	if len(args.Positional) == 0 {
		fail("loop.cycle: no items given")
	}
	return args.Positional[self.(*loop).index%len(args.Positional)]
}

func changed(m *machine, self Value, args Args) Value {
	l, now := self.(*loop), Tuple(args.Positional)
	if l.changed != nil && m.equal(l.changed, now) {
		return false
	}
	l.changed = now
	return true
}

// call renders the loop's body for the items of a branch: {{ loop(node.children) }}.
func (l *loop) call(m *machine, args Args) Value {
	if !l.of.recursive {
		fail("a loop that calls itself must be marked as recursive")
	}
	items := params("items", required).bind("loop", args)
	line := m.line
	text := m.capture(func() { l.of.loop(m, l.scope, items[0], l.depth+1) })
	m.line = line
	return text
}
