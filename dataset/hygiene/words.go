package hygiene

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

// words splits text into lower-case words of letters and digits. In scripts that are written without blanks each
// character is a word.
func words(text string) []string {
	text = strings.ToLower(text)
	out := make([]string, 0, len(text)/4+1)
	start := -1
	flush := func(end int) {
		if start >= 0 {
			out = append(out, text[start:end])
			start = -1
		}
	}
	for i, r := range text {
		switch kindOf(r) {
		case wordItself:
			flush(i)
			out = append(out, text[i:i+utf8.RuneLen(r)])
		case wordPart:
			if start < 0 {
				start = i
			}
		default:
			flush(i)
		}
	}
	flush(len(text))
	return out
}

// Kinds of characters.
const (
	between    = iota // words
	wordPart          // letters, digits and marks
	wordItself        // in scripts without blanks
)

// kindOf tells a character's kind; nearly all text is decided by the first two cases.
func kindOf(r rune) int {
	switch {
	case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
		return wordPart
	case r < utf8.RuneSelf || r == utf8.RuneError:
		return between
	case r >= firstThai && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
		return wordItself
	case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
		return wordPart
	}
	return between
}

// firstThai is the first character of the scripts that are written without blanks.
const firstThai = 0x0E00

// shingles returns the hashes of all runs of n words. A shorter text is one run.
func shingles(words []string, n int) []uint64 {
	if len(words) == 0 {
		return nil
	}
	each := make([]uint64, len(words))
	for i, w := range words {
		each[i] = xxhash.Sum64String(w)
	}
	n = min(n, len(words))
	out := make([]uint64, 0, len(words)-n+1)
	for i := range len(words) - n + 1 {
		h := uint64(n)
		for _, w := range each[i : i+n] {
			h = mix(h ^ w)
		}
		out = append(out, h)
	}
	return out
}

// mix is the finaliser of MurmurHash3 (Austin Appleby, public domain): a bijection in which every bit of the input
// changes half of those of the output.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
