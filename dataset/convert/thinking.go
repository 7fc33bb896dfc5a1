package convert

import "strings"

const openThink, closeThink = "<think>", "</think>"

// SplitThinking separates <think>…</think> from the answer after it. The opening tag may be missing, as templates that
// write it themselves leave it out of the answer; a text without the closing tag is all answer.
func SplitThinking(text string) (reasoning, response string) {
	before, after, ok := strings.Cut(text, closeThink)
	if !ok {
		return "", text
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(before), openThink)), strings.TrimLeft(after, " \t\r\n")
}

// JoinThinking is the inverse: the reasoning in its tags, a blank line, the response.
func JoinThinking(reasoning, response string) string {
	if reasoning == "" {
		return response
	}
	return openThink + "\n" + reasoning + "\n" + closeThink + "\n\n" + response
}
