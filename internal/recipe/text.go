package recipe

import (
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// textTokens returns a text as a model reads it from its beginning: after the token of beginning, where the vocabulary says
// that there is one.
func textTokens(t *tokenizer.Tokenizer, text string) []distill.Token {
	tokens := t.Encode(text, false)
	if begins(t) {
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
