package jinja

// globals are the functions that every template has.
var globals = map[string]Value{
	"range":     &method{nil, "range", rangeOf},
	"dict":      &method{nil, "dict", dictOf},
	"namespace": &method{nil, "namespace", namespaceOf},
	"joiner":    &method{nil, "joiner", joinerOf},
	"cycler":    &method{nil, "cycler", cyclerOf},
}

// rangeOf is range(stop), range(start, stop) or range(start, stop, step).
func rangeOf(_ *machine, _ Value, args Args) Value {
	if n := len(args.Positional); n == 0 || n > 3 || len(args.Named) > 0 {
		fail("range takes one to three whole numbers")
	}
	p := progression{step: 1}
	bounds := []*int{&p.start, &p.stop, &p.step}
	if len(args.Positional) == 1 {
		bounds = bounds[1:]
	}
	for i, v := range args.Positional {
		*bounds[i] = whole(v, "a bound of range")
	}
	if p.step == 0 {
		fail("range: the step cannot be zero")
	}
	if size := p.len(); size < 0 || size > maxRange { // below 0 where the distance is beyond an int
		fail("range is longer than %d", maxRange)
	}
	return p
}

// dictOf is dict(mapping or pairs, name=value…).
func dictOf(m *machine, _ Value, args Args) Value {
	d := NewDict()
	if len(args.Positional) > 1 {
		fail("dict takes one dictionary or list of pairs")
	}
	for _, v := range args.Positional {
		m.fill(d, v)
	}
	for _, a := range args.Named {
		m.allocate(64)
		d.put(a.Name, a.Value)
	}
	return d
}

// fill puts the entries of a dictionary, or pairs, into d.
func (m *machine) fill(d *Dict, from Value) {
	if other, ok := from.(*Dict); ok {
		from = other.pairs()
	}
	for pair := range m.each(from) {
		m.allocate(64)
		two := m.collect(pair)
		if len(two) != 2 {
			fail("a dictionary is made of pairs")
		}
		d.put(two[0], two[1])
	}
}

func namespaceOf(m *machine, _ Value, args Args) Value {
	return &namespace{dictOf(m, nil, args).(*Dict)}
}

// joinerOf makes a function that gives nothing at first and the separator from then on.
func joinerOf(_ *machine, _ Value, args Args) Value {
	separator := params("sep", ", ").bind("joiner", args)[0]
	used := false
	return &method{nil, "joiner", func(_ *machine, _ Value, _ Args) Value {
		if !used {
			used = true
			return ""
		}
		return separator
	}}
}

// cyclerOf makes an object that gives its items in turn: next(), current, reset().
func cyclerOf(_ *machine, _ Value, args Args) Value {
	if len(args.Positional) == 0 {
		fail("cycler: no items given")
	}
	state := NewDict("current", args.Positional[0])
	at := 0
	turn := func(to func() int) operation {
		return func(*machine, Value, Args) Value {
			before := args.Positional[at]
			at = to() % len(args.Positional)
			state.put("current", args.Positional[at])
			return before
		}
	}
	state.put("next", &method{nil, "next", turn(func() int { return at + 1 })})
	state.put("reset", &method{nil, "reset", turn(func() int { return 0 })})
	return &namespace{state}
}
