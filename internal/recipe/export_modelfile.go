package recipe

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// writeModelfile writes what `ollama create` needs, for the preferred of the exported files.
func (r *Run) writeModelfile(m *model.Model) error {
	format, err := chat.New(m.Tokenizer, m.Template)
	if err != nil {
		return err
	}
	best := slices.MinFunc(r.Recipe.Export.Formats, func(a, b string) int { return workbench.Rank(a) - workbench.Rank(b) })
	text, err := format.Modelfile(filepath.Base(exportPath(r.Dir, best)))
	if errors.Is(err, chat.ErrNoModelfile) {
		r.log.Warn("the Modelfile has no template", "reason", err)
	} else if err != nil {
		return err
	}
	text = fmt.Sprintf("# ollama create %s -f Modelfile\n%sPARAMETER num_ctx %d\nPARAMETER temperature 0\n", r.Recipe.Name, text, m.Context)
	return durable.WriteFile(r.path(ExportDir, "Modelfile"), []byte(text))
}
