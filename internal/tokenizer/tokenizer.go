// Package tokenizer turns text into token ids and back, exactly as llama.cpp and Hugging Face do.
//
// Two families are known: byte-level BPE (GPT-2, Llama 3, Qwen, DeepSeek …: text is split into words by a rule, each
// word's bytes are merged by rank) and SentencePiece BPE (Llama 2, Mistral: pieces are merged by score, what no piece
// covers falls back to bytes). Tokenizers come from GGUF metadata or a tokenizer.json, go back to either, or are
// trained:
//
//	t, template, err := tokenizer.ReadDir("Qwen2.5-0.5B")
//	ids := t.Encode("Hello <|im_end|>", true)
//	text := t.Decode(ids)
//
// Encode adds no begin token: whoever builds a prompt does. The package knows no models.
package tokenizer

import (
	"strings"
	"sync"
	"unicode/utf8"

	distill "github.com/seed-d24fde5f/distill"
)

// Token is the id of a vocabulary entry.
type Token = distill.Token

// None stands for a special token that a vocabulary does not have.
const None Token = -1

// Kind is a family of tokenizers.
type Kind string

// The families, by the name GGUF gives them in tokenizer.ggml.model.
const (
	BPE           Kind = "gpt2"  // byte-level BPE
	SentencePiece Kind = "llama" // SentencePiece BPE with byte fallback
)

// tokenType says what an entry of the vocabulary is, with GGUF's numbers.
type tokenType int32

const (
	typeNormal      tokenType = 1
	typeUnknown     tokenType = 2
	typeControl     tokenType = 3 // steers the model; no text of its own
	typeUserDefined tokenType = 4 // matched before anything else, but text
	typeUnused      tokenType = 5
	typeByte        tokenType = 6 // SentencePiece's <0x00> … <0xFF>
)

// Tokenizer is a vocabulary with its rules. It may be used by many goroutines at once.
type Tokenizer struct {
	Kind Kind
	Pre  string // name of the pre-tokenizer, as in tokenizer.ggml.pre; "" for SentencePiece

	BOS, EOS, PAD, UNK Token // None where there is none
	AddBOS             bool  // a prompt begins with BOS
	addSpacePrefix     bool  // SentencePiece: text after a special token or at the start gets a space in front
	prefixOnce         bool  // … only at the very start
	composed           bool  // text is brought to Unicode's NFC first
	ignoreMerges       bool  // a word that is in the vocabulary is one token, whatever the merges say

	text    []string    // each token as the vocabulary writes it
	types   []tokenType //
	scores  []float32   // SentencePiece; else nil
	merges  [][2]Token  // BPE, in order of rank
	extra   map[Token]matching
	turnEnd Token // ends a turn besides EOS; None
	ends    []Token
	special *matcher
	core    encoder // the family's algorithm for text without special tokens
	bytes   []string

	hash func() string
}

// encoder turns text between special tokens into ids.
type encoder interface {
	appendTokens(ids []Token, text string) []Token
}

// Size returns the number of tokens.
func (t *Tokenizer) Size() int { return len(t.text) }

// Encode returns the ids of text. Special tokens written out in text ("<|im_end|>") become their ids if parseSpecial
// is set and are plain text otherwise; added tokens that are not special always become their ids. Invalid UTF-8 is
// encoded byte by byte. No begin or end token is added.
func (t *Tokenizer) Encode(text string, parseSpecial bool) []Token {
	ids := make([]Token, 0, len(text)/4+4)
	fresh := true // at the start, or after a special token
	for len(text) > 0 {
		before, id, after := t.special.next(text, parseSpecial)
		if len(before) > 0 {
			ids = t.appendText(ids, before, fresh)
			fresh = false
		}
		if id != None {
			ids = append(ids, id)
			fresh = !t.prefixOnce
		}
		text = after
	}
	return ids
}

func (t *Tokenizer) appendText(ids []Token, text string, fresh bool) []Token {
	if t.composed {
		text = compose(text)
	}
	if t.addSpacePrefix && fresh {
		text = " " + text
	}
	return t.core.appendTokens(ids, text)
}

// Decode returns the text of ids, control tokens left out. It is the inverse of Encode for valid UTF-8 of a tokenizer
// that does not normalise; a space that Encode put in front is taken off. Bytes that are no UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []Token) string {
	var b strings.Builder
	for _, id := range ids {
		if !t.hidden(id) {
			b.WriteString(t.piece(id))
		}
	}
	s := b.String()
	if t.addSpacePrefix {
		s = strings.TrimPrefix(s, " ")
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

// Piece returns the bytes that token id stands for, which need not be whole UTF-8; for a special token, its name. An id
// outside the vocabulary has none.
func (t *Tokenizer) Piece(id Token) []byte { return []byte(t.piece(id)) }

func (t *Tokenizer) piece(id Token) string {
	if id < 0 || int(id) >= len(t.bytes) {
		return ""
	}
	return t.bytes[id]
}

// Text returns the token as the vocabulary writes it ("Ġthe", "▁the", "<0x0A>").
func (t *Tokenizer) Text(id Token) string {
	if id < 0 || int(id) >= len(t.text) {
		return ""
	}
	return t.text[id]
}

// ID returns the token which the vocabulary writes as text, such as "<|im_end|>".
func (t *Tokenizer) ID(text string) (Token, bool) {
	id, ok := t.special.ids[text]
	if ok {
		return id, true
	}
	for i, s := range t.text {
		if s == text {
			return Token(i), true
		}
	}
	return None, false
}

// IsSpecial reports whether id is a control token: one that steers the model and has no text.
func (t *Tokenizer) IsSpecial(id Token) bool {
	return id >= 0 && int(id) < len(t.types) && t.types[id] == typeControl
}

// hidden reports whether Decode leaves id out.
func (t *Tokenizer) hidden(id Token) bool {
	if id < 0 || int(id) >= len(t.types) {
		return true
	}
	return t.types[id] == typeControl || t.types[id] == typeUnused
}

// EndTokens returns the tokens that end a completion: EOS, and those that end a turn by their well-known names. The
// slice must not be changed.
func (t *Tokenizer) EndTokens() []Token { return t.ends }

// IsEnd reports whether id ends a completion.
func (t *Tokenizer) IsEnd(id Token) bool {
	for _, e := range t.ends {
		if e == id {
			return true
		}
	}
	return false
}

// AddEnds makes more tokens end a completion: those that a model's generation settings list, which may have no name that
// tells. Ids outside the vocabulary are passed over. Nobody else may use the tokenizer meanwhile.
func (t *Tokenizer) AddEnds(ids []Token) {
	for _, id := range ids {
		if id < 0 || int(id) >= len(t.text) || t.IsEnd(id) {
			continue
		}
		t.ends = append(t.ends, id)
		switch None { // a file has room for two
		case t.EOS:
			t.EOS = id
		case t.turnEnd:
			t.turnEnd = id
		}
	}
}

// endNames are the tokens that end a turn or a text, as llama.cpp knows them by name.
var endNames = []string{
	"<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<|eos|>",
	"<EOT>", "_<EOT>", "<｜end▁of▁sentence｜>", "<end_of_utterance>", "</s>", "<|end_of_turn|>", "<|endofturn|>",
}

// finish derives what the other fields imply, once the vocabulary is in place.
func (t *Tokenizer) finish() error {
	if err := t.check(); err != nil {
		return err
	}
	t.decodePieces()
	t.special = newMatcher(t)
	t.ends = nil
	if t.EOS != None {
		t.ends = append(t.ends, t.EOS)
	}
	if t.turnEnd != None && !t.IsEnd(t.turnEnd) {
		t.ends = append(t.ends, t.turnEnd)
	}
	for _, name := range endNames {
		if id, ok := t.special.ids[name]; ok && !t.IsEnd(id) {
			t.types[id] = typeControl // some converters call it user-defined; llama.cpp mends that too
			t.ends = append(t.ends, id)
		}
	}
	t.hash = sync.OnceValue(t.digest)
	var err error
	if t.Kind == BPE {
		t.core, err = newBPE(t)
	} else {
		t.core, err = newSentencePiece(t)
	}
	return err
}
