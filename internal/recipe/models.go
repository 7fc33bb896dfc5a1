package recipe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/builtin"
)

// preferred lists the formats of an export in the order in which a run directory's best is chosen: the one that loses
// nothing anyone could measure at the smallest size first, then those nearest to it.
var preferred = []string{"q8_0", "q6_k", "q5_k_m", "q5_k_s", "q5_k", "q4_k_m", "q4_k_s", "q4_k", "q5_1", "q5_0", "q4_1", "q4_0", "bf16", "f16", "f32"}

// rankOf is a format's place in preferred, the last for one that is not there.
func rankOf(format string) int {
	if i := slices.Index(preferred, strings.ToLower(format)); i >= 0 {
		return i
	}
	return len(preferred)
}

// builtinPrefix marks the name of a model inside the program.
const builtinPrefix = "builtin:"

// hintOf returns the way out that a teacher's error names.
func hintOf(err error) string {
	if e := (*teacher.Error)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// ResolveModel returns the file or folder that a MODEL argument names: a GGUF file, a Hugging Face folder, or the best
// export of a run directory.
func ResolveModel(name string) (string, error) {
	if strings.HasPrefix(name, builtinPrefix) {
		return name, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", inputErrorf("a GGUF file, a Hugging Face folder, a run directory or builtin:NAME", "model: %w", err)
	}
	if !info.IsDir() {
		return name, nil
	}
	if _, err := os.Stat(filepath.Join(name, "config.json")); err == nil {
		return name, nil
	}
	files, err := filepath.Glob(filepath.Join(name, ExportDir, "*.gguf"))
	if err != nil || len(files) == 0 {
		return "", inputErrorf("a run directory has models once its export is done", "model: %s has neither config.json nor %s/*.gguf", name, ExportDir)
	}
	rank := func(path string) int {
		return rankOf(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "student-"), ".gguf"))
	}
	return slices.MinFunc(files, func(a, b string) int { return rank(a) - rank(b) }), nil
}

// OpenModel opens the model that a MODEL argument names.
func OpenModel(name string) (*model.Model, error) {
	if inside, ok := strings.CutPrefix(name, builtinPrefix); ok {
		m, err := builtin.Model(inside)
		if err != nil {
			return nil, &InputError{Hint: hintOf(err), Err: fmt.Errorf("model: %w", err)}
		}
		return m, nil
	}
	path, err := ResolveModel(name)
	if err != nil {
		return nil, err
	}
	m, err := model.Open(path)
	if err != nil {
		return nil, &InputError{Err: fmt.Errorf("model: %w", err)}
	}
	return m, nil
}
