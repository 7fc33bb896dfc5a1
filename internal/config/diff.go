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
	*changes = append(*changes, Change{path, show(a), show(b)})
}

func show(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "none"
		}
		v = v.Elem()
	}
	s := fmt.Sprintf("%v", v.Interface())
	if r := []rune(strings.ReplaceAll(s, "\n", " ")); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
