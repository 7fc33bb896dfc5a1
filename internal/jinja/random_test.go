package jinja_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/jinja/jinjatest"
)

var (
	programs = flag.Int("programs", 3000, "how many random templates are held to jinja2")
	seed     = flag.Uint64("seed", 1, "of the random templates")
)

// Random templates give what jinja2 gives. Left out of the grammar are slices of constants, which jinja2 computes by other
// rules before it runs, and what the package's comment leaves out: text that is marked as safe, and names of variables
// that are given and also set. An error must be one on both sides; its words may differ.
func TestRandom(t *testing.T) {
	g := &grammar{rand.New(rand.NewPCG(*seed, 0))}
	var cases []jinjatest.Case
	for range *programs {
		cases = append(cases, jinjatest.Case{Template: g.template(), Variables: json.RawMessage(variables)})
	}
	texts := 0
	for i, want := range jinjatest.Ask(t, cases) {
		if strings.Contains(want.Text, " at 0x") || strings.Contains(want.Error, "OverflowError") || bigNumber(want.Text) {
			continue // addresses, and numbers beyond 64 bits
		}
		if want.Error == "" {
			texts++
		}
		compare(t, fmt.Sprintf("program %d of seed %d", i, *seed), cases[i], want)
	}
	t.Logf("%d of %d templates render", texts, len(cases))
	if texts < len(cases)/4 {
		t.Errorf("only %d of %d random templates have a text to compare", texts, len(cases))
	}
}

// bigNumber reports whether a text has a run of 19 digits.
func bigNumber(text string) bool {
	run := 0
	for _, r := range text {
		if run++; r < '0' || r > '9' {
			run = 0
		}
		if run >= 19 {
			return true
		}
	}
	return false
}

// grammar makes templates by chance.
type grammar struct{ *rand.Rand }

// pick returns one of the choices. A $ in it is an expression, a # a statement's body, an @ a name that may be set, an &
// white space.
func (g *grammar) pick(depth int, choices ...string) string {
	choice := choices[g.IntN(len(choices))]
	var b strings.Builder
	for i := range len(choice) {
		switch choice[i] {
		case '$':
			b.WriteString(g.expression(depth - 1))
		case '#':
			b.WriteString(g.body(depth - 1))
		case '@':
			b.WriteString([]string{"x", "y"}[g.IntN(2)])
		case '&':
			b.WriteString(g.space())
		default:
			b.WriteByte(choice[i])
		}
	}
	return b.String()
}

func (g *grammar) space() string { return []string{"", "", " ", "\n", "\n  ", "  \n"}[g.IntN(6)] }

// template is short, most times, for longer ones nearly always fail at something.
func (g *grammar) template() string {
	if g.IntN(3) > 0 {
		return "{{ " + g.expression(1+g.IntN(2)) + " }}"
	}
	return g.body(1 + g.IntN(2))
}

func (g *grammar) body(depth int) string {
	if depth <= 0 {
		return g.pick(1, "{{ x }}", "a&", "&b", "{{- y -}}&", "{{ $ }}")
	}
	var b strings.Builder
	for range 1 + g.IntN(2) {
		b.WriteString(g.space())
		b.WriteString(g.pick(depth,
			"{{ $ }}", "{{ $ }}", "{{- $ }}", "{{ $ -}}", "text", "&", "{# $ #}", "{#- & -#}",
			"{% if $ %}#{% endif %}", "{%- if $ -%}#{%- else +%}#{% endif -%}", "{% if $ %}#{% elif $ %}#{% else %}#{% endif %}",
			"{% for x in $ %}#{% endfor %}", "{% for x in [1, 2, 3] %}&{{ loop.index }}#{% endfor %}", "{% for x in l if $ %}#{% else %}#{% endfor %}",
			"{% for x, y in d.items() %}#{{ loop.last }}{% endfor %}", "{% for x in 'abc' %}{% if $ %}{% break %}{% endif %}#{% else %}z{% endfor %}",
			"{% for x in range(4) %}{% if $ %}{% continue %}{% endif %}#{{ loop.previtem }}{{ loop.nextitem }}{% endfor %}",
			"{% set @ = $ %}", "{% set x, y = $, $ %}", "{% set x = $ %}#", "{% set @ %}#{% endset %}", "{% set @ | upper %}#{% endset %}",
			"{% set ns = namespace(v=$) %}{% for x in l %}{% set ns.v = $ %}{% endfor %}{{ ns.v }}",
			"{% macro k(x, y=$) %}#{% endmacro %}{{ k($) }}{{ k(y=$, x=$) }}", "{% macro g() %}{{ varargs }}{{ kwargs }}#{% endmacro %}{{ g($, a=$) }}",
			"{% macro h(x) %}({{ caller($) }}){% endmacro %}{% call(y) h($) %}#{% endcall %}",
			"{% with @ = $ %}#{% endwith %}", "{% filter trim %}#{% endfilter %}", "{% raw %}&{{ $ }}{% endraw %}", "{% generation %}#{% endgeneration %}",
		))
	}
	return b.String()
}

func (g *grammar) expression(depth int) string {
	if depth <= 0 || g.IntN(4) == 0 {
		return g.pick(1, "1", "0", "2", "-3", "7", "1.5", "0.1", "1e3", "'a'", "'ab c'", "' x\\n'", "'é你'", "''", "'%s-%s'", "true", "false", "none",
			"x", "y", "n", "f", "s", "l", "d", "empty", "nope", "messages", "messages[1]", "tools", "[]", "{}", "()", "'3'", "range(3)", "loop.index")
	}
	return g.pick(depth,
		"$", "$", "($)", "$ + $", "$ - $", "$ * $", "$ / $", "$ // $", "$ % $", "$ ~ $", "-$", "$ ** 2", "not $", "$ and $", "$ or $",
		"$ == $", "$ != $", "$ < $", "$ <= $", "$ > $ >= $", "$ in $", "$ not in $", "$ if $ else $", "$ if $", "($ if $ else $)",
		"[$, $]", "[$]", "($, $)", "($,)", "{'k': $}", "{$: $}", "$[0]", "$[-1]", "$['role']", "$.role", "$.a", "$[$]", "l[1:]", "messages[:$]", "s[::-1]", "@[$:$:$]", "l[$:]",
		"$ is defined", "$ is not none", "$ is string", "$ is mapping", "$ is iterable", "$ is sequence", "$ is number", "$ is odd", "$ is divisibleby 2",
		"$ is eq $", "$ is in $", "$ is sameas none", "$ is lower", "$ is undefined", "$ is boolean", "$ is callable", "$ is integer",
		"$ | length", "$ | upper", "$ | lower", "$ | trim", "$ | string", "$ | list", "$ | join(',')", "$ | first", "$ | last", "$ | reverse | list",
		"$ | default($)", "$ | default($, true)", "$ | int", "$ | float", "$ | abs", "$ | round(1)", "$ | tojson", "$ | tojson(indent=2)", "$ | sort", "$ | unique | list",
		"$ | sum", "$ | max", "$ | min", "$ | map('string') | list", "$ | map(attribute='role') | list", "$ | select | list", "$ | reject('none') | list",
		"$ | selectattr('role') | list", "$ | selectattr('role', 'eq', 'user') | list", "$ | replace($, 'Z')", "$ | title", "$ | capitalize", "$ | indent(2)",
		"$ | dictsort", "$ | items | list", "$ | batch(2) | list", "$ | e", "$ | safe + '<'", "$ | wordcount", "$ | truncate(5, true, '.', 0)", "$ | center(9)", "$ | slice(2) | list",
		"'%s' % $", "'%d|%5.1f' % ($, $)", "'{}|{:>4}'.format($, $)", "$ | string | format($)", "$.upper()", "$.strip()", "$.strip('a ')", "$.split()", "$.split('a')",
		"$.split(' ', 1)", "$.rsplit(none, 1)", "$.replace('a', 'b')", "$.startswith('a')", "$.endswith(('c', 'a'))", "$.find('a')", "$.title()", "$.get('a')", "$.get($, $)",
		"$.items()", "$.keys() | list", "$.values() | list", "','.join($)", "$.count('a')", "$.index($)", "dict(a=$)", "range($)", "$($)", "k($)", "namespace(a=$).a",
		"$.center(7, '*')", "$.zfill(4)", "$.splitlines()", "$.partition('b')", "$.capitalize()", "$.swapcase()", "$.isalpha()", "$.rfind('a', 1)", "$.format($)",
	)
}
