// Package deps holds the import policy of the module, policy.txt, and reads it.
//
// Imports point downwards: from the command to the joining rooms, to the four domains, to the models, to arithmetic.
// The policy says so in one page, and this package's test holds the code against it.
package deps

import (
	"bufio"
	_ "embed"
	"fmt"
	"strings"
)

//go:embed policy.txt
var text string

// Policy is a parsed policy.txt.
type Policy struct {
	allow []rule // who may import what of this module
	only  []rule // what outside the module is reserved to whom
}

type rule struct {
	from []string // package patterns, relative to the module; "x/..." covers x and what is below it
	to   []string
}

// Load parses the embedded policy.
func Load() (*Policy, error) {
	p := new(Policy)
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "only "):
			from, to, ok := strings.Cut(strings.TrimPrefix(line, "only "), ":")
			if !ok {
				return nil, fmt.Errorf("policy.txt:%d: want «only PACKAGE…: IMPORT…»", n)
			}
			p.only = append(p.only, rule{strings.Fields(from), strings.Fields(to)})
		default:
			from, to, ok := strings.Cut(line, "->")
			if !ok {
				return nil, fmt.Errorf("policy.txt:%d: want «PACKAGE -> PACKAGE…»", n)
			}
			p.allow = append(p.allow, rule{strings.Fields(from), strings.Fields(to)})
		}
	}
	return p, lines.Err()
}

// Internal reports whether package from may import package to; both are relative to the module, "." being its root.
func (p *Policy) Internal(from, to string) bool {
	if to == "." || strings.HasPrefix(from, "cmd/") || from == "internal/recipe" {
		return true // the vocabulary is everybody's; the joining rooms see all
	}
	for _, r := range p.allow {
		if matchAny(r.from, from) && matchAny(r.to, to) {
			return true
		}
	}
	return false
}

// External reports whether package from may import the given package of another module.
func (p *Policy) External(from, path string) bool {
	for _, r := range p.only {
		for _, module := range r.to {
			if (path == module || strings.HasPrefix(path, module+"/")) && !matchAny(r.from, from) {
				return false
			}
		}
	}
	return true
}

func matchAny(patterns []string, pkg string) bool {
	for _, pattern := range patterns {
		base, below := strings.CutSuffix(pattern, "/...")
		if pkg == base || below && strings.HasPrefix(pkg, base+"/") {
			return true
		}
	}
	return false
}
