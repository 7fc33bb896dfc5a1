package grammar

import (
	"encoding/binary"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxPattern bounds the states of a pattern's automaton, those that count a string's length included.
const maxPattern = 5000

// matching is a string of least to most code points in which a pattern of JSON Schema (ECMA-262, read as RE2 where both
// agree) matches somewhere. What need not be escaped is not.
func (c *compiler) matching(pattern string, least, most int, at string) (symbol, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return symbol{}, fmt.Errorf("%s/pattern: %w", at, err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return symbol{}, fmt.Errorf("%s/pattern: %w", at, err)
	}
	a := &automaton{json: c.json, prog: prog, least: least, most: most, known: map[string]symbol{}}
	if err := a.split(); err != nil {
		return symbol{}, fmt.Errorf("%s/pattern: %w", at, err)
	}
	inside, err := a.rule(a.closure([]uint32{uint32(prog.Start)}, true), 0)
	if err != nil {
		return symbol{}, fmt.Errorf("%s/pattern: %w", at, err)
	}
	return c.any(join(text(`"`), sequence{inside}, text(`"`))), nil
}

// automaton follows all ways in which a pattern may match at once, one code point at a time (Thompson 1968).
type automaton struct {
	*json
	prog        *syntax.Prog
	least, most int
	ranges      [][2]rune // all code points, divided where the pattern tells them apart
	known       map[string]symbol
}

// certain is the only member of the set of instructions after a match that needs no end.
const certain = ^uint32(0)

// split divides the code points.
func (a *automaton) split() error {
	cuts := []rune{0, 0xd800, 0xe000, 0x0b, '\r', '\r' + 1, 0x2028, 0x202a, utf8.MaxRune + 1}
	for i := range a.prog.Inst {
		switch in := &a.prog.Inst[i]; in.Op {
		case syntax.InstRune, syntax.InstRune1:
			if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
				return fmt.Errorf("ignoring case cannot be guaranteed")
			}
			for j, r := range in.Rune {
				cuts = append(cuts, r+rune(j%2))
				if len(in.Rune) == 1 {
					cuts = append(cuts, r+1)
				}
			}
		case syntax.InstRuneAnyNotNL:
			cuts = append(cuts, '\n', '\n'+1)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
				return fmt.Errorf("boundaries of words and lines cannot be guaranteed")
			}
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for i := range len(cuts) - 1 {
		if cuts[i] != 0xd800 { // surrogates are no code points of UTF-8
			a.ranges = append(a.ranges, [2]rune{cuts[i], cuts[i+1] - 1})
		}
	}
	return nil
}

// closure adds the instructions that are reached without a code point, at the text's beginning or behind it. The result is
// sorted, and certain alone where the pattern has matched whatever follows.
func (a *automaton) closure(from []uint32, begin bool) []uint32 {
	var set []uint32
	for todo := slices.Clone(from); len(todo) > 0; {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if slices.Contains(set, pc) {
			continue
		}
		set = append(set, pc)
		switch in := &a.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return []uint32{certain}
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstEmptyWidth:
			if op := syntax.EmptyOp(in.Arg); op == 0 || op == syntax.EmptyBeginText && begin {
				todo = append(todo, in.Out)
			}
		}
	}
	slices.Sort(set)
	return set
}

// ends reports whether the pattern has matched when the text ends in a set.
func (a *automaton) ends(set []uint32, begin bool) bool {
	seen := map[uint32]bool{}
	var visit func(pc uint32) bool
	visit = func(pc uint32) bool {
		if pc == certain {
			return true
		}
		if seen[pc] {
			return false
		}
		seen[pc] = true
		switch in := &a.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			return visit(in.Out) || visit(in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			return visit(in.Out)
		case syntax.InstEmptyWidth:
			return (syntax.EmptyOp(in.Arg)&syntax.EmptyBeginText == 0 || begin) && visit(in.Out)
		}
		return false
	}
	return slices.ContainsFunc(set, visit)
}

// rule returns the rule of what may follow n code points that led to a set.
func (a *automaton) rule(set []uint32, n int) (symbol, error) {
	name := string(binary.AppendUvarint(nil, uint64(n)))
	for _, pc := range set {
		name += string(binary.LittleEndian.AppendUint32(nil, pc))
	}
	if s, ok := a.known[name]; ok {
		return s, nil
	}
	if len(a.known) > maxPattern {
		return symbol{}, fmt.Errorf("too many ways to match")
	}
	s := a.later()
	a.known[name] = s
	var alternatives []sequence
	if n >= a.least && a.ends(set, n == 0) {
		alternatives = append(alternatives, nil)
	}
	if a.most < 0 || n < a.most {
		more, err := a.steps(set, n)
		if err != nil {
			return symbol{}, err
		}
		alternatives = append(alternatives, more...)
	}
	a.set(s, alternatives...)
	return s, nil
}

// steps are the code points that may come next, those that lead to the same place together.
func (a *automaton) steps(set []uint32, n int) ([]sequence, error) {
	count := n + 1
	if a.most < 0 {
		count = min(count, max(a.least, 1)) // more need not be told apart
	}
	var order []string
	leads := map[string][]uint32{}
	chars := map[string][][2]rune{}
	for _, r := range a.ranges {
		next := a.step(set, r[0])
		name := fmt.Sprint(next)
		if _, ok := leads[name]; !ok {
			order = append(order, name)
			leads[name] = next
		}
		chars[name] = append(chars[name], r)
	}
	var out []sequence
	for _, name := range order {
		rest, err := a.rule(leads[name], count)
		if err != nil {
			return nil, err
		}
		out = append(out, sequence{a.oneOf(chars[name]), rest})
	}
	return out, nil
}

// step returns the set after a code point: the pattern may also begin to match behind it.
func (a *automaton) step(set []uint32, r rune) []uint32 {
	if set[0] == certain {
		return set
	}
	next := []uint32{uint32(a.prog.Start)}
	for _, pc := range set {
		switch in := &a.prog.Inst[pc]; in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if in.Op == syntax.InstRuneAnyNotNL && strings.ContainsRune("\r\u2028\u2029", r) {
				continue // ECMA-262 counts them among the line ends
			}
			if in.MatchRune(r) {
				next = append(next, in.Out)
			}
		}
	}
	return a.closure(next, false)
}

// oneOf is a code point of the ranges as a JSON string has it.
func (a *automaton) oneOf(ranges [][2]rune) symbol {
	var alternatives []sequence
	for _, r := range ranges {
		for lo := r[0]; lo <= r[1]; lo++ {
			switch {
			case lo < ' ':
				alternatives = append(alternatives, text(fmt.Sprintf(`\u%04x`, lo)))
				continue
			case lo == '"' || lo == '\\':
				alternatives = append(alternatives, text(`\`+string(lo)))
				continue
			}
			hi := r[1]
			for _, escaped := range `"\` {
				if lo < escaped && escaped <= hi {
					hi = escaped - 1
				}
			}
			alternatives = append(alternatives, utf8Ranges(lo, hi)...)
			lo = hi
		}
	}
	return a.any(alternatives...)
}

// utf8Ranges returns the byte sequences of the code points from lo to hi: ranges whose ends differ in their last bytes alone
// are one sequence, others are divided.
func utf8Ranges(lo, hi rune) []sequence {
	for _, last := range []rune{0x7f, 0x7ff, 0xffff} { // the last of each length
		if lo <= last && last < hi {
			return append(utf8Ranges(lo, last), utf8Ranges(last+1, hi)...)
		}
	}
	for shift := 6; shift < 6*utf8.RuneLen(hi); shift += 6 {
		mask := rune(1)<<shift - 1
		if lo&^mask == hi&^mask {
			break
		}
		if lo&mask != 0 {
			return append(utf8Ranges(lo, lo|mask), utf8Ranges(lo|mask+1, hi)...)
		}
		if hi&mask != mask {
			return append(utf8Ranges(lo, hi&^mask-1), utf8Ranges(hi&^mask, hi)...)
		}
	}
	first, last := string(lo), string(hi)
	var s sequence
	for i := range len(first) {
		s = append(s, one("", string([]byte{first[i], last[i]})))
	}
	return []sequence{s}
}
