package recipe

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/model"
)

// ollamaTemplates are our templates in Ollama's own notation (Go's text/template). Other templates Ollama reads from the
// GGUF file, where it knows them.
var ollamaTemplates = map[string]string{
	chat.Default: "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n",
	chat.Plain:   "{{ .Prompt }}",
}

// writeModelfile writes what `ollama create` needs, for the preferred of the exported files.
func (r *Run) writeModelfile(m *model.Model) error {
	format, err := chat.New(m.Tokenizer, m.Template)
	if err != nil {
		return err
	}
	best := slices.MinFunc(r.Recipe.Export.Formats, func(a, b string) int { return rankOf(a) - rankOf(b) })
	var b strings.Builder
	fmt.Fprintf(&b, "# ollama create %s -f Modelfile\nFROM ./%s\n", r.Recipe.Name, filepath.Base(exportPath(r.Dir, best)))
	if t, ok := ollamaTemplates[format.Template]; ok {
		fmt.Fprintf(&b, "TEMPLATE \"\"\"%s\"\"\"\n", t)
	}
	for _, id := range format.Stops() {
		fmt.Fprintf(&b, "PARAMETER stop %q\n", m.Tokenizer.Text(id))
	}
	fmt.Fprintf(&b, "PARAMETER num_ctx %d\nPARAMETER temperature 0\n", m.Context)
	return replaceFile(r.path(ExportDir, "Modelfile"), []byte(b.String()))
}
