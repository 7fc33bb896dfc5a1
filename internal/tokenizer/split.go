package tokenizer

import "unicode/utf8"

// splitter cuts text into words: it returns the length of the first one, at least 1 and at most len(text), where text
// is not empty. Splitters are written by hand because a regex engine takes longer than all the rest of encoding; the
// regex of each remains as its definition in the table of pre-tokenizers and as its oracle in the tests.
type splitter func(text string) int

// splitGPT2 is GPT-2's rule:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitGPT2(s string) int {
	if s[0] == '\'' {
		if n := contraction(s, false); n > 0 {
			return n
		}
	}
	lead := 0
	if s[0] == ' ' && len(s) > 1 {
		lead = 1
	}
	c, n := classAt(s[lead:])
	switch {
	case c&letter != 0:
		return lead + n + span(s[lead+n:], letter)
	case c&number != 0:
		return lead + n + span(s[lead+n:], number)
	case c&space == 0:
		return lead + n + spanNot(s[lead+n:], space|letter|number)
	}
	return spaces(s)
}

// splitDigits isolates every number character and gives the rest between them to next, which must not look beyond what
// it is given: the sequence \p{N}, then another rule.
func splitDigits(next splitter) splitter {
	return func(s string) int {
		c, n := classAt(s)
		if c&number != 0 {
			return n
		}
		return next(s[:spanNot(s, number)])
	}
}

// splitModern returns the rule of GPT-4's successors:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// word is the set of classes that words are made of, \p{L} in the second and fourth alternative: letters, with marks or
// without.
func splitModern(digits int, word class) splitter {
	return func(s string) int {
		first := s[0]
		if first == '\'' {
			if n := contraction(s, true); n > 0 {
				return n
			}
		}
		c, n := classAt(s)
		switch {
		case c&word != 0:
			return n + span(s[n:], word)
		case c&number != 0:
			for k := 1; k < digits && n < len(s); k++ {
				c, w := classAt(s[n:])
				if c&number == 0 {
					break
				}
				n += w
			}
			return n
		case c&newline == 0 && n < len(s): // anything else may lead a word
			if c2, n2 := classAt(s[n:]); c2&word != 0 {
				return n + n2 + span(s[n+n2:], word)
			}
		}
		lead := 0
		if first == ' ' && len(s) > 1 {
			lead = 1
			c, n = classAt(s[1:])
		}
		if c&space == 0 && c&(number|word) == 0 {
			end := lead + n + spanNot(s[lead+n:], space|number|word)
			return end + span(s[end:], newline)
		}
		return linesOrSpaces(s)
	}
}

// contraction returns the length of an English contraction's tail at the start of s, which starts with an apostrophe;
// 0 if there is none. Upper case counts in ASCII alone, as in llama.cpp; Unicode's folding would also take ſ for an s.
func contraction(s string, anyCase bool) int {
	at := func(i int) byte {
		if i >= len(s) {
			return 0
		}
		c := s[i]
		if anyCase && 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}
	switch at(1) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if at(2) == 'e' {
			return 3
		}
	case 'l':
		if at(2) == 'l' {
			return 3
		}
	}
	return 0
}

// spaces matches \s+(?!\S)|\s+ at the start of s, which is white space: all of a run but its last character, which
// leads the next word, unless the run is all there is or only one.
func spaces(s string) int {
	end := span(s, space)
	if end == len(s) {
		return end
	}
	_, last := utf8.DecodeLastRuneInString(s[:end])
	if last == end {
		return end
	}
	return end - last
}

// linesOrSpaces matches \s*[\r\n]+|\s+(?!\S)|\s+ at the start of s, which is white space: up to the last line end of the
// run, if there is one.
func linesOrSpaces(s string) int {
	end := span(s, space)
	for i := end; i > 0; i-- {
		if s[i-1] == '\n' || s[i-1] == '\r' {
			return i
		}
	}
	return spaces(s)
}
