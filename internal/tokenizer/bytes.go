package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
)

// spaceMark is how SentencePiece vocabularies write a space.
const spaceMark = "▁"

// byteRunes maps each byte to the visible character under which byte-level vocabularies write it: itself if it is
// printable in Latin-1, else the next free one from U+0100 on (GPT-2's bytes_to_unicode).
var byteRunes = func() (table [256]rune) {
	next := rune(256)
	for b := range table {
		r := rune(b)
		if !('!' <= r && r <= '~' || '¡' <= r && r <= '¬' || '®' <= r && r <= 'ÿ') {
			r = next
			next++
		}
		table[b] = r
	}
	return table
}()

var runeBytes = func() map[rune]byte {
	m := make(map[rune]byte, 256)
	for b, r := range byteRunes {
		m[r] = byte(b)
	}
	return m
}()

// toVisible writes raw bytes as a byte-level vocabulary does.
func toVisible(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		b.WriteRune(byteRunes[raw[i]])
	}
	return b.String()
}

// fromVisible is the inverse; ok is false if text has a character that stands for no byte.
func fromVisible(text string) (raw string, ok bool) {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r < 0x80 && '!' <= r && r <= '~' {
			b = append(b, byte(r))
			continue
		}
		x, ok := runeBytes[r]
		if !ok {
			return "", false
		}
		b = append(b, x)
	}
	return string(b), true
}

// parseByteName reads "<0x0A>".
func parseByteName(text string) (byte, bool) {
	if len(text) != 6 || !strings.HasPrefix(text, "<0x") || text[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(text[3:5], 16, 8)
	return byte(b), err == nil
}

// decodePieces fills in what every token stands for.
func (t *Tokenizer) decodePieces() {
	t.bytes = make([]string, len(t.text))
	for i, text := range t.text {
		piece := text
		switch t.types[i] {
		case typeNormal, typeUnused:
			if t.Kind == SentencePiece {
				piece = strings.ReplaceAll(text, spaceMark, " ")
			} else if raw, ok := fromVisible(text); ok {
				piece = raw
			}
		case typeByte:
			if b, ok := parseByteName(text); ok {
				piece = string([]byte{b})
			}
		}
		t.bytes[i] = piece
	}
}

// check holds the tables to one another.
func (t *Tokenizer) check() error {
	n := len(t.text)
	switch {
	case n == 0:
		return fmt.Errorf("tokenizer: the vocabulary is empty")
	case len(t.types) != n:
		return fmt.Errorf("tokenizer: %d token types for %d tokens", len(t.types), n)
	case t.Kind == SentencePiece && len(t.scores) != n:
		return fmt.Errorf("tokenizer: %d scores for %d tokens", len(t.scores), n)
	}
	for _, s := range []struct {
		name string
		id   Token
	}{{"begin", t.BOS}, {"end", t.EOS}, {"padding", t.PAD}, {"unknown", t.UNK}} {
		if s.id != None && (s.id < 0 || int(s.id) >= n) {
			return fmt.Errorf("tokenizer: the %s token %d is outside the vocabulary of %d", s.name, s.id, n)
		}
	}
	return nil
}
