package jinja

import (
	"fmt"
	"slices"
)

// Function is a function that a caller of Render gives to a template, as a variable. Its error ends the rendering.
type Function func(args Args) (Value, error)

// Args is what a function is called with.
type Args struct {
	Positional []Value
	Named      []Named
}

// Named is an argument by name.
type Named struct {
	Name  string
	Value Value
}

// operation is a method, filter, test or function of the language; self is what it is applied to.
type operation func(m *machine, self Value, args Args) Value

// method is an operation and what it will be applied to.
type method struct {
	self Value
	name string
	call operation
}

func (c *method) String() string {
	return fmt.Sprintf("<built-in method %s of %s object>", c.name, typeName(c.self))
}

// callable reports whether a value can be called or, being undefined, looks as if.
func callable(v Value) bool {
	switch v.(type) {
	case Function, *method, *macro, *loop, undefined:
		return true
	}
	return false
}

// call calls a value.
func (m *machine) call(callee Value, args Args) Value {
	switch f := callee.(type) {
	case *method:
		m.weigh(f.self, args)
		return f.call(m, f.self, args)
	case *macro:
		return f.call(m, args)
	case *loop:
		return f.call(m, args)
	case Function:
		v, err := f(args)
		if err != nil {
			panic(failure{err})
		}
		if text, ok := v.(string); ok {
			return m.text(text)
		}
		return v
	}
	mustBeDefined(callee)
	fail("%q object cannot be called", typeName(callee))
	return nil
}

// arguments evaluates the arguments of a call.
func (m *machine) arguments(list []argument, s *scope) (args Args) {
	for _, a := range list {
		v := m.eval(a.value, s)
		switch {
		case a.stars == 1:
			args.Positional = append(args.Positional, m.collect(v)...)
		case a.stars == 2:
			args.Named = append(args.Named, namedOf(v)...)
		case a.name != "":
			args.Named = append(args.Named, Named{a.name, v})
		default:
			args.Positional = append(args.Positional, v)
		}
	}
	return args
}

// namedOf returns the entries of a dictionary as arguments by name: f(**d).
func namedOf(v Value) (args []Named) {
	d, ok := v.(*Dict)
	if !ok {
		fail("** wants a dictionary, not %q", typeName(v))
	}
	for i, key := range d.keys {
		id, ok := key.(string)
		if !ok {
			fail("arguments have text for names, not %q", typeName(key))
		}
		args = append(args, Named{id, d.values[i]})
	}
	return args
}

// signature is the parameters of an operation.
type signature []parameter

type parameter struct {
	name  string
	value Value // the default
}

// required is the default of a parameter that has none.
var required Value = &struct{ _ byte }{}

// params makes a signature of names and defaults in turn.
func params(namesAndDefaults ...Value) signature {
	var s signature
	for pair := range slices.Chunk(namesAndDefaults, 2) {
		s = append(s, parameter{pair[0].(string), pair[1]})
	}
	return s
}

// bind returns a value for each parameter.
func (s signature) bind(what string, args Args) []Value {
	if len(args.Positional) > len(s) {
		fail("%s takes at most %d arguments, not %d", what, len(s), len(args.Positional))
	}
	bound := make([]Value, len(s))
	for i, p := range s {
		bound[i] = p.value
	}
	for i, v := range args.Positional {
		bound[i] = plain(v)
	}
	for _, a := range args.Named {
		i := slices.IndexFunc(s, func(p parameter) bool { return p.name == a.Name })
		if i < 0 || i < len(args.Positional) {
			fail("%s takes no argument named %q here", what, a.Name)
		}
		bound[i] = plain(a.Value)
	}
	for i, v := range bound {
		if v == required {
			fail("%s wants an argument %q", what, s[i].name)
		}
	}
	return bound
}

// taking makes an operation of a function whose arguments are bound to parameters: names and defaults in turn.
func taking(f func(m *machine, self Value, a []Value) Value, namesAndDefaults ...Value) operation {
	s := params(namesAndDefaults...)
	return func(m *machine, self Value, args Args) Value { return f(m, plain(self), s.bind("it", args)) }
}
