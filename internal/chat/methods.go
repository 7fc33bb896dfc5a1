package chat

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// keptMethods are the string methods of gonja that do as Python's.
var keptMethods = []string{
	"capitalize", "count", "endswith", "find", "format", "isalnum", "isalpha", "isdigit", "islower", "isspace", "isupper",
	"join", "lower", "partition", "rfind", "rpartition", "splitlines", "startswith", "swapcase", "title", "upper", "zfill",
}

// stringMethods returns the methods of strings. gonja's strip family takes a blank for the default set of characters,
// its replace wants a count, and its split cannot cut at white space: those are written here.
func stringMethods() *exec.MethodSet[string] {
	methods := map[string]exec.Method[string]{
		"strip":        stripper(true, true),
		"lstrip":       stripper(true, false),
		"rstrip":       stripper(false, true),
		"split":        split,
		"rsplit":       rsplit,
		"replace":      replace,
		"removeprefix": affix(strings.TrimPrefix),
		"removesuffix": affix(strings.TrimSuffix),
	}
	for _, name := range keptMethods {
		if m, ok := builtins.Methods.Str.Get(name); ok {
			methods[name] = m
		}
	}
	return exec.NewMethodSet(methods)
}

// textArgument returns positional argument i, or ok false where it is absent or none.
func textArgument(args *exec.VarArgs, i int) (text string, ok bool) {
	if i >= len(args.Args) || args.Args[i].IsNil() {
		return "", false
	}
	return args.Args[i].String(), true
}

func intArgument(args *exec.VarArgs, i int, name string, other int) int {
	if v, ok := args.KwArgs[name]; ok {
		return v.Integer()
	}
	if i < len(args.Args) {
		return args.Args[i].Integer()
	}
	return other
}

func stripper(left, right bool) exec.Method[string] {
	return func(self string, _ *exec.Value, args *exec.VarArgs) (any, error) {
		in := unicode.IsSpace
		if set, ok := textArgument(args, 0); ok {
			in = func(r rune) bool { return strings.ContainsRune(set, r) }
		}
		if left {
			self = strings.TrimLeftFunc(self, in)
		}
		if right {
			self = strings.TrimRightFunc(self, in)
		}
		return self, nil
	}
}

func split(self string, _ *exec.Value, args *exec.VarArgs) (any, error) {
	separator, ok := textArgument(args, 0)
	limit := intArgument(args, 1, "maxsplit", -1)
	if !ok {
		return toList(fields(self, limit)), nil
	}
	if separator == "" {
		return nil, fmt.Errorf("split: empty separator")
	}
	n := -1
	if limit >= 0 {
		n = limit + 1
	}
	return toList(strings.SplitN(self, separator, n)), nil
}

// fields cuts at runs of white space, at most limit times if that is not negative.
func fields(s string, limit int) []string {
	var all []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeftFunc(s, unicode.IsSpace) {
		end := strings.IndexFunc(s, unicode.IsSpace)
		if end < 0 || limit >= 0 && len(all) == limit {
			return append(all, s)
		}
		all = append(all, s[:end])
		s = s[end:]
	}
	return all
}

func rsplit(self string, _ *exec.Value, args *exec.VarArgs) (any, error) {
	separator, ok := textArgument(args, 0)
	if !ok || separator == "" {
		return nil, fmt.Errorf("rsplit: a separator is needed")
	}
	limit := intArgument(args, 1, "maxsplit", -1)
	parts := strings.Split(self, separator)
	if extra := len(parts) - 1 - limit; limit >= 0 && extra > 0 {
		parts = append([]string{strings.Join(parts[:extra+1], separator)}, parts[extra+1:]...)
	}
	return toList(parts), nil
}

func replace(self string, _ *exec.Value, args *exec.VarArgs) (any, error) {
	from, ok := textArgument(args, 0)
	to, also := textArgument(args, 1)
	if !ok || !also {
		return nil, fmt.Errorf("replace: two texts are needed")
	}
	return strings.Replace(self, from, to, intArgument(args, 2, "count", -1)), nil
}

func affix(trim func(s, affix string) string) exec.Method[string] {
	return func(self string, _ *exec.Value, args *exec.VarArgs) (any, error) {
		text, _ := textArgument(args, 0)
		return trim(self, text), nil
	}
}

func toList(parts []string) list {
	l := make(list, len(parts))
	for i, p := range parts {
		l[i] = p
	}
	return l
}

// list is a list whose first element can be had from the end: gonja takes l[-len(l)], such as the only part of a text
// that was split, for absent.
type list []any

// GetItem is how gonja indexes.
func (l list) GetItem(key any) (*exec.Value, bool) {
	i, ok := key.(int)
	if i < 0 {
		i += len(l)
	}
	if !ok || i < 0 || i >= len(l) {
		return exec.AsValue(nil), false
	}
	return exec.ToValue(l[i]), true
}
