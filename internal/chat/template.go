package chat

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill/internal/jinja"
)

// template is a parsed Jinja template, in the environment that transformers gives to chat templates: jinja's own, with
// raise_exception and strftime_now.
type template struct{ parsed *jinja.Template }

func parseTemplate(source string) (*template, error) {
	parsed, err := jinja.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	return &template{parsed}, nil
}

func (t *template) render(vars map[string]jinja.Value) (string, error) {
	vars["raise_exception"] = jinja.Function(refuse)
	vars["strftime_now"] = jinja.Function(strftimeNow)
	text, err := t.parsed.Render(vars)
	if err != nil {
		return "", fmt.Errorf("chat: %w", err)
	}
	return text, nil
}

// refuse is raise_exception: how a template refuses a conversation.
func refuse(args jinja.Args) (jinja.Value, error) {
	if reason, ok := argument(args, "message"); ok {
		return nil, fmt.Errorf("the template refuses the conversation: %s", reason)
	}
	return nil, errors.New("the template refuses the conversation")
}

func strftimeNow(args jinja.Args) (jinja.Value, error) {
	format, ok := argument(args, "format")
	if !ok {
		return nil, errors.New("strftime_now wants a format")
	}
	return strftime(time.Now(), format), nil
}

// argument returns the only argument of a function, a text that may be given by name.
func argument(args jinja.Args, name string) (string, bool) {
	values := args.Positional
	for _, a := range args.Named {
		if a.Name == name {
			values = append(values, a.Value)
		}
	}
	if len(values) != 1 {
		return "", false
	}
	text, ok := values[0].(string)
	return text, ok
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
