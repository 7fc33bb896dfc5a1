package server

import (
	"strings"

	"github.com/seed-d24fde5f/distill/internal/chat"
)

// thinking separates a stream of text into thinking and answer as it comes. The thinking stands between tags at the very
// start; its opening tag may already be in the prompt.
type thinking struct {
	state   thinkingState
	begun   bool   // some of the thinking has been told; line breaks before it are not
	pending string // text that may be the beginning of a tag, or space before the answer
}

type thinkingState int

const (
	atStart   thinkingState = iota // nothing but white space so far
	inside                         // between the tags
	justOut                        // after the closing tag, white space is not yet the answer
	answering                      // the rest is the answer
)

// newThinking begins; opened says that the prompt ends with the opening tag.
func newThinking(opened bool) *thinking {
	t := &thinking{}
	if opened {
		t.state = inside
	}
	return t
}

// push adds text and returns what is known to be thinking and what is known to be answer.
func (t *thinking) push(text string) (thought, answer string) {
	t.pending += text
	if t.state == atStart {
		trimmed := strings.TrimLeft(t.pending, " \r\n\t")
		switch {
		case strings.HasPrefix(trimmed, chat.ThinkOpen):
			t.state, t.pending = inside, trimmed[len(chat.ThinkOpen):]
		case !strings.HasPrefix(chat.ThinkOpen, trimmed):
			t.state = answering
		}
	}
	if t.state == inside && !t.begun {
		t.pending = strings.TrimLeft(t.pending, "\r\n")
		t.begun = t.pending != ""
	}
	if t.state == inside {
		before, after, closed := strings.Cut(t.pending, chat.ThinkClose)
		if !closed {
			keep := len(t.pending) - tail(t.pending)
			thought, t.pending = t.pending[:keep], t.pending[keep:]
			return thought, ""
		}
		thought, t.pending, t.state = strings.TrimRight(before, "\r\n"), after, justOut
	}
	if t.state == justOut {
		if t.pending = strings.TrimLeft(t.pending, " \r\n\t"); t.pending != "" {
			t.state = answering
		}
	}
	if t.state == answering {
		answer, t.pending = t.pending, ""
	}
	return thought, answer
}

// flush returns what was held back when the text has ended.
func (t *thinking) flush() (thought, answer string) {
	text := t.pending
	t.pending = ""
	if t.state == inside {
		return strings.TrimRight(text, "\r\n"), ""
	}
	if t.state == justOut {
		return "", ""
	}
	return "", text
}

// tail returns how many bytes at the end of text may belong to the closing tag or to the line breaks before it.
func tail(text string) int {
	n := 0
	for k := min(len(chat.ThinkClose)-1, len(text)); k > 0; k-- {
		if strings.HasSuffix(text, chat.ThinkClose[:k]) {
			n = k
			break
		}
	}
	rest := text[:len(text)-n]
	return n + len(rest) - len(strings.TrimRight(rest, "\r\n"))
}

// opensThinking reports whether a prompt ends inside the thinking.
func opensThinking(prompt string) bool {
	return strings.HasSuffix(strings.TrimRight(prompt, " \r\n\t"), chat.ThinkOpen)
}
