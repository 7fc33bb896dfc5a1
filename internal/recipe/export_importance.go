package recipe

import (
	"context"
	"fmt"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// importanceFile is kept beside the exports, in llama.cpp's format.
const importanceFile = "imatrix.gguf"

// importance measures how strongly the run's own rows use each column of the student's matrices.
func (r *Run) importance(ctx context.Context, m *model.Model) (model.Importance, error) {
	rows, _, err := r.selectRows()
	if err != nil {
		return nil, err
	}
	lang, err := r.languageOf(r.trainedPath())
	if err != nil {
		return nil, err
	}
	ready, err := infer.New(m, infer.Options{Threads: r.opts.Threads})
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	var failed error
	count := 0
	found, err := ready.Importance(ctx, func(yield func([]distill.Token) bool) {
		for row, err := range rows {
			if failed = err; err != nil || count == workbench.ImportanceRows || row.Prompt.Split == distill.Heldout {
				return
			}
			e, err := lang.example(&row, r.Recipe.Train.LearnReasoning)
			if err != nil {
				failed = err
				return
			}
			if len(e.Tokens) > ready.Context() {
				continue
			}
			count++
			if !yield(e.Tokens) {
				return
			}
		}
	})
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, fmt.Errorf("importance: %w", err)
	}
	return found, model.WriteImportance(ctx, r.path(ExportDir, importanceFile), found, model.ImportanceSource{Datasets: []string{r.Recipe.Name}, Chunks: count})
}
