package tokenizer

import (
	"unicode/utf8"
)

// Stream decodes token by token into valid UTF-8: bytes that may yet become a character are held back.
type Stream struct {
	t    *Tokenizer
	held []byte
}

// NewStream returns a decoder for a continuation. Unlike Decode it takes no leading space off.
func (t *Tokenizer) NewStream() *Stream { return &Stream{t: t} }

// Next takes the next token and returns the text that is complete with it, possibly none.
func (s *Stream) Next(id Token) string {
	if s.t.hidden(id) {
		return ""
	}
	s.held = append(s.held, s.t.piece(id)...)
	cut := len(s.held) - incomplete(s.held)
	text := string([]rune(string(s.held[:cut]))) // bytes that are no UTF-8 become U+FFFD
	s.held = append(s.held[:0], s.held[cut:]...)
	return text
}

// Flush returns what is still held, U+FFFD for each byte, and makes the stream ready for another text.
func (s *Stream) Flush() string {
	text := string([]rune(string(s.held)))
	s.held = s.held[:0]
	return text
}

// incomplete returns the length of the unfinished but so far valid character at the end of b.
func incomplete(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}
