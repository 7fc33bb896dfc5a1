package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// Expressions, from the loosest binding to the tightest:
//
//	a if b else c    or    and    not    == != < <= > >= in    + -    ~    * / // %    **    - +    | is ( . [
//
// tuple reads expressions that commas make a tuple, as in {{ a, b }}. Before a loop's "if" or a branch's body there can
// be no conditional expression; endings are names that end the tuple besides the marks that always do.
func (p *parser) tuple(conditional bool, endings ...string) expr {
	read := p.or
	if conditional {
		read = p.expression
	}
	var items []expr
	for {
		t := p.peek()
		if t.kind == kindPrintEnd || t.kind == kindTagEnd || t.is(")") || slices.ContainsFunc(endings, t.is) {
			break
		}
		items = append(items, read())
		if p.accept(",") {
			continue
		}
		if len(items) == 1 {
			return items[0]
		}
		break
	}
	if len(items) == 0 {
		fail("an expression expected, not %v", p.peek())
	}
	return &tupleExpr{items}
}

func (p *parser) expression() expr {
	defer p.enter()()
	e := p.or()
	for p.accept("if") {
		c := &conditional{then: e}
		p.softly(func() {
			c.test = p.or()
			if p.accept("else") {
				c.other = p.expression()
			}
		})
		e = c
	}
	return e
}

func (p *parser) or() expr {
	e := p.and()
	for p.accept("or") {
		e = &logical{false, e, p.and()}
	}
	return e
}

func (p *parser) and() expr {
	e := p.not()
	for p.accept("and") {
		e = &logical{true, e, p.not()}
	}
	return e
}

func (p *parser) not() expr {
	if p.accept("not") {
		defer p.enter()()
		return &unary{"not", p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() expr {
	first := p.sum()
	var rest []comparand
	for {
		op := p.peek().text
		switch {
		case slices.ContainsFunc([]string{"==", "!=", "<", "<=", ">", ">=", "in"}, p.peek().is):
			p.next()
		case p.peek().is("not") && p.tokens[1].is("in"):
			p.next()
			p.next()
			op = "not in"
		case rest == nil:
			return first
		default:
			return &comparison{first, rest}
		}
		rest = append(rest, comparand{op, p.sum()})
	}
}

// leftward reads operands that operators of one rank join, from left to right.
func (p *parser) leftward(operand func() expr, ops ...string) expr {
	e := operand()
	for slices.ContainsFunc(ops, p.peek().is) {
		e = &binary{p.next().text, e, operand()}
	}
	return e
}

func (p *parser) sum() expr     { return p.leftward(p.concat, "+", "-") }
func (p *parser) product() expr { return p.leftward(p.power, "*", "/", "//", "%") }
func (p *parser) power() expr   { return p.leftward(p.unary, "**") }

func (p *parser) concat() expr {
	parts := []expr{p.product()}
	for p.accept("~") {
		parts = append(parts, p.product())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &concat{parts}
}

func (p *parser) unary() expr {
	return p.filters(p.signed(), false)
}

// signed reads an operand with its signs and what follows it closely: -a.b[c](d).
func (p *parser) signed() expr {
	if op := p.peek(); op.is("-") || op.is("+") {
		defer p.enter()()
		p.next()
		return p.postfix(&unary{op.text, p.signed()})
	}
	return p.postfix(p.primary())
}

var literals = map[string]Value{"true": true, "True": true, "false": false, "False": false, "none": nil, "None": nil}

func (p *parser) primary() expr {
	t := p.next()
	switch {
	case t.kind == kindName:
		if v, ok := literals[t.text]; ok {
			return constant{v}
		}
		p.speaks(t.text)
		return &name{t.text}
	case t.kind == kindString:
		var text strings.Builder
		text.WriteString(t.text)
		for p.peek().kind == kindString {
			text.WriteString(p.next().text)
		}
		return constant{text.String()}
	case t.kind == kindInt:
		return constant{integer(t.text)}
	case t.kind == kindFloat:
		f, _ := strconv.ParseFloat(t.text, 64) // well-formed; what is too large is infinite, as in Python
		return constant{f}
	case t.is("("):
		return p.parenthesized()
	case t.is("["):
		return &listExpr{p.sequence("]")}
	case t.is("{"):
		return p.dict()
	}
	fail("an expression expected, not %v", t)
	return nil
}

func integer(text string) Value {
	base := 10
	if strings.HasPrefix(text, "0") {
		base = 0
	}
	n, err := strconv.ParseInt(text, base, strconv.IntSize)
	if base == 10 {
		n, err = strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, strconv.IntSize)
	} else if strings.Trim(text, "0_") == "" {
		n, err = 0, nil
	}
	if err != nil {
		fail("the number %s is too large", text)
	}
	return int(n)
}

// speaks notes that macros around use the name, if it is one of those that hold what they were called with.
func (p *parser) speaks(id string) {
	for _, m := range p.macros {
		m.varargs = m.varargs || id == "varargs"
		m.kwargs = m.kwargs || id == "kwargs"
		m.caller = m.caller || id == "caller"
	}
}

func (p *parser) parenthesized() expr {
	if p.accept(")") {
		return &tupleExpr{}
	}
	e := p.tuple(true)
	p.expect(")")
	return e
}

// sequence reads expressions with commas between them, and after the last if it likes, up to a bracket.
func (p *parser) sequence(bracket string) []expr {
	var items []expr
	for !p.accept(bracket) {
		if len(items) > 0 {
			p.expect(",")
			if p.accept(bracket) {
				break
			}
		}
		items = append(items, p.expression())
	}
	return items
}

func (p *parser) dict() expr {
	d := &dictExpr{}
	for !p.accept("}") {
		if len(d.keys) > 0 {
			p.expect(",")
			if p.accept("}") {
				break
			}
		}
		d.keys = append(d.keys, p.expression())
		p.expect(":")
		d.values = append(d.values, p.expression())
	}
	return d
}

func (p *parser) postfix(e expr) expr {
	for {
		switch {
		case p.accept("."):
			if p.peek().kind == kindInt {
				e = &itemExpr{e, constant{integer(p.next().text)}}
			} else {
				e = &attributeExpr{e, p.ident()}
			}
		case p.accept("["):
			e = p.subscript(e)
		case p.peek().is("("):
			e = &callExpr{e, p.arguments()}
		default:
			return e
		}
	}
}

// subscript reads what stands in brackets: a key, a tuple of keys, or start:stop:step.
func (p *parser) subscript(of expr) expr {
	var bounds [3]expr
	colons := 0
	for !p.peek().is("]") && !p.peek().is(",") {
		if p.accept(":") {
			if colons++; colons > 2 {
				fail("a slice has three parts at most")
			}
			continue
		}
		if bounds[colons] != nil {
			fail("\"]\" expected, not %v", p.peek())
		}
		bounds[colons] = p.expression()
	}
	if colons > 0 {
		p.expect("]")
		return &sliceExpr{of, bounds[0], bounds[1], bounds[2]}
	}
	if bounds[0] == nil {
		fail("a key expected, not %v", p.peek())
	}
	if p.accept("]") {
		return &itemExpr{of, bounds[0]}
	}
	p.expect(",")
	return &itemExpr{of, &tupleExpr{append([]expr{bounds[0]}, p.sequence("]")...)}}
}

// arguments reads (a, b, c=d, *e, **f).
func (p *parser) arguments() []argument {
	p.expect("(")
	var args []argument
	named := false
	for !p.accept(")") {
		if len(args) > 0 {
			p.expect(",")
			if p.accept(")") {
				break
			}
		}
		var a argument
		switch {
		case p.accept("*"):
			a.stars = 1
		case p.accept("**"):
			a.stars = 2
		case p.peek().kind == kindName && p.tokens[1].is("="):
			a.name = p.next().text
			p.next()
		}
		if a.stars == 0 && a.name == "" && named {
			fail("a positional argument follows a named one")
		}
		named = named || a.stars > 0 || a.name != ""
		a.value = p.expression()
		args = append(args, a)
	}
	return args
}

// filters reads what follows an operand: filters, tests and calls of what they give. With bare set the first filter
// stands without its bar, as in {% filter upper %}.
func (p *parser) filters(e expr, bare bool) expr {
	for {
		switch {
		case bare || p.accept("|"):
			bare = false
			id := p.dotted()
			if _, ok := filters[id]; !ok && p.soft == 0 {
				fail("no filter is called %q", id)
			}
			f := &filterExpr{operand: e, name: id}
			if p.peek().is("(") {
				f.args = p.arguments()
			}
			e = f
		case p.accept("is"):
			e = p.test(e)
		case p.peek().is("("):
			e = &callExpr{e, p.arguments()}
		default:
			return e
		}
	}
}

// dotted reads the name of a filter or test.
func (p *parser) dotted() string {
	id := p.ident()
	for p.accept(".") {
		id += "." + p.ident()
	}
	return id
}

// test reads a test, whose only argument may stand without parentheses: x is divisibleby 3.
func (p *parser) test(operand expr) expr {
	negated := p.accept("not")
	t := &testExpr{operand: operand, name: p.dotted()}
	if _, ok := tests[t.name]; !ok && p.soft == 0 {
		fail("no test is called %q", t.name)
	}
	switch next := p.peek(); {
	case next.is("("):
		t.args = p.arguments()
	case next.is("else"), next.is("or"), next.is("and"):
	case next.is("is"):
		fail("tests cannot follow one another; use and")
	case next.kind == kindName, next.kind == kindString, next.kind == kindInt, next.kind == kindFloat, next.is("["), next.is("{"):
		t.args = []argument{{value: p.postfix(p.primary())}}
	}
	if negated {
		return &unary{"not", t}
	}
	return t
}
