package infer

import (
	"bytes"
	"unicode/utf8"
)

// textStream turns the bytes of tokens into text that can be shown: whole characters only, nothing that may be the
// beginning of a stop text, nothing from a stop text on.
type textStream struct {
	stops   [][]byte
	pending []byte // not shown yet
	text    []byte // shown
	stopped bool
}

func newTextStream(stops []string) *textStream {
	t := new(textStream)
	for _, s := range stops {
		if s != "" {
			t.stops = append(t.stops, []byte(s))
		}
	}
	return t
}

// push adds a token's bytes and returns what may now be shown. After a stop text was met it returns nothing more.
func (t *textStream) push(piece []byte) string {
	if t.stopped {
		return ""
	}
	t.pending = append(t.pending, piece...)
	cut := len(t.pending)
	for _, s := range t.stops {
		if i := bytes.Index(t.pending, s); i >= 0 && i < cut {
			cut, t.stopped = i, true
		}
	}
	if t.stopped {
		t.pending = t.pending[:cut]
		return t.flush()
	}
	for _, s := range t.stops {
		cut = min(cut, len(t.pending)-overlap(t.pending, s))
	}
	return t.show(cut - unfinished(t.pending[:cut]))
}

// flush returns what is left when no more tokens come.
func (t *textStream) flush() string { return t.show(len(t.pending)) }

func (t *textStream) show(n int) string {
	shown := bytes.ToValidUTF8(t.pending[:n], []byte("\ufffd"))
	t.text = append(t.text, shown...)
	t.pending = append(t.pending[:0], t.pending[n:]...)
	return string(shown)
}

// overlap returns the length of the longest end of b that is a beginning of stop.
func overlap(b, stop []byte) int {
	for n := min(len(b), len(stop)-1); n > 0; n-- {
		if bytes.HasSuffix(b, stop[:n]) {
			return n
		}
	}
	return 0
}

// unfinished returns how many bytes at the end of b may be a character whose rest is yet to come.
func unfinished(b []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(b)); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if tail[0] >= utf8.RuneSelf && !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}
