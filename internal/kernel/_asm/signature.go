package main

import (
	"fmt"
	"strings"
)

// parameter is one parameter of a routine and its place in the ABI0 argument frame.
type parameter struct {
	name, kind string // kind is a Go type
	offset     int
}

// signature is a parsed Go signature such as "dot(x, y []float32) float32" or "f(x []float32) (a, b float32)".
type signature struct {
	name, text string // text is all after the name
	params     []parameter
	results    []string // names of float32 results, "ret" for a single one without
	resultAt   int
	size       int // of arguments and result
}

// parse reads a signature. Parameters are slices (24 bytes), pointers and ints (8) or float32 (4), results float32.
func parse(s string) signature {
	open, shut := strings.IndexByte(s, '('), strings.IndexByte(s, ')')
	sig := signature{name: s[:open], text: s[open:], results: results(s[shut+1:])}
	fields := strings.Split(s[open+1:shut], ",")
	kind := ""
	for i := len(fields) - 1; i >= 0; i-- { // a type applies to the names before it
		name, k, typed := strings.Cut(strings.TrimSpace(fields[i]), " ")
		if typed {
			kind = k
		}
		sig.params = append([]parameter{{name: name, kind: kind}}, sig.params...)
	}
	at := 0
	for i := range sig.params {
		p := &sig.params[i]
		size, align := 8, 8
		switch {
		case strings.HasPrefix(p.kind, "[]"):
			size = 24
		case p.kind == "float32":
			size, align = 4, 4
		}
		at = (at + align - 1) / align * align
		p.offset = at
		at += size
	}
	sig.size = at
	if n := len(sig.results); n > 0 {
		sig.resultAt = (at + 7) &^ 7
		sig.size = sig.resultAt + 4*n
	}
	return sig
}

// results returns the names in " (a, b float32)", and how the assembler calls that of " float32".
func results(s string) []string {
	s = strings.TrimSpace(s)
	if s == "float32" {
		return []string{"ret"}
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "("), " float32)")
	if s == "" {
		return nil
	}
	return strings.Split(s, ", ")
}

// result is how the assembler names a result's word.
func (s signature) result(i int) string {
	return fmt.Sprintf("%s+%d(FP)", s.results[i], s.resultAt+4*i)
}

func (p parameter) slice() bool { return strings.HasPrefix(p.kind, "[]") }

// base is how the assembler names the parameter's word: x_base+0(FP) for slices.
func (p parameter) base() string {
	if p.slice() {
		return fmt.Sprintf("%s_base+%d(FP)", p.name, p.offset)
	}
	return fmt.Sprintf("%s+%d(FP)", p.name, p.offset)
}

// length names the length of a slice parameter.
func (p parameter) length() string { return fmt.Sprintf("%s_len+%d(FP)", p.name, p.offset+8) }
