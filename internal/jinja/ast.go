package jinja

// stmt is a node that writes. It reports whether the loop around it is to end or to go on.
type stmt interface {
	exec(m *machine, s *scope) signal
}

// expr is a node that has a value.
type expr interface {
	eval(m *machine, s *scope) Value
}

// target is what can be assigned to: a name, an attribute of a namespace, or several targets.
type target interface {
	assign(m *machine, s *scope, v Value)
}

// Statements. Those that can fail begin with the line they stand on.
type (
	textStmt struct{ text string }

	printStmt struct { // {{ value }}
		line  int
		value expr
	}
	ifStmt struct {
		line     int
		branches []branch
		other    []stmt
	}
	branch struct {
		test expr
		body []stmt
	}
	forStmt struct {
		line        int
		target      target
		over        expr
		test        expr // nil: every item
		body, other []stmt
		recursive   bool
	}
	setStmt struct { // {% set target = value %}
		line   int
		target target
		value  expr
	}
	captureStmt struct { // {% set target | filters %}body{% endset %}
		line   int
		target target // nil in {% filter %}, which prints
		filter expr   // of placeholder; nil for none
		body   []stmt
	}
	withStmt struct {
		line    int
		targets []target
		values  []expr
		body    []stmt
	}
	macroStmt struct {
		line  int
		macro *macroDef
	}
	callStmt struct { // {% call(params) macro(args) %}body{% endcall %}
		line   int
		call   *callExpr
		caller *macroDef
	}
	jumpStmt struct{ signal signal } // break, continue
)

// macroDef is what a macro or the body of a call block is called with, and does.
type macroDef struct {
	name     string
	params   []string
	defaults []expr // of the last params
	body     []stmt
	// Whether the body speaks of them; a macro that does not refuses what they would hold.
	varargs, kwargs, caller bool
}

// Expressions.
type (
	constant struct{ value Value }

	name struct{ name string }

	listExpr  struct{ items []expr }
	tupleExpr struct{ items []expr }
	dictExpr  struct{ keys, values []expr }

	unary struct { // - + not
		op      string
		operand expr
	}
	binary struct { // + - * / // % **
		op          string
		left, right expr
	}
	logical struct { // and, or
		and         bool
		left, right expr
	}
	comparison struct { // a < b <= c
		first expr
		rest  []comparand
	}
	comparand struct {
		op    string
		value expr
	}
	concat struct{ parts []expr } // a ~ b ~ c

	conditional struct { // then if test else other
		test, then expr
		other      expr // nil: undefined
	}
	attributeExpr struct { // of.name
		of   expr
		name string
	}
	itemExpr struct { // of[key]
		of, key expr
	}
	sliceExpr struct { // of[start:stop:step]
		of                expr
		start, stop, step expr // nil where left out
	}
	callExpr struct {
		callee expr
		args   []argument
	}
	filterExpr struct { // operand | name(args)
		operand expr
		name    string
		args    []argument
	}
	testExpr struct { // operand is name(args)
		operand expr
		name    string
		args    []argument
	}
	// placeholder is the operand of the first filter of a captured block.
	placeholder struct{}
)

// argument is one of a call: value, name=value, *value or **value.
type argument struct {
	name  string
	stars int
	value expr
}

// Targets, besides *name.
type (
	memberTarget struct{ namespace, name string }
	tupleTarget  struct{ targets []target }
)
