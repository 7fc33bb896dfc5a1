package chat

import (
	"regexp"
	"strings"
)

// gonja knows the conditional expression (a if c else b) only as the whole of an output or a set, once. Jinja has it
// wherever an expression stands, and templates use it so. spellOut rewrites the rest into what gonja does know:
//
//	a if c else b   →   ((c) and [a] or [b])[0]
//
// So it does with a method of what a filter gave, which gonja does not find: (a | f).m() → [a | f][0].m().
//
// Both halves are as lazy as before, and a list of one is true whatever is in it. What stands outside the brackets of a
// tag is left alone, except where conditionals follow one another (a if c else b if d else e).
func spellOut(source string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(source, '{')
		if open < 0 || open+1 == len(source) {
			break
		}
		closing, isTag := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[source[open+1]]
		if !isTag {
			b.WriteString(source[:open+1])
			source = source[open+1:]
			continue
		}
		end := tagEnd(source[open+2:], closing)
		if end < 0 {
			break
		}
		body := source[open+2 : open+2+end]
		b.WriteString(source[:open+2])
		if closing != "#}" {
			body = spellOutTag(body, closing == "}}")
		}
		b.WriteString(body + closing)
		source = source[open+2+end+2:]
	}
	b.WriteString(source)
	return b.String()
}

// tagEnd returns where the closing mark of a tag begins, past strings and brackets; −1 if it does not come.
func tagEnd(s, closing string) int {
	if closing == "#}" {
		return strings.Index(s, closing)
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case depth == 0 && strings.HasPrefix(s[i:], closing):
			return i
		case s[i] == '"' || s[i] == '\'':
			i += stringLength(s[i:]) - 1
		case strings.IndexByte("([{", s[i]) >= 0:
			depth++
		case strings.IndexByte(")]}", s[i]) >= 0:
			depth--
		}
	}
	return -1
}

// stringLength returns the length of the literal at the start of s, quotes included.
func stringLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}

var setTag = regexp.MustCompile(`^([-+]?\s*set\s[^=]*=)([^=].*)$`)

func spellOutTag(body string, output bool) string {
	body = spellOutBrackets(body, 0)
	head, expression := "", body
	if !output {
		m := setTag.FindStringSubmatch(strings.ReplaceAll(body, "\n", " "))
		if m == nil {
			return body
		}
		head, expression = m[1], body[len(m[1]):]
	}
	if ifs, _ := keywords(expression); len(ifs) < 2 {
		return body
	}
	trimmed := strings.TrimRight(expression, "-+ \t\n")
	tail := expression[len(trimmed):]
	lead := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "-+ \t\n"))]
	return head + lead + conditional(trimmed[len(lead):]) + tail
}

// maxBrackets is how deep brackets may be nested; beyond it they are left alone.
const maxBrackets = 64

// spellOutBrackets rewrites what stands inside the brackets of s, which stands inside depth brackets itself.
func spellOutBrackets(s string, depth int) string {
	if depth > maxBrackets {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' || s[i] == '\'':
			n := stringLength(s[i:])
			b.WriteString(s[i : i+n])
			i += n - 1
		case strings.IndexByte("([{", s[i]) >= 0:
			end := tagEnd(s[i+1:], string(")]}"[strings.IndexByte("([{", s[i])]))
			if end < 0 {
				return b.String() + s[i:]
			}
			inside := spellOutList(s[i+1:i+1+end], s[i] == '{', depth+1)
			if s[i] == '(' && (i == 0 || !wordByte(s[i-1])) && len(cutTop(inside, '|')) > 1 && strings.HasPrefix(s[i+end+2:], ".") {
				b.WriteString("[" + inside + "][0]")
			} else {
				b.WriteString(s[i:i+1] + inside + s[i+1+end:i+2+end])
			}
			i += end + 1
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// filteredMethod finds where a method of something filtered may be.
var filteredMethod = regexp.MustCompile(`\|[^{}]*\)\.\w+\(`)

var keyword = regexp.MustCompile(`^\s*\w+\s*=($|[^=])`)

// spellOutList rewrites each of the parts between the commas of a bracket; of a mapping, the values.
func spellOutList(s string, mapping bool, depth int) string {
	parts := cutTop(s, ',')
	for i, part := range parts {
		part = spellOutBrackets(part, depth)
		head := ""
		if mapping {
			if pair := cutTop(part, ':'); len(pair) == 2 {
				head, part = pair[0]+":", pair[1]
			}
		} else if m := keyword.FindString(part); m != "" {
			n := strings.IndexByte(part, '=') + 1
			head, part = part[:n], part[n:]
		}
		parts[i] = head + conditional(part)
	}
	return strings.Join(parts, ",")
}

// conditional rewrites an expression that is a conditional at its top, and returns any other as it is.
func conditional(s string) string {
	ifs, elses := keywords(s)
	if len(ifs) == 0 || len(elses) > 0 && elses[0] < ifs[0] { // none, or no expression at all
		return s
	}
	then, condition, other := s[:ifs[0]], s[ifs[0]+2:], "''"
	// The else of the first if is the first one after it: conditions hold none of their own without brackets.
	if len(elses) > 0 {
		condition, other = s[ifs[0]+2:elses[0]], conditional(s[elses[0]+4:])
	}
	return "((" + strings.TrimSpace(condition) + ") and [" + strings.TrimSpace(then) + "] or [" + strings.TrimSpace(other) + "])[0]"
}

// keywords returns where the words if and else stand in s outside strings and brackets.
func keywords(s string) (ifs, elses []int) {
	walkTop(s, func(i int) {
		switch {
		case wordAt(s, i, "if"):
			ifs = append(ifs, i)
		case wordAt(s, i, "else"):
			elses = append(elses, i)
		}
	})
	return ifs, elses
}

func wordAt(s string, i int, word string) bool {
	after := i + len(word)
	return strings.HasPrefix(s[i:], word) && (i == 0 || !wordByte(s[i-1])) && (after == len(s) || !wordByte(s[after]))
}

func wordByte(c byte) bool {
	return c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// cutTop cuts s at a separator outside strings and brackets.
func cutTop(s string, separator byte) []string {
	var parts []string
	from := 0
	walkTop(s, func(i int) {
		if s[i] == separator {
			parts = append(parts, s[from:i])
			from = i + 1
		}
	})
	return append(parts, s[from:])
}

// walkTop visits every byte of s outside strings and brackets.
func walkTop(s string, visit func(i int)) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' || s[i] == '\'':
			i += stringLength(s[i:]) - 1
		case strings.IndexByte("([{", s[i]) >= 0:
			depth++
		case strings.IndexByte(")]}", s[i]) >= 0:
			depth--
		case depth == 0:
			visit(i)
		}
	}
}
