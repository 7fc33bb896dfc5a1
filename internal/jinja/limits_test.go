package jinja

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What would take for ever, or all memory, is refused.
func TestHostileTemplates(t *testing.T) {
	// grow writes ns.v, n times over.
	grow := func(n int, start, step string) string {
		return fmt.Sprintf("{%% set ns = namespace(v=%s) %%}{%% for i in range(%d) %%}{%% set ns.v = %s %%}{%% endfor %%}", start, n, step)
	}
	loops := func(body string) string {
		return "{% for i in range(1000) %}{% for j in range(100000) %}" + body + "{% endfor %}{% endfor %}"
	}
	for name, source := range map[string]string{
		"endless loops":            loops(""),
		"endless output":           loops("{{ 'x' * 1000 }}"),
		"text that doubles":        grow(100, "'x'", "ns.v ~ ns.v"),
		"text that adds up":        grow(100, "'x'", "ns.v + ns.v"),
		"text that is repeated":    "{{ 'x' * 10000000000 }}",
		"a list that doubles":      grow(100, "[1]", "ns.v + ns.v"),
		"a list that is repeated":  "{{ [1, 2] * 10000000000 }}",
		"a dictionary that grows":  loops("{% set d = dict(d or {}, a=1) %}"),
		"joined":                   grow(100, "'xx'", "ns.v | join(ns.v)"),
		"replaced":                 grow(100, "'xx'", "ns.v.replace('x', ns.v)"),
		"indented":                 grow(100, "'x\n' * 1000", "ns.v | indent(1000000)"),
		"padded":                   "{{ 'x'.center(10000000000) }}",
		"zeros":                    "{{ 'x'.zfill(10000000000) }}",
		"formatted":                "{{ '%10000000000d' % 1 }}",
		"formatted by star":        "{{ '%*d' % (10000000000, 1) }}",
		"formatted in a field":     "{{ '{:10000000000}'.format(1) }}",
		"indented JSON":            "{{ [[1]] | tojson(indent=10000000000) }}",
		"batches":                  "{{ [1] | batch(10000000000, 0) | list }}",
		"slices":                   "{{ [1] | slice(10000000000) | list }}",
		"a long range":             "{{ range(10000000000) }}",
		"a range without end":      "{{ range(-9223372036854775807, 9223372036854775807) }}",
		"a deep list":              grow(100000, "[]", "[ns.v]") + "{{ ns.v }}",
		"a deep tuple as a key":    grow(100000, "()", "(ns.v,)") + "{{ {ns.v: 1} }}",
		"deep lists compared":      grow(100000, "[]", "[ns.v]") + "{{ ns.v == [ns.v] }}",
		"a deep list as JSON":      grow(100000, "[]", "[ns.v]") + "{{ ns.v | tojson }}",
		"a wide list":              grow(100, "[]", "[ns.v, ns.v]") + "{{ ns.v }}",
		"wide lists compared":      grow(100, "[]", "[ns.v, ns.v]") + "{% set a = ns.v %}" + grow(100, "[]", "[ns.v, ns.v]") + "{{ a == ns.v }}",
		"wide lists ordered":       grow(100, "[]", "[ns.v, ns.v]") + "{% set a = ns.v %}" + grow(100, "[]", "[ns.v, ns.v]") + "{{ a < ns.v }}",
		"a wide list as JSON":      grow(100, "[]", "[ns.v, ns.v]") + "{{ ns.v | tojson }}",
		"a wide tuple as a key":    grow(100, "()", "(ns.v, ns.v)") + "{{ {ns.v: 1} }}",
		"a namespace of itself":    "{% set ns = namespace() %}{% set ns.v = ns %}{{ ns }}",
		"a macro of itself":        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
		"a macro, twice itself":    "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
		"a caller of itself":       "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
		"a loop of itself":         "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
		"generators of generators": grow(100000, "[1]", "ns.v | map('string')") + "{{ ns.v | list }}",
		"long texts searched":      "{% set s = 'x' * 1000000 %}" + loops("{{ 'y' in s }}"),
		"long texts compared":      "{% set s = 'x' * 1000000 %}{% set r = 'x' * 1000000 %}" + loops("{{ s == r }}"),
		"long texts measured":      "{% set s = 'x' * 1000000 %}" + loops("{{ s | length }}"),
		"long texts indexed":       "{% set s = 'x' * 1000000 %}" + loops("{{ s[0] }}"),
		"long texts stripped":      "{% set s = ' ' * 1000000 %}" + loops("{% set x = s.strip() %}"),
		"long texts split":         "{% set s = ' ' * 1000000 %}" + loops("{% set x = s.split() %}"),
		"long texts asked":         "{% set s = 'x' * 1000000 %}" + loops("{{ s.startswith('y') }}"),
		"long texts counted":       "{% set s = 'x' * 1000000 %}" + loops("{{ s.count('y') }}"),
		"long texts read":          "{% set s = ' ' * 1000000 %}" + loops("{{ s | int }}"),
		"long texts as names":      "{% set s = 'x' * 1000000 %}" + loops("{{ d[s] }}"),
		"long texts as paths":      "{% set s = '.' * 1000000 %}" + loops("{{ [] | map(attribute=s) }}"),
		"long texts formatted":     "{% set s = 'x' * 1000000 %}" + loops("{{ (s | format) is string }}"),
	} {
		parsed, err := Parse(source)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// The budgets are scaled down, for the time it takes.
		m := &machine{line: 1, steps: maxSteps >> 6, bytes: maxBytes >> 4}
		if _, err := parsed.render(map[string]Value{"d": NewDict("a", 1)}, m); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func render(source string, vars map[string]Value) (string, error) {
	parsed, err := Parse(source)
	if err != nil {
		return "", err
	}
	return parsed.Render(vars)
}

// Sources that are nested without end are refused; long ones are not.
func TestHostileSources(t *testing.T) {
	const n = 100_000
	for name, source := range map[string]string{
		"parentheses":  "{{ " + strings.Repeat("(", n),
		"lists":        "{{ " + strings.Repeat("[", n),
		"dictionaries": "{{ " + strings.Repeat("{1:", n),
		"signs":        "{{ " + strings.Repeat("-", n) + "1 }}",
		"nots":         "{{ " + strings.Repeat("not ", n) + "1 }}",
		"conditions":   "{{ " + strings.Repeat("1 if 1 else ", n) + "1 }}",
		"ifs":          strings.Repeat("{% if 1 %}", n),
		"targets":      "{% set " + strings.Repeat("(", n),
		"sums":         "{{ " + strings.Repeat("1 + ", n) + "1 }}",
		"attributes":   "{{ d" + strings.Repeat(".a", n) + " }}",
		"filters":      "{{ 1" + strings.Repeat(" | string", n) + " }}",
	} {
		if _, err := render(source, map[string]Value{"d": NewDict()}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, source := range map[string]string{
		"texts":    "{{ '" + strings.Repeat("' 'a", n) + "' }}",
		"concat":   "{{ " + strings.Repeat("1 ~ ", n) + "1 }}",
		"branches": "{% if 0 %}" + strings.Repeat("{% elif 0 %}", n) + "{% endif %}",
		"tags":     strings.Repeat("{{ 1 }}", n),
		"braces":   strings.Repeat("{ ", n) + strings.Repeat("{% raw %}{%", n) + "{% endraw %}",
	} {
		if _, err := render(source, map[string]Value{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An error names the line of the tag in which it lies.
func TestLines(t *testing.T) {
	for source, line := range map[string]int{
		"a\nb{{ nope.x }}":                                                        2,
		"{% if true %}\n\n{{ 1 + }}{% endif %}":                                   3,
		"{#\n\n#}{{ 'a }}":                                                        3,
		"{% macro f() %}\n{{ nope.x }}\n{% endmacro %}\n{{ f() }}":                2,
		"{% macro f() %}\n\n{% endmacro %}\n{{ f() ~ nope.x }}":                   4,
		"{%- for x in [1] %}\r\n{%- set y = 1 // 0 %}{% endfor %}":                2,
		"{% for x in [1] %}\n{{ x }}\n{% endfor %}\n{% for y in 1 %}{% endfor %}": 4,
		"\n{% if 1 %}": 2,
	} {
		_, err := render(source, map[string]Value{})
		var placed *Error
		if !errors.As(err, &placed) || placed.Line != line {
			t.Errorf("%q: %v, want line %d", source, err, line)
		}
	}
}

// What a function of the caller's fails with can be found in the error.
func TestFunctionError(t *testing.T) {
	cause := errors.New("no such conversation")
	parsed, err := Parse("{{ refuse(1, why='x') }}")
	if err != nil {
		t.Fatal(err)
	}
	_, err = parsed.Render(map[string]Value{"refuse": Function(func(args Args) (Value, error) {
		if len(args.Positional) != 1 || len(args.Named) != 1 || args.Named[0].Name != "why" {
			t.Errorf("called with %v", args)
		}
		return nil, cause
	})})
	if !errors.Is(err, cause) {
		t.Error(err)
	}
}

// A variable of a type that templates do not know is an error, not a panic.
func TestForeignValue(t *testing.T) {
	for _, source := range []string{"{{ x }}", "{{ x.a }}{{ x == x }}{{ {x: 1} }}", "{{ x | tojson }}", "{% for y in x %}{% endfor %}", "{{ x is string }}{{ [x] }}"} {
		if _, err := render(source, map[string]Value{"x": []string{"a"}}); err == nil {
			t.Errorf("%s: no error", source)
		}
	}
}
