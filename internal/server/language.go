package server

import (
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/grammar"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// languageOf returns what the answer to a request is kept within, nil for any text. Where the prompt opens the thinking, the
// answer is what follows it.
func languageOf(r *openai.ChatRequest, opened bool) (*grammar.Grammar, *openai.Error) {
	f := r.ResponseFormat
	if f == nil || f.Type == "" || f.Type == "text" {
		return nil, nil
	}
	if len(r.Stop) > 0 {
		return nil, invalid("stop", "a stop text could cut the JSON that response_format promises")
	}
	var language *grammar.Grammar
	switch f.Type {
	case "json_object":
		language = grammar.JSONObject()
	case "json_schema":
		if f.JSONSchema == nil || len(f.JSONSchema.Schema) == 0 {
			return nil, invalid("response_format", "json_schema has no schema")
		}
		var err error
		if language, err = grammar.Schema(f.JSONSchema.Schema); err != nil {
			return nil, invalid("response_format", "%s", strings.TrimPrefix(err.Error(), "grammar: "))
		}
	default:
		return nil, invalid("response_format", "%q is not known; text, json_object and json_schema are", f.Type)
	}
	if opened {
		language = grammar.After(chat.ThinkClose, language)
	}
	return language, nil
}

// makeVocabulary lists what each token writes into an answer.
func (m *Model) makeVocabulary() *grammar.Vocabulary {
	pieces := make([][]byte, m.Tokenizer.Size())
	for id := range pieces {
		if token := distill.Token(id); !m.Tokenizer.IsSpecial(token) {
			pieces[id] = m.Tokenizer.Piece(token)
		}
	}
	return grammar.NewVocabulary(pieces, append(m.Tokenizer.EndTokens(), m.EndTokens...))
}
