package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Manual returns the recipe reference as Markdown: every field with its meaning, its allowed values and its default. It is
// made from the schema's own comments and tags, and from [Default].
func Manual() string {
	var b strings.Builder
	b.WriteString("# Recipe reference\n\nMade by `distill recipes schema --markdown` from internal/config. A recipe is one YAML document; " +
		"what it leaves out has the default. Any field can be given on the command line: `--set train.batch=16`.\n\n")
	d := Default()
	section(&b, "", reflect.ValueOf(d))
	return b.String()
}

// section writes the table of one struct's plain fields, then those of its sections.
func section(b *strings.Builder, path string, v reflect.Value) {
	if path != "" {
		fmt.Fprintf(b, "## %s\n\n%s\n\n", path, strings.TrimSpace(comments()[v.Type().Name()]))
	}
	b.WriteString("| field | default | meaning |\n| --- | --- | --- |\n")
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if _, below := structOf(field.Type); below {
			continue
		}
		meaning := comments()[v.Type().Name()+"."+field.Name]
		fmt.Fprintf(b, "| `%s` | %s | %s%s |\n", join(path, fieldName(field)), defaultText(v.Field(i), field), strings.ReplaceAll(meaning, "|", "\\|"), enumText(field))
	}
	b.WriteString("\n")
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if t, below := structOf(field.Type); below {
			value := v.Field(i)
			if value.Type() != t {
				value = filled(t)
			}
			name := join(path, fieldName(field))
			if field.Type.Kind() == reflect.Slice {
				name += "[]"
			}
			section(b, name, value)
		}
	}
}

// filled returns a section that recipes may leave out, as it is when it is there.
func filled(t reflect.Type) reflect.Value {
	r := Recipe{Prompts: Prompts{Problems: &Problems{}}, Score: &Score{}, Select: Select{Verify: []Verifier{{Kind: "fuzzy"}}},
		Student: Student{Cut: &Cut{}, LoRA: &LoRA{}}, Train: Train{QAT: &QAT{}, Hidden: &Hidden{}}}
	r.fill()
	switch t {
	case reflect.TypeFor[Problems]():
		return reflect.ValueOf(*r.Prompts.Problems)
	case reflect.TypeFor[Cut]():
		return reflect.ValueOf(*r.Student.Cut)
	case reflect.TypeFor[LoRA]():
		return reflect.ValueOf(*r.Student.LoRA)
	case reflect.TypeFor[QAT]():
		return reflect.ValueOf(*r.Train.QAT)
	case reflect.TypeFor[Hidden]():
		return reflect.ValueOf(*r.Train.Hidden)
	case reflect.TypeFor[Score]():
		return reflect.ValueOf(*r.Score)
	case reflect.TypeFor[Verifier]():
		r.Select.Verify[0].Kind = ""
		return reflect.ValueOf(r.Select.Verify[0])
	}
	section := reflect.New(t)
	if d, ok := section.Interface().(interface{ setDefaults() }); ok {
		d.setDefaults()
	}
	return section.Elem()
}

func structOf(t reflect.Type) (reflect.Type, bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct
}

func defaultText(v reflect.Value, f reflect.StructField) string {
	switch {
	case f.Tag.Get("default") != "":
		return f.Tag.Get("default")
	case strings.Contains(f.Tag.Get("jsonschema"), "required") && v.IsZero():
		return "must be given"
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Map || v.Kind() == reflect.String && v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0:
		return "none"
	case v.Kind() == reflect.Slice:
		return "`[" + strings.Join(v.Interface().([]string), ", ") + "]`"
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

func enumText(f reflect.StructField) string {
	var words []string
	for part := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
		if word, ok := strings.CutPrefix(part, "enum="); ok {
			words = append(words, "`"+word+"`")
		}
	}
	if words == nil {
		return ""
	}
	return " One of " + strings.Join(words, ", ") + "."
}
