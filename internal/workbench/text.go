package workbench

import (
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// TextTokens returns a text as a model reads it from its beginning: after the token of beginning, where the vocabulary says
// that there is one. Where special tokens are read, a text may spell that token itself; it is not put twice.
func TextTokens(t *tokenizer.Tokenizer, text string, special bool) []distill.Token {
	tokens := t.Encode(text, special)
	if begins(t) && (len(tokens) == 0 || tokens[0] != t.BOS) {
		tokens = slices.Insert(tokens, 0, t.BOS)
	}
	return tokens
}

// anew returns a copy of a window of a text as if the text began there: its first token makes room for that of beginning,
// as llama.cpp's tools do it.
func anew(t *tokenizer.Tokenizer, window []distill.Token) []distill.Token {
	piece := slices.Clone(window)
	if begins(t) {
		piece[0] = t.BOS
	}
	return piece
}

func begins(t *tokenizer.Tokenizer) bool { return t.AddBOS && t.BOS >= 0 }
