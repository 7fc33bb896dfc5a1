package chat

import (
	"errors"
	"strings"
	"testing"
	texttemplate "text/template"

	distill "github.com/seed-d24fde5f/distill"
)

// The Modelfile's template gives what the Jinja template gives, for conversations that were not used to derive it.
func TestModelfile(t *testing.T) {
	f := mustNew(t, qwen(t), Default)
	text, err := f.Modelfile("student-q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "FROM ./student-q8_0.gguf\n") || !strings.Contains(text, `PARAMETER stop "<|im_end|>"`) {
		t.Error(text)
	}
	_, rest, _ := strings.Cut(text, `TEMPLATE """`)
	source, _, _ := strings.Cut(rest, `"""`)
	parsed := texttemplate.Must(texttemplate.New("").Parse(source))
	talk := []distill.Message{
		{Role: "system", Content: " be\nbrief "}, {Role: "user", Content: "{{ 1 }}"}, {Role: "assistant", Content: "<think>\nx\n</think>\n\ny"}, {Role: "user", Content: "z"},
	}
	var got strings.Builder
	if err := parsed.Execute(&got, map[string]any{"Messages": talk}); err != nil {
		t.Fatal(err)
	}
	if want, _ := f.Render(talk, true); got.String() != want {
		t.Errorf("%q, want %q", got.String(), want)
	}
}

func TestModelfileOfAClevererTemplate(t *testing.T) {
	f := mustNew(t, qwen(t), template1(t, "Qwen-Qwen2.5-7B-Instruct")) // adds a system message where there is none
	text, err := f.Modelfile("m.gguf")
	if !errors.Is(err, ErrNoModelfile) || strings.Contains(text, "TEMPLATE") || !strings.Contains(text, "PARAMETER stop") {
		t.Errorf("%v: %s", err, text)
	}
}
