package recipe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// hfDir is the folder of the Hugging Face layout, below ExportDir.
const hfDir = "hf"

func exportInputs(r *Run) (any, error) { return r.Recipe.Export, nil }

// export writes the trained student in every format of the recipe.
func export(ctx context.Context, r *Run, st *stageState) (string, error) {
	m, err := model.Open(r.trainedPath())
	if err != nil {
		return "", err
	}
	defer m.Close()
	dir := r.path(ExportDir)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	meter := r.opts.Monitor.Start("export", "files", int64(len(r.Recipe.Export.Formats)), 0)
	defer meter.Stop()
	var importance model.Importance
	if r.Recipe.Export.Importance {
		if importance, err = r.importance(ctx, m); err != nil {
			return "", err
		}
	}
	var sums []any
	var notes []string
	for _, format := range r.Recipe.Export.Formats {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		path := exportPath(r.Dir, format)
		meter.Note(filepath.Base(path))
		sum, size, err := r.exportFile(ctx, path, format, m, importance)
		if err != nil {
			return "", err
		}
		sums, notes = append(sums, format, sum), append(notes, format+" "+report.Bytes(size))
		meter.Add(1)
	}
	if r.Recipe.Export.HF {
		if err := model.WriteHF(ctx, filepath.Join(dir, hfDir), m, quant.F16); err != nil {
			return "", err
		}
	}
	if r.Recipe.Export.Modelfile && len(r.Recipe.Export.Formats) > 0 {
		if err := r.writeModelfile(m); err != nil {
			return "", err
		}
	}
	st.Note = strings.Join(notes, ", ")
	return digest(sums...), nil
}

// exportFile writes one file and returns its checksum and its size.
func (r *Run) exportFile(ctx context.Context, path, format string, m *model.Model, importance model.Importance) (sum string, size int64, err error) {
	plan, err := model.NewPlan(m.Config, format, model.PlanOptions{Strict: r.Recipe.Export.Strict, Importance: importance})
	if err != nil {
		return "", 0, &hint.Error{Hint: "choose a width and ffn that are multiples of the block, or set export.strict=false", Err: err}
	}
	if c := plan.Substitutions(); len(c) > 0 {
		r.log.Warn("tensors with another type than the format's", "file", filepath.Base(path), "tensors", len(c),
			"such_as", c[0].Name, "type", c[0].Type, "wanted", c[0].Wanted, "reason", c[0].Reason)
	}
	if err := model.WriteGGUF(ctx, path, m, plan); err != nil {
		return "", 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	sum, err = SumOf(path)
	return sum, info.Size(), err
}

// exportPath returns the file of an exported format.
func exportPath(dir, format string) string {
	return filepath.Join(dir, ExportDir, "student-"+strings.ToLower(format)+".gguf")
}

// SumOf returns the checksum of a file, by which stages and measurements know it: xxHash64, in hexadecimal.
func SumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := xxhash.New()
	if _, err := f.WriteTo(h); err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}
