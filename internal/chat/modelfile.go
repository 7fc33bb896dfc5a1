package chat

import (
	"errors"
	"fmt"
	"strings"
	texttemplate "text/template"

	distill "github.com/seed-d24fde5f/distill"
)

// ErrNoModelfile says that a template does more than Ollama's template language can be shown to repeat.
var ErrNoModelfile = errors.New("chat: the template is not a plain sequence of turns; Ollama has to take it from the GGUF file")

// turns is a template taken apart: what stands before and after the text of each role, and what opens an answer.
type turns struct {
	before, after map[string]string
	open          string // the generation prompt
}

// Modelfile returns the text of an Ollama Modelfile for a GGUF file beside it: FROM, TEMPLATE in Go's template language,
// and the stop texts. The template is derived by rendering conversations and checked on others; where the Jinja source
// does more than put words around turns, the error is ErrNoModelfile and the text has no TEMPLATE, which leaves it to
// Ollama to recognise the one inside the GGUF file.
func (f *Format) Modelfile(gguf string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "FROM ./%s\n", gguf)
	source, err := f.ollamaTemplate()
	if err == nil {
		fmt.Fprintf(&b, "TEMPLATE \"\"\"%s\"\"\"\n", source)
	}
	for _, id := range f.stops {
		fmt.Fprintf(&b, "PARAMETER stop %q\n", f.Tok.Text(id))
	}
	return b.String(), err
}

// ollamaTemplate writes the turns in Go's template language and holds them to the Jinja source.
func (f *Format) ollamaTemplate() (string, error) {
	t, err := f.takeApart()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("{{- range .Messages }}")
	for i, role := range []string{distill.RoleSystem, distill.RoleUser, distill.RoleAssistant} {
		fmt.Fprintf(&b, "{{- %s eq .Role %q }}%s{{ .Content }}%s", []string{"if", "else if", "else if"}[i], role, literal(t.before[role]), literal(t.after[role]))
	}
	b.WriteString("{{- end }}{{- end }}" + literal(t.open))
	source := b.String()
	if strings.Contains(source, `"""`) {
		return "", ErrNoModelfile
	}
	return source, f.checkOllama(source)
}

// literal writes text so that Go's template engine repeats it, white space at its edges included.
func literal(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("{{ %q }}", text)
}

// Messages whose texts stand out in what is rendered.
func marked(role string, n int) distill.Message {
	return distill.Message{Role: role, Content: fmt.Sprintf("q%dk5w%d", n, n)}
}

// takeApart renders a conversation of all roles and cuts it at the texts of its messages. What stands between two of them
// is the end of one turn and the beginning of the next; rendering shorter conversations tells where one ends.
func (f *Format) takeApart() (*turns, error) {
	talk := []distill.Message{
		marked(distill.RoleSystem, 1), marked(distill.RoleUser, 2), marked(distill.RoleAssistant, 3), marked(distill.RoleUser, 4),
	}
	t := &turns{before: make(map[string]string), after: make(map[string]string)}
	previous := ""
	for i, m := range talk {
		text, err := f.Render(talk[:i+1], false)
		if err != nil {
			return nil, err
		}
		turn, grew := strings.CutPrefix(text, previous)
		before, after, found := strings.Cut(turn, m.Content)
		if !grew || !found || t.before[m.Role] != "" && (t.before[m.Role] != before || t.after[m.Role] != after) {
			return nil, ErrNoModelfile
		}
		t.before[m.Role], t.after[m.Role] = before, after
		previous = text
	}
	text, err := f.Render(talk, true)
	if err != nil {
		return nil, err
	}
	t.open = strings.TrimPrefix(text, previous)
	// llama.cpp's tokenizer, which Ollama uses, puts the begin token there itself.
	t.before[distill.RoleSystem] = strings.TrimPrefix(t.before[distill.RoleSystem], f.Tok.Text(f.Tok.BOS))
	return t, nil
}

// checkOllama renders conversations with both engines; the texts must be the same but for the begin token.
func (f *Format) checkOllama(source string) error {
	parsed, err := texttemplate.New("ollama").Parse(source)
	if err != nil {
		return fmt.Errorf("chat: ollama template: %w", err)
	}
	for _, talk := range [][]distill.Message{
		{{Role: distill.RoleUser, Content: "a"}},
		{{Role: distill.RoleSystem, Content: "s"}, {Role: distill.RoleUser, Content: "a b"}},
		{{Role: distill.RoleUser, Content: "a"}, {Role: distill.RoleAssistant, Content: "b"}, {Role: distill.RoleUser, Content: "c"}},
	} {
		want, err := f.Render(talk, true)
		if err != nil {
			return err
		}
		var got strings.Builder
		if err := parsed.Execute(&got, map[string]any{"Messages": talk}); err != nil {
			return fmt.Errorf("chat: ollama template: %w", err)
		}
		if got.String() != strings.TrimPrefix(want, f.Tok.Text(f.Tok.BOS)) {
			return ErrNoModelfile
		}
	}
	return nil
}
