package remote

import "strings"

// Tags that models put around their thinking.
const (
	thinkOpen  = "<think>"
	thinkClose = "</think>"
)

// splitThinking separates the thinking from the answer. The opening tag may be missing: chat templates that write it
// themselves leave only </think> in the text. A text that opens the thinking, or whose template did (prefilled), and
// never closes it is thinking that was cut off.
func splitThinking(text string, prefilled bool) (reasoning, response string) {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	inner, opened := strings.CutPrefix(trimmed, thinkOpen)
	before, after, closed := strings.Cut(inner, thinkClose)
	switch {
	case closed:
		return strings.TrimSpace(before), strings.TrimLeft(after, " \t\r\n")
	case opened || prefilled:
		return strings.TrimSpace(inner), ""
	}
	return "", text
}
