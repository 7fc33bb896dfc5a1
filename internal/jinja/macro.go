package jinja

// macro is a macroDef with the scope it was defined in, whose variables its body sees as they are when it is called.
type macro struct {
	def   *macroDef
	scope *scope
}

func (n *macroStmt) exec(_ *machine, s *scope) signal {
	s.set(n.macro.name, &macro{n.macro, s})
	return proceed
}

func (n *callStmt) exec(m *machine, s *scope) signal {
	m.line = n.line
	body := &macro{n.caller, s}
	if n.call == nil {
		m.write(body.call(m, Args{}))
		return proceed
	}
	callee, args := n.call.prepare(m, s)
	args.Named = append(args.Named, Named{"caller", body})
	m.write(m.str(m.call(callee, args)))
	return proceed
}

// call renders the macro's body.
func (c *macro) call(m *machine, args Args) string {
	m.enter()
	defer m.leave()
	s := c.scope.inner()
	given := c.consume(args, s)
	for i, id := range c.def.params {
		if given[i] {
			continue
		}
		if d := i - (len(c.def.params) - len(c.def.defaults)); d >= 0 {
			s.set(id, m.eval(c.def.defaults[d], s))
		} else {
			s.set(id, undefined{"parameter " + quote(id) + " was not provided"})
		}
	}
	line := m.line
	text := m.capture(func() { m.run(c.def.body, s) })
	m.line = line
	return text
}

// consume binds arguments to parameters, and reports which parameters were given one. What is left over goes into
// varargs, kwargs and caller, if the body speaks of them.
func (c *macro) consume(args Args, s *scope) []bool {
	given := make([]bool, len(c.def.params))
	bind := func(i int, v Value) {
		given[i] = true
		s.set(c.def.params[i], v)
	}
	n := min(len(args.Positional), len(given))
	for i, v := range args.Positional[:n] {
		bind(i, v)
	}
	kwargs := NewDict()
	var caller Value = undefined{"no caller defined"}
named:
	for _, a := range args.Named {
		for i := n; i < len(given); i++ {
			if c.def.params[i] == a.Name {
				bind(i, a.Value)
				continue named
			}
		}
		switch {
		case a.Name == "caller" && c.def.caller:
			caller = a.Value
		case c.def.kwargs:
			kwargs.put(a.Name, a.Value)
		default:
			fail("macro %q takes no argument named %q", c.def.name, a.Name)
		}
	}
	if len(args.Positional) > n && !c.def.varargs {
		fail("macro %q takes %d arguments, not %d", c.def.name, n, len(args.Positional))
	}
	for _, extra := range []struct {
		spoken bool
		id     string
		value  Value
	}{{c.def.varargs, "varargs", Tuple(args.Positional[n:])}, {c.def.kwargs, "kwargs", kwargs}, {c.def.caller, "caller", caller}} {
		if extra.spoken {
			s.set(extra.id, extra.value)
		}
	}
	return given
}

// attribute returns what a macro tells of itself.
func (c *macro) attribute(id string) (Value, bool) {
	switch id {
	case "name":
		return c.def.name, true
	case "arguments":
		names := make(Tuple, len(c.def.params))
		for i, p := range c.def.params {
			names[i] = p
		}
		return names, true
	case "catch_varargs":
		return c.def.varargs, true
	case "catch_kwargs":
		return c.def.kwargs, true
	case "caller":
		return c.def.caller, true
	}
	return nil, false
}

func (c *macro) String() string { return "<Macro " + quote(c.def.name) + ">" }
