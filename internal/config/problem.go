package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Error is one thing wrong with a recipe. Line and Column count from 1 and are 0 where the value stands in no document:
// it is a default, or came from an override.
type Error struct {
	File    string
	Line    int
	Column  int
	Path    string // of the field, dotted: train.batch
	Message string
	Hint    string // the way out, when there is one
	Excerpt string // the line, the one before it, and a caret
}

// Error returns "file:line:column: path: message" and, below it, the excerpt.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

// Errors returns the recipe errors in err's tree, in order.
func Errors(err error) []*Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, e := range joined.Unwrap() {
			all = append(all, Errors(e)...)
		}
		return all
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return []*Error{e}
	}
	return nil
}

// excerpt shows line and the one before it with their numbers, and a caret under column.
func excerpt(source string, line, column int) string {
	lines := strings.Split(source, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	var b strings.Builder
	if line > 1 {
		fmt.Fprintf(&b, "%6d | %s\n", line-1, strings.TrimRight(lines[line-2], "\r"))
	}
	fmt.Fprintf(&b, "%6d | %s\n", line, strings.TrimRight(lines[line-1], "\r"))
	fmt.Fprintf(&b, "       | %s^", strings.Repeat(" ", max(0, column-1)))
	return b.String()
}

// Nearest returns the name that takes the fewest edits to become word, if they are few enough to be a slip, else "".
func Nearest(word string, names []string) string {
	best, least := "", len(word)/3+2
	for _, name := range slices.Sorted(slices.Values(names)) {
		if d := distance(strings.ToLower(word), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// suggest phrases the nearest name, or all of them where none is near.
func suggest(word string, names []string) string {
	if near := Nearest(word, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "one of " + strings.Join(names, ", ")
}

// suggestField returns a hint for a name that t has no field of: the section in which it is one, or the nearest name.
func suggestField(name string, t reflect.Type) string {
	var within []string
	for _, f := range reflect.VisibleFields(t) {
		section := f.Type
		if section.Kind() == reflect.Pointer {
			section = section.Elem()
		}
		if f.Anonymous || section.Kind() != reflect.Struct {
			continue
		}
		if _, ok := fieldByName(section, name); ok {
			within = append(within, join(fieldName(f), name))
		}
	}
	if len(within) == 1 {
		return fmt.Sprintf("did you mean %q, which lies one section deeper?", within[0])
	}
	return suggest(name, fieldNames(t))
}

// distance is the least number of insertions, deletions, replacements and swaps of neighbours between a and b (optimal
// string alignment).
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
