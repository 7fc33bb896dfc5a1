package tokenizer

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// class is what the splitting rules want to know of a character.
type class uint8

const (
	letter  class = 1 << iota // \p{L}
	number                    // \p{N}
	space                     // \s, line ends included
	newline                   // \r or \n
	mark                      // \p{M}
	punct                     // \p{P} or \p{S}
)

// asciiClass and classTable are filled from Go's Unicode tables, so all rules rest on one version of Unicode.
var asciiClass = func() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = classOf(rune(r))
	}
	return table
}()

// classTable returns the class of every rune in two stages: a page of 256 runes, then the rune in it. Equal pages are
// shared, which leaves about 100 KB.
var classTable = sync.OnceValue(func() *[(unicode.MaxRune + 1) / 256]*[256]class {
	table := new([(unicode.MaxRune + 1) / 256]*[256]class)
	seen := make(map[[256]class]*[256]class)
	for p := range table {
		var page [256]class
		for i := range page {
			page[i] = classOf(rune(p*256 + i))
		}
		shared, ok := seen[page]
		if !ok {
			shared = &page
			seen[page] = shared
		}
		table[p] = shared
	}
	return table
})

func classOf(r rune) (c class) {
	switch {
	case r == '\r' || r == '\n':
		return space | newline
	case unicode.IsSpace(r):
		return space
	case unicode.IsLetter(r):
		return letter
	case unicode.In(r, unicode.N):
		return number
	case unicode.In(r, unicode.M):
		return mark
	case unicode.In(r, unicode.P, unicode.S):
		return punct
	}
	return 0
}

// classAt returns the class and width of the character at the start of s, which must not be empty. A byte that is no
// UTF-8 counts as U+FFFD, a symbol.
func classAt(s string) (class, int) {
	if c := s[0]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRuneInString(s)
	return classTable()[r>>8][r&255], n
}

// span returns the length of the run of characters at the start of s that have a class of the set.
func span(s string, set class) int {
	for i := 0; i < len(s); {
		c, n := classAt(s[i:])
		if c&set == 0 {
			return i
		}
		i += n
	}
	return len(s)
}

// spanNot returns the length of the run of characters that have no class of the set.
func spanNot(s string, set class) int {
	for i := 0; i < len(s); {
		c, n := classAt(s[i:])
		if c&set != 0 {
			return i
		}
		i += n
	}
	return len(s)
}
