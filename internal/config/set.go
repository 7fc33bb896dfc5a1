package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// Set applies an override of the form path.to.key=value; the value is YAML, so that lists ([f16, q8_0]) and numbers read
// as in a document. A section that the recipe leaves out comes into being; null leaves one out that it has. An element of a list is named by its index,
// and the index one past the end appends.
func (r *Recipe) Set(override string) error {
	path, value, ok := strings.Cut(override, "=")
	if !ok {
		return &Error{File: "--set " + override, Message: "want path.to.key=value"}
	}
	fail := func(message, hint string) error {
		return &Error{File: "--set " + override, Path: path, Message: message, Hint: hint}
	}
	at := reflect.ValueOf(r).Elem()
	for key := range strings.SplitSeq(path, ".") {
		if at.Kind() == reflect.Pointer {
			if at.IsNil() {
				at.Set(reflect.New(at.Type().Elem()))
				if section, ok := at.Interface().(interface{ setDefaults() }); ok {
					section.setDefaults()
				}
			}
			at = at.Elem()
		}
		switch at.Kind() {
		case reflect.Struct:
			field, ok := fieldByName(at.Type(), key)
			if !ok {
				return fail("unknown field "+strconv.Quote(key), suggestField(key, at.Type()))
			}
			at = at.FieldByIndex(field.Index)
		case reflect.Slice:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i > at.Len() {
				return fail(fmt.Sprintf("want an index up to %d, got %q", at.Len(), key), "")
			}
			if i == at.Len() {
				at.Set(reflect.Append(at, reflect.Zero(at.Type().Elem())))
			}
			at = at.Index(i)
		default:
			return fail("no field lies below a value", "")
		}
	}
	return setValue(at, value, fail)
}

func setValue(at reflect.Value, value string, fail func(message, hint string) error) error {
	target := at
	if at.Kind() == reflect.Pointer && strings.TrimSpace(value) == "null" {
		at.SetZero()
		return nil
	}
	if at.Kind() == reflect.Pointer {
		target = reflect.New(at.Type().Elem()).Elem()
	}
	if target.Kind() == reflect.String {
		target.SetString(value) // as it is: no quoting in a shell's quoting
	} else {
		fresh := reflect.New(target.Type())
		if target.Kind() == reflect.Struct {
			fresh.Elem().Set(target)
		}
		if err := yaml.UnmarshalWithOptions([]byte(value), fresh.Interface(), yaml.Strict()); err != nil || strings.TrimSpace(value) == "" {
			return fail("want "+typeWord(target.Type())+", got "+quoteValue(value), "")
		}
		target.Set(fresh.Elem())
	}
	if at.Kind() == reflect.Pointer {
		at.Set(target.Addr())
	}
	return nil
}

// fieldByName finds a struct's field by the name it has in a document.
func fieldByName(t reflect.Type, name string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if fieldName(f) == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		names = append(names, fieldName(f))
	}
	return names
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}
