package workbench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/builtin"
)

// ExportDir is the folder of a run directory that the finished models are in.
const ExportDir = "export"

// preferred lists the formats of an export in the order in which a run directory's best is chosen: the one that loses
// nothing anyone could measure at the smallest size first, then those nearest to it.
var preferred = []string{"q8_0", "q6_k", "q5_k_m", "q5_k_s", "q5_k", "q4_k_m", "q4_k_s", "q4_k", "q5_1", "q5_0", "q4_1", "q4_0", "bf16", "f16", "f32"}

// Rank is a format's place in preferred, the last for one that is not there.
func Rank(format string) int {
	if i := slices.Index(preferred, strings.ToLower(format)); i >= 0 {
		return i
	}
	return len(preferred)
}

// BuiltinPrefix marks the name of a model inside the program.
const BuiltinPrefix = "builtin:"

// hintOf returns the way out that a teacher's error names.
func hintOf(err error) string {
	if e := (*teacher.Error)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Resolve returns the file or folder that a MODEL argument names: a GGUF file, a Hugging Face folder, or the best
// export of a run directory.
func Resolve(name string) (string, error) {
	if strings.HasPrefix(name, BuiltinPrefix) {
		return name, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", hint.Errorf("a GGUF file, a Hugging Face folder, a run directory or builtin:NAME", "model: %w", err)
	}
	if !info.IsDir() {
		return name, nil
	}
	if _, err := os.Stat(filepath.Join(name, "config.json")); err == nil {
		return name, nil
	}
	files, err := filepath.Glob(filepath.Join(name, ExportDir, "*.gguf"))
	if err != nil || len(files) == 0 {
		return "", hint.Errorf("a run directory has models once its export is done", "model: %s has neither config.json nor %s/*.gguf", name, ExportDir)
	}
	rank := func(path string) int {
		return Rank(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "student-"), ".gguf"))
	}
	return slices.MinFunc(files, func(a, b string) int { return rank(a) - rank(b) }), nil
}

// Open opens the model that a MODEL argument names.
func Open(name string) (*model.Model, error) {
	if inside, ok := strings.CutPrefix(name, BuiltinPrefix); ok {
		m, err := builtin.Model(inside)
		if err != nil {
			return nil, &hint.Error{Hint: hintOf(err), Err: fmt.Errorf("model: %w", err)}
		}
		return m, nil
	}
	path, err := Resolve(name)
	if err != nil {
		return nil, err
	}
	m, err := model.Open(path)
	if e := (*hint.Error)(nil); err != nil && !errors.As(err, &e) {
		return nil, &hint.Error{Hint: "a GGUF file, a Hugging Face folder, a run directory or builtin:NAME", Err: err}
	}
	return m, err
}
