// Package builtin teaches with a model that is inside the binary: a small reasoner, so that a fresh machine with nothing
// but this program has a real teacher, offline and free.
//
//	t, err := builtin.Open("", local.Options{})
//
// The models are the GGUF files in the folder models, trained by this project's own recipes on problems that code in this
// repository generates. They run as package local runs files on disk.
package builtin

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/local"
)

//go:embed models
var files embed.FS

// Names returns the names of the embedded models, sorted.
func Names() []string {
	var names []string
	entries, _ := fs.ReadDir(files, "models")
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".gguf"); ok {
			names = append(names, name)
		}
	}
	return names
}

// Data returns the file of an embedded model. An empty name means the first of [Names]. The bytes must not be changed.
func Data(name string) ([]byte, error) {
	names := Names()
	if name == "" && len(names) > 0 {
		name = names[0]
	}
	data, err := fs.ReadFile(files, path.Join("models", name+".gguf"))
	if err != nil {
		hint := "this binary was built without models; name a GGUF file instead"
		if len(names) > 0 {
			hint = "inside this binary: " + strings.Join(names, ", ")
		}
		return nil, teacher.Errorf(teacher.Fatal, hint, "builtin: no embedded model named %q", name)
	}
	return data, nil
}

// Model opens an embedded model as package model opens a file.
func Model(name string) (*model.Model, error) {
	data, err := Data(name)
	if err != nil {
		return nil, err
	}
	f, err := gguf.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("builtin: model %q: %w", name, err)
	}
	m, err := model.FromGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("builtin: model %q: %w", name, err)
	}
	return m, nil
}

// Open returns a teacher over an embedded model; an empty name means the first of [Names]. The teacher is named
// "builtin:" and the model's name unless the options say otherwise.
func Open(name string, o local.Options) (*local.Teacher, error) {
	m, err := Model(name)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if name == "" {
		name = Names()[0]
	}
	if o.Name == "" {
		o.Name = "builtin:" + name
	}
	return local.New(m, o)
}
