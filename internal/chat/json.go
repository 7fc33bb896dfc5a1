package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/nikolalohinski/gonja/v2/exec"
)

type entry struct {
	key   string
	value any
}

// entriesOf returns a mapping's entries: in order for those that have one, else by key.
func entriesOf(v any) []entry {
	var all []entry
	switch m := v.(type) {
	case *exec.Dict:
		for _, p := range m.Pairs {
			all = append(all, entry{p.Key.String(), p.Value.Interface()})
		}
	case exec.Dict:
		return entriesOf(&m)
	case map[string]any:
		for k, x := range m {
			all = append(all, entry{k, x})
		}
		sort.Slice(all, func(a, b int) bool { return all[a].key < all[b].key })
	}
	return all
}

// toJSON is json.dumps(value, ensure_ascii=False): keys in their order, ", " and ": " between, nothing escaped for HTML;
// with indent=n on lines of their own.
func toJSON(_ *exec.Evaluator, in *exec.Value, args *exec.VarArgs) *exec.Value {
	if in.IsError() {
		return in
	}
	indent := -1
	if v, ok := args.KwArgs["indent"]; ok && v.IsInteger() {
		indent = v.Integer()
	}
	var b strings.Builder
	if err := dump(&b, in.Interface(), indent, 0); err != nil {
		return exec.AsValue(err)
	}
	return exec.AsSafeValue(b.String())
}

func dump(b *strings.Builder, v any, indent, depth int) error {
	switch x := v.(type) {
	case *exec.Value:
		return dump(b, x.Interface(), indent, depth)
	case *exec.Dict, exec.Dict, map[string]any:
		list := entriesOf(v)
		return dumpList(b, "{}", len(list), indent, depth, func(i int) error {
			if err := dump(b, list[i].key, indent, depth+1); err != nil {
				return err
			}
			b.WriteString(": ")
			return dump(b, list[i].value, indent, depth+1)
		})
	}
	if r := reflect.ValueOf(v); r.IsValid() && (r.Kind() == reflect.Slice || r.Kind() == reflect.Array) {
		return dumpList(b, "[]", r.Len(), indent, depth, func(i int) error { return dump(b, r.Index(i).Interface(), indent, depth+1) })
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("tojson: %w", err)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	b.WriteString(strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(text)) // Go alone escapes these
	return nil
}

func dumpList(b *strings.Builder, brackets string, n, indent, depth int, item func(i int) error) error {
	b.WriteByte(brackets[0])
	for i := range n {
		switch {
		case indent >= 0 && i > 0:
			b.WriteByte(',')
		case i > 0:
			b.WriteString(", ")
		}
		if indent >= 0 {
			b.WriteString("\n" + strings.Repeat(" ", indent*(depth+1)))
		}
		if err := item(i); err != nil {
			return err
		}
	}
	if indent >= 0 && n > 0 {
		b.WriteString("\n" + strings.Repeat(" ", indent*depth))
	}
	b.WriteByte(brackets[1])
	return nil
}
