package jinja

import "strings"

// Bounds of one rendering, far above what templates and conversations need. maxSteps is a few seconds' work.
const (
	maxSteps = 1 << 24 // nodes evaluated, items visited, and 16 bytes of text looked through each
	maxBytes = 1 << 28 // of all text and lists that are made
	maxDepth = 2500    // of expressions within macros within loops, and of lists within lists
	maxRange = 100_000 // as in jinja2's sandbox
)

// machine is one rendering of a template: where its text goes, and how much it has done.
type machine struct {
	out          *strings.Builder
	line         int // of the statement at hand
	steps, bytes int // that are left
	depth        int
}

// step counts n steps of work.
func (m *machine) step(n int) {
	if m.steps -= n; m.steps < 0 {
		fail("the template does not come to an end in %d steps", maxSteps)
	}
}

// scan counts the work of looking through a text.
func (m *machine) scan(text string) { m.step(1 + len(text)/16) }

// weigh counts the work of looking through the texts that an operation is given.
func (m *machine) weigh(self Value, args Args) {
	weigh := func(v Value) {
		if text, ok := plain(v).(string); ok {
			m.scan(text)
		}
	}
	weigh(self)
	for _, v := range args.Positional {
		weigh(v)
	}
	for _, a := range args.Named {
		weigh(a.Value)
	}
}

// allocate counts bytes before they are allocated.
func (m *machine) allocate(n int) {
	if m.bytes -= n; n < 0 || m.bytes < 0 {
		fail("the template makes more than %d MiB of text", maxBytes>>20)
	}
}

// text counts a text that was made.
func (m *machine) text(s string) string {
	m.allocate(len(s))
	m.scan(s)
	return s
}

// list counts a list that was made.
func (m *machine) list(l List) List {
	m.allocate(16 * len(l))
	m.step(1 + len(l)/4)
	return l
}

// enter begins a level of depth; leave ends it.
func (m *machine) enter() {
	if m.depth++; m.depth > maxDepth {
		fail("nested more than %d deep while it runs", maxDepth)
	}
}

func (m *machine) leave() { m.depth-- }

// write appends text to what is rendered.
func (m *machine) write(text string) {
	m.allocate(len(text))
	m.out.WriteString(text)
}

// capture returns what f writes instead of rendering it.
func (m *machine) capture(f func()) string {
	var b strings.Builder
	outer := m.out
	m.out = &b
	f()
	m.out = outer
	return b.String()
}

// scope holds the variables of a part of the template; those around it are seen but not changed.
type scope struct {
	vars   map[string]Value // nil while there are none
	parent *scope
}

func (s *scope) lookup(id string) (Value, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[id]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) set(id string, v Value) {
	if s.vars == nil {
		s.vars = make(map[string]Value)
	}
	s.vars[id] = v
}

// inner returns a scope within s.
func (s *scope) inner() *scope { return &scope{parent: s} }
