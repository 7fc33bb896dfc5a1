package config

import (
	"embed"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/invopop/jsonschema"
)

// The doc comments of the schema are its manual, so the program carries its own source.
//
//go:embed recipe*.go
var source embed.FS

// comments maps "Type" and "Type.Field" to the doc comment in the recipe's source files.
var comments = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	names, _ := fs.Glob(source, "*.go")
	for _, name := range names {
		text, _ := source.ReadFile(name)
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			panic("config: own source: " + err.Error()) // it was compiled
		}
		for _, decl := range file.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok {
				gather(gen, all)
			}
		}
	}
	return all
})

// gather takes the doc comments of one declaration's types and of their fields.
func gather(decl *ast.GenDecl, all map[string]string) {
	for _, spec := range decl.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		all[t.Name.Name] = flatten(decl.Doc.Text())
		for _, f := range t.Type.(*ast.StructType).Fields.List {
			for _, name := range f.Names {
				all[t.Name.Name+"."+name.Name] = flatten(f.Doc.Text())
			}
		}
	}
}

func flatten(s string) string { return strings.Join(strings.Fields(s), " ") }

// Schema returns the JSON Schema of a recipe, for completion and checking in an editor.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{
		FieldNameTag:               "yaml",
		ExpandedStruct:             true,
		RequiredFromJSONSchemaTags: true,
		Anonymous:                  true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t == reflect.TypeFor[time.Duration]() {
				return &jsonschema.Schema{Type: "string", Pattern: `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`}
			}
			return nil
		},
		LookupComment: func(t reflect.Type, field string) string {
			if field == "" {
				return comments()[t.Name()]
			}
			return comments()[t.Name()+"."+field]
		},
	}
	s := r.Reflect(&Recipe{})
	s.Title, s.ID = "distill recipe", ""
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}
