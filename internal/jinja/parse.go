package jinja

import "slices"

// maxNesting is how deep statements and expressions may lie in one another. Published templates reach 20.
const maxNesting = 200

// parser makes a tree of tokens by recursive descent. The rules are jinja2's, which are Python's but for powers, that
// associate to the left here, and for filters and tests, that bind tighter than any operator.
type parser struct {
	tokens []token // what is left; the last one is the end
	depth  int
	loops  int         // for statements around, within the macro at hand
	macros []*macroDef // macros and call blocks around
	soft   int         // branches around, in which filters and tests may be unknown until they are reached
}

func parse(tokens []token) (t *Template, err error) {
	p := &parser{tokens: tokens}
	defer func() { err = recovered(recover(), p.tokens[0].line, err) }()
	return &Template{p.body()}, nil
}

// peek returns the next token.
func (p *parser) peek() token { return p.tokens[0] }

// next returns the next token and moves past it, unless it is the end.
func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != kindEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept moves past the next token if it is the name or operator so spelt.
func (p *parser) accept(text string) bool {
	if !p.peek().is(text) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		fail("%q expected, not %v", text, p.peek())
	}
}

func (p *parser) expectKind(k kind, what string) token {
	if p.peek().kind != k {
		fail("%s expected, not %v", what, p.peek())
	}
	return p.next()
}

func (p *parser) ident() string { return p.expectKind(kindName, "a name").text }

// enter begins a level of nesting; the function it returns ends it.
func (p *parser) enter() func() {
	if p.depth++; p.depth > maxNesting {
		fail("nested more than %d deep", maxNesting)
	}
	return func() { p.depth-- }
}

// body reads text, prints and statements up to one of the ending tags, whose name is the next token then. Without
// endings it reads to the end of the template.
func (p *parser) body(endings ...string) []stmt {
	defer p.enter()()
	var all []stmt
	for {
		switch t := p.peek(); t.kind {
		case kindText:
			all = append(all, textStmt{p.next().text})
		case kindPrint:
			p.next()
			all = append(all, &printStmt{t.line, p.tuple(true)})
			p.expectKind(kindPrintEnd, `"}}"`)
		case kindTag:
			p.next()
			if p.peek().kind == kindName && slices.Contains(endings, p.peek().text) {
				return all
			}
			all = append(all, p.statement())
			p.tagEnd()
		default:
			if len(endings) > 0 {
				fail("the template ends where %q should be", endings[len(endings)-1])
			}
			return all
		}
	}
}

func (p *parser) tagEnd() { p.expectKind(kindTagEnd, `"%}"`) }

// block reads the rest of a tag, a body, and the name of the tag that ends it, which it returns. A colon may end the
// first tag, as in Python.
func (p *parser) block(endings ...string) ([]stmt, string) {
	p.accept(":")
	p.tagEnd()
	body := p.body(endings...)
	return body, p.next().text
}

// only is block with one ending.
func (p *parser) only(ending string) []stmt {
	body, _ := p.block(ending)
	return body
}

// softly reads a part of the template that may never be reached.
func (p *parser) softly(read func()) {
	p.soft++
	read()
	p.soft--
}

func (p *parser) statement() stmt {
	line, tag := p.peek().line, p.expectKind(kindName, "a statement").text
	switch tag {
	case "if":
		return p.ifStatement(line)
	case "for":
		return p.forStatement(line)
	case "set":
		return p.setStatement(line)
	case "with":
		return p.withStatement(line)
	case "macro":
		def := &macroDef{name: p.ident()}
		p.signature(def)
		p.macroBody(def, "endmacro")
		return &macroStmt{line, def}
	case "call":
		return p.callStatement(line)
	case "generation": // what the assistant writes; rendered like any other text, in a scope of its own
		def := &macroDef{name: "generation"}
		p.macroBody(def, "endgeneration")
		return &callStmt{line, nil, def}
	case "filter":
		filter := p.filters(placeholder{}, true)
		return &captureStmt{line, nil, filter, p.only("endfilter")}
	case "break", "continue":
		if p.loops == 0 {
			fail("%q outside of a loop", tag)
		}
		return jumpStmt{map[string]signal{"break": stop, "continue": skip}[tag]}
	case "include", "import", "from", "extends", "block":
		fail("%q: a template stands alone here and cannot use others", tag)
	}
	fail("unknown statement %q", tag)
	return nil
}

func (p *parser) ifStatement(line int) stmt {
	n := &ifStmt{line: line}
	p.softly(func() {
		for ending := "elif"; ending == "elif"; {
			b := branch{test: p.tuple(false)}
			b.body, ending = p.block("elif", "else", "endif")
			n.branches = append(n.branches, b)
			if ending == "else" {
				n.other = p.only("endif")
			}
		}
	})
	return n
}

func (p *parser) forStatement(line int) stmt {
	n := &forStmt{line: line, target: p.target(false, "in")}
	if assigns(n.target, "loop") {
		fail("a loop has its variable %q already", "loop")
	}
	p.expect("in")
	n.over = p.tuple(false, "recursive")
	if p.accept("if") {
		n.test = p.expression()
	}
	n.recursive = p.accept("recursive")
	p.loops++
	body, ending := p.block("else", "endfor")
	p.loops--
	n.body = body
	if ending == "else" {
		n.other = p.only("endfor")
	}
	return n
}

func (p *parser) setStatement(line int) stmt {
	to := p.target(true)
	if p.accept("=") {
		return &setStmt{line, to, p.tuple(true)}
	}
	var filter expr
	if p.peek().is("|") {
		filter = p.filters(placeholder{}, false)
	}
	return &captureStmt{line, to, filter, p.only("endset")}
}

func (p *parser) withStatement(line int) stmt {
	n := &withStmt{line: line}
	for p.peek().kind != kindTagEnd {
		if len(n.targets) > 0 {
			p.expect(",")
		}
		n.targets = append(n.targets, p.target(false))
		p.expect("=")
		n.values = append(n.values, p.expression())
	}
	n.body = p.only("endwith")
	return n
}

func (p *parser) callStatement(line int) stmt {
	def := &macroDef{name: "caller"}
	if p.peek().is("(") {
		p.signature(def)
	}
	call, ok := p.expression().(*callExpr)
	if !ok {
		fail("call wants a macro and its arguments")
	}
	p.macroBody(def, "endcall")
	return &callStmt{line, call, def}
}

// signature reads the parameters of a macro: (a, b, c=1).
func (p *parser) signature(def *macroDef) {
	p.expect("(")
	for !p.accept(")") {
		if len(def.params) > 0 {
			p.expect(",")
		}
		def.params = append(def.params, p.ident())
		if p.accept("=") {
			def.defaults = append(def.defaults, p.expression())
		} else if len(def.defaults) > 0 {
			fail("parameter %q stands without a default after one that has one", def.params[len(def.params)-1])
		}
	}
}

// macroBody reads a body that is run elsewhere: no loop around it can be left from within.
func (p *parser) macroBody(def *macroDef, ending string) {
	loops := p.loops
	p.loops = 0
	p.macros = append(p.macros, def)
	def.body = p.only(ending)
	p.macros = p.macros[:len(p.macros)-1]
	p.loops = loops
}

// target reads what is assigned to: one target, or several parted by commas up to = or a name that ends them.
// Attributes of namespaces are allowed where members is set.
func (p *parser) target(members bool, ending ...string) target {
	defer p.enter()()
	var all []target
	several := false
	for !p.peek().is("=") && !slices.ContainsFunc(ending, p.peek().is) && (len(all) == 0 || several && p.peek().kind != kindTagEnd) {
		all = append(all, p.oneTarget(members))
		if !p.accept(",") {
			several = several || len(all) > 1
			break
		}
		several = true
	}
	switch {
	case len(all) == 0:
		fail("a name expected, not %v", p.peek())
	case !several:
		return all[0]
	}
	return &tupleTarget{all}
}

func (p *parser) oneTarget(members bool) target {
	if p.accept("(") {
		to := p.target(false, ")")
		p.expect(")")
		return to
	}
	id := p.ident()
	if _, literal := literals[id]; literal {
		fail("%q cannot be assigned to", id)
	}
	if members && p.accept(".") {
		return &memberTarget{id, p.ident()}
	}
	return &name{id}
}

// assigns reports whether a target gives a value to a name.
func assigns(t target, id string) bool {
	switch t := t.(type) {
	case *name:
		return t.name == id
	case *tupleTarget:
		return slices.ContainsFunc(t.targets, func(t target) bool { return assigns(t, id) })
	}
	return false
}
