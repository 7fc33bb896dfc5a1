// Package jinja renders Jinja templates as Hugging Face transformers renders chat templates: jinja2 3.1 in its immutable
// sandbox, with trim_blocks, lstrip_blocks, the loopcontrols extension (break, continue) and {% generation %}.
//
//	t, err := jinja.Parse("{% for m in messages %}{{ m.role }}: {{ m.content | trim }}\n{% endfor %}")
//	text, err := t.Render(map[string]jinja.Value{"messages": jinja.List{
//		jinja.NewDict("role", "user", "content", "hello")}})
//
// # From source to text
//
// The lexer (lex.go) cuts the source into tokens, the parser (parse.go, expression.go) makes of them the tree of ast.go,
// and the tree is walked: statements (exec.go, loop.go, macro.go) write, expressions (eval.go) give values (value.go).
// Operators, attributes and the words for values are Python's, and have a file each: operator.go, attribute.go, text.go,
// format.go, json.go. What templates call by name are methods of text (strings.go), filters (filter.go, sequence.go),
// tests (test.go) and the functions of global.go. A caller adds functions of its own as variables of the type [Function].
//
// # Safety
//
// A template is a program by a stranger. It reads and writes nothing but its variables, and none of those: lists and
// dictionaries cannot be changed, only a namespace of the template's own can. Work, memory and depth are bounded
// (machine.go), whatever it does; nesting is bounded when it is parsed, which takes time linear in its length. What is
// wrong is an [Error] with its line. Inside the package errors travel as panics of the type failure, as they do in
// text/template, and only Parse and Render recover them.
//
// # What is left out
//
// Of jinja2: other files (extends, include, import, block), escaping for HTML (autoescape; but see markup.go) and the
// filters filesizeformat, groupby, pprint, random, striptags, urlencode, urlize, wordwrap and xmlattr. Of Python:
// integers beyond 64 bits, which are an error, and half surrogate pairs, which become U+FFFD. And a name is looked up when it
// is reached, where jinja2 decides beforehand whose it is: they differ where a loop or macro reads a variable that was given
// and that the template sets only later.
package jinja

import (
	"fmt"
	"strings"
)

// Template is a parsed template. It may be rendered by many goroutines at once.
type Template struct {
	body []stmt
}

// Error says what is wrong with a template or went wrong in it, and where.
type Error struct {
	Line int // from 1
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("template line %d: %v", e.Line, e.Err) }

// Unwrap returns what happened, such as the error of a [Function].
func (e *Error) Unwrap() error { return e.Err }

// Parse reads a template. The error is an [Error].
func Parse(source string) (*Template, error) {
	tokens, err := lex(unixLines(source))
	if err != nil {
		return nil, err
	}
	return parse(tokens)
}

// Render executes the template with variables, which it does not change. The error is an [Error].
func (t *Template) Render(vars map[string]Value) (string, error) {
	return t.render(vars, &machine{line: 1, steps: maxSteps, bytes: maxBytes})
}

func (t *Template) render(vars map[string]Value, m *machine) (text string, err error) {
	defer func() { err = recovered(recover(), m.line, err) }()
	given := &scope{vars: vars, parent: &scope{vars: globals}}
	return m.capture(func() { m.run(t.body, &scope{parent: given}) }), nil
}

// failure is how an error leaves the depth of a recursion.
type failure struct{ err error }

func fail(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

// recovered turns a failure into an [Error] and lets every other panic go on.
func recovered(r any, line int, err error) error {
	if r == nil {
		return err
	}
	f, ok := r.(failure)
	if !ok {
		panic(r)
	}
	return &Error{line, f.err}
}

// unixLines ends lines with \n alone and takes the last line's end away, once.
func unixLines(source string) string {
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	return strings.TrimSuffix(source, "\n")
}
