package grammar

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
