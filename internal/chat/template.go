package chat

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
)

// template is a parsed Jinja template in the environment that transformers gives to chat templates: blocks trimmed and
// left-stripped, no HTML escapes, raise_exception and strftime_now, tojson as json.dumps writes, Python's string methods.
// It can read no files.
type template struct {
	exec *exec.Template
}

// templateName is the only file the template's loader has.
const templateName = "/chat_template"

func parseTemplate(source string) (*template, error) {
	// gonja reads {% generation %} as an unknown statement; it marks the assistant's text and renders nothing itself.
	source = strings.NewReplacer("{% generation %}", "", "{%- generation %}", "", "{%- generation -%}", "", "{% generation -%}", "",
		"{% endgeneration %}", "", "{%- endgeneration %}", "", "{%- endgeneration -%}", "", "{% endgeneration -%}", "").Replace(source)
	parsed, err := parseSource(source)
	if err != nil || filteredMethod.MatchString(source) {
		if spelt, again := parseSource(spellOut(source)); again == nil {
			parsed, err = spelt, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("chat: template: %w", err)
	}
	return &template{parsed}, nil
}

func parseSource(source string) (t *exec.Template, err error) {
	defer recoverInto(&err)
	loader, err := loaders.NewMemoryLoader(map[string]string{templateName: source})
	if err != nil {
		return nil, err
	}
	c := config.New()
	c.TrimBlocks, c.LeftStripBlocks = true, true
	t, err = exec.NewTemplate(templateName, c, loader, environment())
	if cause := errors.Unwrap(err); cause != nil {
		err = cause // without the whole source, which the engine puts in front
	}
	return t, err
}

func (t *template) render(vars map[string]any) (text string, err error) {
	defer recoverInto(&err)
	text, err = t.exec.ExecuteToString(exec.NewContext(vars))
	if err != nil {
		return "", fmt.Errorf("chat: template: %w", err)
	}
	return text, nil
}

// recoverInto turns a panic of the engine, which a broken template can cause, into an error.
func recoverInto(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("chat: template: the engine fails: %v", r)
	}
}

func environment() *exec.Environment {
	filters := exec.NewFilterSet(map[string]exec.FilterFunction{}).Update(builtins.Filters)
	for name, filter := range map[string]exec.FilterFunction{"tojson": toJSON, "items": items} {
		if filters.Exists(name) {
			_ = filters.Replace(name, filter) // fails only where the name is absent
		} else {
			_ = filters.Register(name, filter) // fails only where the name is taken
		}
	}
	context := exec.EmptyContext().Update(builtins.GlobalFunctions).Update(builtins.GlobalVariables)
	context.Set("raise_exception", raise)
	context.Set("range", numbers)
	context.Set("strftime_now", func(format string) string { return strftime(time.Now(), format) })
	methods := builtins.Methods
	methods.Str = stringMethods()
	return &exec.Environment{
		Context: context, Filters: filters, Tests: builtins.Tests, ControlStructures: builtins.ControlStructures, Methods: methods,
	}
}

// raise is how a template refuses a conversation.
func raise(_ *exec.Evaluator, args *exec.VarArgs) (string, error) {
	if len(args.Args) == 0 {
		return "", errors.New("the template refuses the conversation")
	}
	return "", fmt.Errorf("the template refuses the conversation: %s", args.Args[0].String())
}

// maxRange is the longest range a template may ask for: far more than a conversation has turns, and no endless loop.
const maxRange = 1 << 16

// numbers is Python's range as a list.
func numbers(_ *exec.Evaluator, args *exec.VarArgs) (list, error) {
	bounds := []int{0, 0, 1}
	for i, a := range args.Args {
		if !a.IsInteger() || i > 2 {
			return nil, errors.New("range: one to three integers are wanted")
		}
		bounds[i] = a.Integer()
	}
	if len(args.Args) == 1 {
		bounds[0], bounds[1] = 0, bounds[0]
	}
	start, stop, step := bounds[0], bounds[1], bounds[2]
	if step == 0 || len(args.Args) == 0 {
		return nil, errors.New("range: it has no end, or no step")
	}
	all := list{}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(all) == maxRange {
			return nil, fmt.Errorf("range: longer than %d", maxRange)
		}
		all = append(all, i)
	}
	return all, nil
}

// items lists a mapping's entries as pairs, in order where it has one.
func items(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
	pairs := make([]any, 0)
	for _, e := range entriesOf(in.Interface()) {
		pairs = append(pairs, []any{e.key, e.value})
	}
	return exec.AsValue(pairs)
}

// strftime formats a time by the C directives that templates use; others stay as they are.
func strftime(t time.Time, format string) string {
	layouts := map[byte]string{
		'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
		'A': "Monday", 'a': "Mon", 'B': "January", 'b': "Jan", 'j': "002", 'Z': "MST", 'z': "-0700",
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		if layout, ok := layouts[format[i]]; ok {
			b.WriteString(t.Format(layout))
		} else if format[i] == '%' {
			b.WriteByte('%')
		} else {
			b.WriteString(format[i-1 : i+1])
		}
	}
	return b.String()
}
