package model

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/hint"
)

// The fields of a Config that Validate may refuse, as errors call them where no file's name for them is known.
const (
	fieldVocab    = "vocabulary"
	fieldContext  = "context"
	fieldWidth    = "width"
	fieldFFN      = "feed-forward width"
	fieldLayers   = "layers"
	fieldHeads    = "heads"
	fieldKVHeads  = "KV heads"
	fieldHeadDim  = "head size"
	fieldTheta    = "rope theta"
	fieldEps      = "norm epsilon"
	fieldScaling  = "rope scaling"
	fieldDivisors = "rope divisors"
)

// badField is a field that is out of range or contradicts another.
type badField struct{ field, says string }

func bad(field, format string, args ...any) error {
	return &badField{field, fmt.Sprintf(format, args...)}
}

func (e *badField) Error() string { return "model: " + e.field + ": " + e.says }

// named calls the field of a badField by what a file calls it; a field without a name there, and other errors, stay.
func named(err error, names map[string]string) error {
	var e *badField
	if !errors.As(err, &e) || names[e.field] == "" {
		return err
	}
	return &badField{names[e.field], e.says}
}

// hinted adds a way out to an error that has none.
func hinted(err error, wayOut string) error {
	if e := (*hint.Error)(nil); err == nil || errors.As(err, &e) {
		return err
	}
	return &hint.Error{Hint: wayOut, Err: err}
}

func unsupportedArch(arch string) error {
	return hint.Errorf("as a teacher it can run elsewhere: serve it with llama.cpp, vLLM or Ollama and name that server in the recipe",
		"model: architecture %q is not supported; %s are", arch, strings.Join(Architectures, ", "))
}

// noPlace is about a weight that the graph has no place for; one of a layer that there should not be says so.
func (m *Model) noPlace(name, before, field string) error {
	if rest, ok := strings.CutPrefix(name, before); ok {
		number, _, _ := strings.Cut(rest, ".")
		if layer, err := strconv.Atoi(number); err == nil && layer >= m.Layers {
			return fmt.Errorf("model: weight %q is of layer %d, and %s is %d", name, layer, field, m.Layers)
		}
	}
	return fmt.Errorf("model: weight %q has no place in the %s architecture", name, m.Arch)
}
