package remote

import (
	"strings"

	"github.com/seed-d24fde5f/distill/internal/chat"
)

// splitThinking separates the thinking from the answer as [chat.Split] does. A text that its template opened the thinking
// for (prefilled) and that never closes it is thinking that was cut off; a text without thinking is kept to the letter.
func splitThinking(text string, prefilled bool) (reasoning, response string) {
	opened := strings.HasPrefix(strings.TrimSpace(text), chat.ThinkOpen)
	if prefilled && !opened {
		text, opened = chat.ThinkOpen+text, true
	}
	if !opened && !strings.Contains(text, chat.ThinkClose) {
		return "", text
	}
	return chat.Split(text)
}
