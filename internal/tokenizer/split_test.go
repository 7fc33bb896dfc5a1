package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// alphabet has characters of every class the rules know, and those they treat one by one.
var alphabet = []string{
	"a", "b", "s", "t", "re", "LL", "S", "Z", "é", "e\u0301", "ß", "ж", "Ж", "中", "文", "あ", "ア", "한", "ن", "ा", "न", "ſ", "K",
	"0", "1", "9", "٣", "Ⅷ", "½", "²", " ", "  ", "\t", "\n", "\r\n", "\r", "\u0085", "\u00a0", "\u2028", "\u3000", "\v",
	"'", "'", "’", ".", ",", "!", "?", "(", ")", "-", "_", "/", "\\", "$", "+", "<", "=", "|", "^", "~", "`", "€", "。", "！", "“", "…",
	"🦙", "👩‍👩‍👧", "\x00", "\x7f", "\u200b", "\ufffd", "\ue000", "\U0010ffff", "don't", "we'LL", "I'm",
}

func randomText(rng *rand.Rand, n int) string {
	var b strings.Builder
	for range rng.IntN(n) {
		b.WriteString(alphabet[rng.IntN(len(alphabet))])
	}
	return b.String()
}

func words(split func(string, func(string)), text string) []string {
	var all []string
	split(text, func(w string) { all = append(all, w) })
	return all
}

// Every splitter written by hand cuts as the regexes that define it, which another engine runs.
func TestSplittersAreTheirRegexes(t *testing.T) {
	for i := range preTokenizers {
		p := &preTokenizers[i]
		if p.fast == nil {
			continue
		}
		t.Run(p.names[0], func(t *testing.T) {
			t.Parallel()
			byHand, err := p.split()
			if err != nil {
				t.Fatal(err)
			}
			// (?i:) would let the long s, ſ, stand for an s; llama.cpp spells both cases of ASCII out, and so do we.
			patterns := slices.Clone(p.patterns)
			for k := range patterns {
				patterns[k] = strings.ReplaceAll(patterns[k], anyContractions, `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`)
			}
			byRegex, err := splitByRegex(patterns)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(7, uint64(i)))
			for range 4000 {
				text := randomText(rng, 25)
				if got, want := words(byHand, text), words(byRegex, text); !slices.Equal(got, want) {
					t.Fatalf("%q: %q, want %q", text, got, want)
				}
			}
		})
	}
}

// All rules keep the text: nothing is lost, doubled or empty.
func TestSplittingKeepsTheText(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for i := range preTokenizers {
		split, err := preTokenizers[i].split()
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			text := randomText(rng, 25)
			parts := words(split, text)
			if strings.Join(parts, "") != text || slices.Contains(parts, "") {
				t.Fatalf("%s: %q became %q", preTokenizers[i].names[0], text, parts)
			}
		}
	}
}

func TestClassTable(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		if c, n := classAt(string(r)); c != classOf(r) || n != utf8.RuneLen(r) {
			t.Fatalf("%U: class %d, width %d", r, c, n)
		}
	}
}

func TestUnknownPreTokenizer(t *testing.T) {
	if _, err := preTokenizerByName("nonesuch"); err == nil || !strings.Contains(err.Error(), `"nonesuch"`) || !strings.Contains(err.Error(), "qwen2") {
		t.Errorf("%v", err)
	}
	seen := make(map[string]bool)
	for _, p := range preTokenizers {
		for _, name := range p.names {
			if seen[name] {
				t.Errorf("%q is two rules", name)
			}
			seen[name] = true
		}
	}
}

// Rules that group the digits of numbers do so from the left or from the right.
func TestNumbersAreGrouped(t *testing.T) {
	for name, want := range map[string]string{
		"llama-bpe": "a| |123|456|7|,|12|,|1", "minicpm5": "a| |123|456|7|,|12|,|1", "qwen2": "a| |1|2|3|4|5|6|7|,|1|2|,|1",
		"afmoe": "a| |1|234|567|,|12|,|1", "tiny_aya": "a| |1|234|567|,|12|,|1", "superbpe": "a |1|234|567|,|12|,|1",
	} {
		pre, err := preTokenizerByName(name)
		if err != nil {
			t.Fatal(err)
		}
		split, err := pre.split()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(words(split, "a 1234567,12,1"), "|"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
