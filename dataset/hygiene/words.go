package hygiene

import (
	"strings"
	"unicode"

	"github.com/cespare/xxhash/v2"
)

// words splits text into lower-case words of letters and digits. In scripts that are written without blanks each
// character is a word.
func words(text string) []string {
	var out []string
	start := -1
	text = strings.ToLower(text)
	flush := func(end int) {
		if start >= 0 {
			out = append(out, text[start:end])
			start = -1
		}
	}
	for i, r := range text {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
			flush(i)
			out = append(out, string(r))
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
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
