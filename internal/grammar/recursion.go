package grammar

import "slices"

// leftRecursive reports whether a rule can begin with itself, before any byte: it would be opened without end.
func leftRecursive(rules []rule) bool {
	empty := nullable(rules)
	const (
		unseen = iota
		open
		closed
	)
	marks := make([]int, len(rules))
	var visit func(r int32) bool
	visit = func(r int32) bool {
		marks[r] = open
		for _, seq := range rules[r] {
			for _, s := range seq {
				if s.bytes != nil {
					break
				}
				if marks[s.rule] == open || marks[s.rule] == unseen && visit(s.rule) {
					return true
				}
				if !empty[s.rule] {
					break
				}
			}
		}
		marks[r] = closed
		return false
	}
	for r := range rules {
		if marks[r] == unseen && visit(int32(r)) {
			return true
		}
	}
	return false
}

// nullable returns for each rule whether it admits the empty text.
func nullable(rules []rule) []bool {
	empty := make([]bool, len(rules))
	for changed := true; changed; {
		changed = false
		for r, alternatives := range rules {
			for _, seq := range alternatives {
				all := !empty[r]
				for _, s := range seq {
					all = all && s.bytes == nil && empty[s.rule]
				}
				if all {
					empty[r], changed = true, true
				}
			}
		}
	}
	return empty
}

// prune removes the ways that never come to an end from rules, and returns for each rule whether one is left.
func prune(rules []rule) []bool {
	finite := make([]bool, len(rules))
	leads := func(seq sequence) bool {
		for _, s := range seq {
			if s.bytes == nil && !finite[s.rule] {
				return false
			}
		}
		return true
	}
	for changed := true; changed; {
		changed = false
		look := func(r int) {
			if !finite[r] && slices.ContainsFunc(rules[r], leads) {
				finite[r], changed = true, true
			}
		}
		for r := range rules { // some parts stand before what they are part of,
			look(r)
		}
		for r := range slices.Backward(rules) { // others behind
			look(r)
		}
	}
	for r := range rules {
		rules[r] = slices.DeleteFunc(rules[r], func(seq sequence) bool { return !leads(seq) })
	}
	return finite
}
