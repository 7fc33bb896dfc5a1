package jinja

import "strings"

// markup is text that the filters safe and e give: when it is added to other text, that text is escaped for HTML, as
// jinja2 does even where it escapes nothing else. Everything but + takes it for plain text.
type markup string

// plain returns text that is markup as a string, and any other value as it is.
func plain(v Value) Value {
	if text, ok := v.(markup); ok {
		return string(text)
	}
	return v
}

// joinMarkup is left + right where one of them is markup; false where none is.
func (m *machine) joinMarkup(left, right Value) (sum Value, ok bool) {
	_, a := left.(markup)
	_, b := right.(markup)
	if !a && !b {
		return nil, false
	}
	return markup(m.escaped(left) + m.escaped(right)), true
}

// escaped returns text as HTML; markup is that already.
func (m *machine) escaped(v Value) string {
	if text, ok := v.(markup); ok {
		return m.text(string(text))
	}
	return m.text(escapeHTML(words(v, "what is added to markup")))
}

func escapeHTML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;").Replace(s)
}

// safe marks text as HTML.
func safe(m *machine, self Value, _ Args) Value { return markup(m.str(self)) }

// escape makes HTML of text that is not HTML yet.
func escape(m *machine, self Value, _ Args) Value {
	if _, done := self.(markup); done {
		return self
	}
	return markup(m.text(escapeHTML(m.str(self))))
}

// forceEscape makes HTML of text, be it HTML or not.
func forceEscape(m *machine, self Value, _ Args) Value {
	return markup(m.text(escapeHTML(m.str(self))))
}
