package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxRecipeBytes is the size above which a file is not taken for a recipe.
const maxRecipeBytes = 16 << 20

// Load reads the recipe at path, applies the overrides (each "path.to.key=value"), and validates it. Errors are [*Error],
// several of them joined.
func Load(path string, overrides []string) (*Recipe, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	if info.Size() > maxRecipeBytes {
		return nil, fmt.Errorf("recipe: %s: %d bytes is no recipe", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	return Parse(path, filepath.Dir(path), data, overrides)
}

// Parse is [Load] for a document that is in memory; name stands for it in errors and relative paths are meant from dir.
func Parse(name, dir string, data []byte, overrides []string) (*Recipe, error) {
	doc := &document{name: name, source: string(data)}
	r, err := doc.decode()
	if err != nil {
		return nil, err
	}
	eachPath(reflect.ValueOf(r).Elem(), func(p *string) { *p = within(dir, *p) })
	if r.Teacher.Kind == "local" {
		r.Teacher.Model = within(dir, r.Teacher.Model)
	}
	for _, by := range r.asked() {
		if by.Kind == "local" {
			by.Model = within(dir, by.Model)
		}
	}
	for _, f := range []*string{&r.Student.From, &r.Tokenizer.From} {
		if isPath(*f) {
			*f = within(dir, *f)
		}
	}
	for _, o := range overrides {
		if err := r.Set(o); err != nil {
			return nil, err
		}
	}
	r.fill()
	return r, doc.validate(r)
}

// isPath tells a path from the words that may stand in its place ("scratch", "teacher", "train").
func isPath(s string) bool { return strings.ContainsAny(s, `./\`) }

func within(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// eachPath calls f for every string field below v that is tagged path:"true".
func eachPath(v reflect.Value, f func(*string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachPath(v.Elem(), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("path") == "true" {
				f(v.Field(i).Addr().Interface().(*string))
			} else {
				eachPath(v.Field(i), f)
			}
		}
	}
}

// Marshal writes the recipe as YAML with every field and its value. Reading it back gives the same recipe.
func Marshal(r *Recipe) ([]byte, error) {
	data, err := yaml.MarshalWithOptions(r, yaml.Indent(2), yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	return data, nil
}

// document is a recipe's text with its syntax tree: what errors point into.
type document struct {
	name   string
	source string
	root   ast.Node // nil for an empty document
}

// decode reads the document over the defaults. The YAML library panics on some malformed documents; they are errors here.
func (d *document) decode() (r *Recipe, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, &Error{File: d.name, Message: fmt.Sprintf("is no recipe: %v", p)}
		}
	}()
	file, err := parser.ParseBytes([]byte(d.source), 0)
	if err != nil {
		return nil, d.syntaxError(err)
	}
	if len(file.Docs) > 1 && file.Docs[1].Body != nil {
		return nil, d.errorAt(file.Docs[1].Body, "", "a recipe is one document", "remove the second ---")
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, &Error{File: d.name, Message: "the recipe is empty", Hint: "start from one that works: distill recipes cp quickstart my.yaml"}
	}
	d.root = file.Docs[0].Body
	if err := d.checkFields(d.root, reflect.TypeFor[Recipe](), ""); err != nil {
		return nil, err
	}
	defaults := Default()
	if err := yaml.NodeToValue(d.root, &defaults, yaml.Strict()); err != nil {
		return nil, d.typeError(err)
	}
	return &defaults, nil
}

// checkFields compares the keys below node with the fields of t, which gives better errors than decoding does.
func (d *document) checkFields(node ast.Node, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Slice:
		seq, ok := node.(*ast.SequenceNode)
		if !ok {
			return nil // a type error, found when decoding
		}
		var errs []error
		for i, value := range seq.Values {
			errs = append(errs, d.checkFields(value, t.Elem(), fmt.Sprintf("%s.%d", path, i)))
		}
		return errors.Join(errs...)
	case t == reflect.TypeFor[time.Duration]():
		if _, err := time.ParseDuration(node.GetToken().Value); err != nil {
			return d.errorAt(node, path, "want "+typeWord(t)+", got "+quoteValue(node.GetToken().Value), "")
		}
		return nil
	case t.Kind() != reflect.Struct:
		return nil
	}
	if node.Type() == ast.NullType {
		return nil
	}
	mapping, ok := node.(ast.MapNode)
	if !ok {
		return d.errorAt(node, path, "want a section with fields, got "+describe(node), "its fields are "+strings.Join(fieldNames(t), ", "))
	}
	var errs []error
	for it := mapping.MapRange(); it.Next(); {
		key := it.Key().GetToken().Value
		field, ok := fieldByName(t, key)
		if !ok {
			errs = append(errs, d.errorAt(it.Key(), join(path, key), "unknown field", suggestField(key, t)))
			continue
		}
		errs = append(errs, d.checkFields(it.Value(), field.Type, join(path, key)))
	}
	return errors.Join(errs...)
}

func (d *document) syntaxError(err error) *Error {
	e := &Error{File: d.name, Message: err.Error()}
	if y := yaml.Error(nil); errors.As(err, &y) {
		e.Message = y.GetMessage()
		e.Hint = "in YAML the indentation says what belongs to what; distill recipes show quickstart is one that reads well"
		if tk := y.GetToken(); tk != nil {
			e.Line, e.Column = tk.Position.Line, tk.Position.Column
			e.Excerpt = excerpt(d.source, e.Line, e.Column)
		}
	}
	return e
}

// typeError says in a recipe writer's words what the decoder found.
func (d *document) typeError(err error) error {
	e := d.syntaxError(err)
	e.Hint = ""
	if t := (*yaml.TypeError)(nil); errors.As(err, &t) {
		e.Message = "want " + typeWord(t.DstType) + ", got " + quoteValue(t.Token.Value)
	}
	if o := (*yaml.OverflowError)(nil); errors.As(err, &o) {
		e.Message = "want " + typeWord(o.DstType) + ", got " + quoteValue(o.SrcNum)
	}
	if e.Line > 0 && d.root != nil {
		e.Path = pathAt(d.root, e.Line, e.Column)
	}
	return e
}

func (d *document) errorAt(node ast.Node, path, message, hint string) *Error {
	e := &Error{File: d.name, Path: path, Message: message, Hint: hint}
	if tk := node.GetToken(); tk != nil {
		e.Line, e.Column = tk.Position.Line, tk.Position.Column
		e.Excerpt = excerpt(d.source, e.Line, e.Column)
	}
	return e
}

// find returns the node at a dotted path, or nil where the document does not have it.
func (d *document) find(path string) ast.Node {
	node := d.root
	for key := range strings.SplitSeq(path, ".") {
		var next ast.Node
		switch n := node.(type) {
		case ast.MapNode:
			for it := n.MapRange(); it.Next(); {
				if it.Key().GetToken().Value == key {
					next = it.Value()
				}
			}
		case *ast.SequenceNode:
			for i, value := range n.Values {
				if fmt.Sprint(i) == key {
					next = value
				}
			}
		}
		if next == nil {
			return nil
		}
		node = next
	}
	return node
}

// pathAt returns the dotted path of the value that starts at a position, or "".
func pathAt(node ast.Node, line, column int) string {
	found := ""
	var walk func(n ast.Node, path string)
	walk = func(n ast.Node, path string) {
		if tk := n.GetToken(); tk != nil && tk.Position.Line == line && tk.Position.Column == column && path != "" {
			found = path
		}
		switch n := n.(type) {
		case ast.MapNode:
			for it := n.MapRange(); it.Next(); {
				walk(it.Value(), join(path, it.Key().GetToken().Value))
			}
		case *ast.SequenceNode:
			for i, value := range n.Values {
				walk(value, fmt.Sprintf("%s.%d", path, i))
			}
		}
	}
	walk(node, "")
	return found
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "a section"
	}
	return quoteValue(node.GetToken().Value)
}

func quoteValue(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// typeWord names a Go type as a recipe writer knows it.
func typeWord(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 90s or 10m"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Map:
		return "a section"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Uint64:
		return "a whole number, not negative"
	}
	return "a whole number"
}
