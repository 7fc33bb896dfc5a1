package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Change is a field that two recipes have differently.
type Change struct {
	Path     string
	From, To string
}

// Diff returns the fields in which b differs from a, in the schema's order.
func Diff(a, b *Recipe) []Change {
	var changes []Change
	diff(reflect.ValueOf(*a), reflect.ValueOf(*b), "", &changes)
	return changes
}

func diff(a, b reflect.Value, path string, changes *[]Change) {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return
	}
	if a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil() {
		a, b = a.Elem(), b.Elem()
	}
	if a.Kind() == reflect.Struct {
		for i := range a.NumField() {
			diff(a.Field(i), b.Field(i), join(path, fieldName(a.Type().Field(i))), changes)
		}
		return
	}
	if _, sections := structOf(a.Type()); sections && a.Kind() == reflect.Slice {
		diffSections(a, b, path, changes)
		return
	}
	*changes = append(*changes, Change{path, show(a), show(b)})
}

// diffSections compares lists of sections, place by place.
func diffSections(a, b reflect.Value, path string, changes *[]Change) {
	for i := range max(a.Len(), b.Len()) {
		at := fmt.Sprintf("%s.%d", path, i)
		switch {
		case i >= a.Len():
			*changes = append(*changes, Change{at, "none", "there"})
		case i >= b.Len():
			*changes = append(*changes, Change{at, "there", "none"})
		default:
			diff(a.Index(i), b.Index(i), at, changes)
		}
	}
}

func show(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "none"
		}
		v = v.Elem()
		if v.Kind() == reflect.Struct {
			return "there" // a section: its fields would not fit a line
		}
	}
	s := fmt.Sprintf("%v", v.Interface())
	if r := []rune(strings.ReplaceAll(s, "\n", " ")); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
