package tokenizer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/gguf"
)

// Metadata keys of GGUF. KeyModel is present wherever there is a tokenizer.
const (
	KeyModel       = "tokenizer.ggml.model"
	keyPre         = "tokenizer.ggml.pre"
	keyTokens      = "tokenizer.ggml.tokens"
	keyScores      = "tokenizer.ggml.scores"
	keyTypes       = "tokenizer.ggml.token_type"
	keyMerges      = "tokenizer.ggml.merges"
	keyBOS         = "tokenizer.ggml.bos_token_id"
	keyEOS         = "tokenizer.ggml.eos_token_id"
	keyEOT         = "tokenizer.ggml.eot_token_id"
	keyPAD         = "tokenizer.ggml.padding_token_id"
	keyUNK         = "tokenizer.ggml.unknown_token_id"
	keyAddBOS      = "tokenizer.ggml.add_bos_token"
	keySpacePrefix = "tokenizer.ggml.add_space_prefix"
)

// FromGGUF returns the tokenizer that a file's metadata describes.
func FromGGUF(md *gguf.Metadata) (*Tokenizer, error) {
	t := new(Tokenizer)
	kind, _ := md.String(KeyModel)
	t.Kind = Kind(kind)
	var ok bool
	if t.text, ok = md.Strings(keyTokens); !ok {
		return nil, fmt.Errorf("tokenizer: metadata %q is missing", keyTokens)
	}
	switch t.Kind {
	case BPE:
		if t.Pre, ok = md.String(keyPre); !ok {
			t.Pre = "default" // files older than the key
		}
		pre, err := preTokenizerByName(t.Pre)
		if err != nil {
			return nil, err
		}
		t.ignoreMerges, t.AddBOS = pre.ignoreMerges, pre.addBOS
	case SentencePiece:
		t.AddBOS, t.addSpacePrefix = true, true
		if t.scores, ok = md.Floats(keyScores); !ok {
			return nil, fmt.Errorf("tokenizer: metadata %q is missing", keyScores)
		}
	default:
		return nil, fmt.Errorf("tokenizer: model %q is not supported; %s (byte-level BPE) and %s (SentencePiece BPE) are", kind, BPE, SentencePiece)
	}
	if v, ok := md.Bool(keyAddBOS); ok {
		t.AddBOS = v
	}
	if v, ok := md.Bool(keySpacePrefix); ok {
		t.addSpacePrefix = v
	}
	if err := t.typesFromGGUF(md); err != nil {
		return nil, err
	}
	t.dropPadding()
	t.specialFromGGUF(md)
	if t.Kind == BPE {
		if err := t.mergesFromGGUF(md); err != nil {
			return nil, err
		}
	}
	return t, t.finish()
}

func (t *Tokenizer) typesFromGGUF(md *gguf.Metadata) error {
	t.types = make([]tokenType, len(t.text))
	types, ok := md.Ints(keyTypes)
	if ok && len(types) != len(t.text) {
		return fmt.Errorf("tokenizer: metadata %q has %d entries for %d tokens", keyTypes, len(types), len(t.text))
	}
	for i := range t.types {
		t.types[i] = typeNormal
		if ok && types[i] >= int(typeNormal) && types[i] <= int(typeByte) {
			t.types[i] = tokenType(types[i])
		}
	}
	return nil
}

// dropPadding takes off the unused entries with which converters bring a vocabulary to the embedding's size, so that a
// tokenizer is the same whether a model's file is padded or not.
func (t *Tokenizer) dropPadding() {
	n := len(t.text)
	// Older converters called such an entry user-defined.
	for n > 0 && t.types[n-1] != typeNormal && t.text[n-1] == paddingName(n-1) {
		n--
	}
	t.text, t.types = t.text[:n], t.types[:n]
	if len(t.scores) > n {
		t.scores = t.scores[:n]
	}
}

// paddingName is what converters write for an entry that no text has.
func paddingName(id int) string { return fmt.Sprintf("[PAD%d]", id) }

// specialFromGGUF reads the ids of special tokens. Converters write 2^32−1 and other ids outside the vocabulary for
// "none".
func (t *Tokenizer) specialFromGGUF(md *gguf.Metadata) {
	id := func(key string, other Token) Token {
		n, ok := md.Int(key)
		switch {
		case !ok && int(other) < len(t.text):
			return other
		case !ok || n < 0 || n >= len(t.text):
			return None
		}
		return Token(n)
	}
	bos, eos, unk := None, None, None
	if t.Kind == SentencePiece { // llama.cpp's defaults
		bos, eos, unk = 1, 2, 0
	}
	t.BOS, t.EOS, t.UNK, t.PAD = id(keyBOS, bos), id(keyEOS, eos), id(keyUNK, unk), id(keyPAD, None)
	t.turnEnd = id(keyEOT, None)
	if t.BOS == None {
		t.AddBOS = false
	}
}

func (t *Tokenizer) mergesFromGGUF(md *gguf.Metadata) error {
	merges, ok := md.Strings(keyMerges)
	if !ok {
		return fmt.Errorf("tokenizer: metadata %q is missing", keyMerges)
	}
	ids := t.byText()
	t.merges = make([][2]Token, 0, len(merges))
	for i, m := range merges {
		if m == "" {
			return fmt.Errorf("tokenizer: merge %d is empty", i)
		}
		left, right, _ := strings.Cut(m[1:], " ") // the first character of a token may be a space
		if err := t.addMerge(ids, m[:1]+left, right, i); err != nil {
			return err
		}
	}
	return nil
}

// byText maps every token as the vocabulary writes it to its id; of equals, the first.
func (t *Tokenizer) byText() map[string]Token {
	ids := make(map[string]Token, len(t.text))
	for i := len(t.text) - 1; i >= 0; i-- {
		ids[t.text[i]] = Token(i)
	}
	return ids
}

func (t *Tokenizer) addMerge(ids map[string]Token, left, right string, rank int) error {
	l, ok := ids[left]
	r, also := ids[right]
	if !ok || !also {
		return fmt.Errorf("tokenizer: merge %d (%q %q) is of tokens that the vocabulary lacks", rank, left, right)
	}
	t.merges = append(t.merges, [2]Token{l, r})
	return nil
}

// AddToGGUF writes the tokenizer into a file's metadata, followed by unused entries up to the given number of tokens:
// llama.cpp wants as many as the embedding has rows.
func (t *Tokenizer) AddToGGUF(md *gguf.Metadata, vocab int) {
	md.Set(KeyModel, string(t.Kind))
	pre := t.Pre
	if t.Kind == SentencePiece {
		pre = "default"
	}
	md.Set(keyPre, pre)
	text, types, scores := slices.Clip(t.text), make([]int32, max(vocab, len(t.text))), slices.Clip(t.scores)
	for i := range types {
		types[i] = int32(typeUnused)
		if i < len(t.types) {
			types[i] = int32(t.types[i])
		}
	}
	for i := len(t.text); i < vocab; i++ {
		text = append(text, paddingName(i))
		if scores != nil {
			scores = append(scores, -1e6)
		}
	}
	md.Set(keyTokens, text)
	md.Set(keyTypes, types)
	if scores != nil {
		md.Set(keyScores, scores)
	}
	if t.Kind == BPE {
		merges := make([]string, len(t.merges))
		for i, m := range t.merges {
			merges[i] = t.text[m[0]] + " " + t.text[m[1]]
		}
		md.Set(keyMerges, merges)
	}
	t.addSpecialToGGUF(md)
}

func (t *Tokenizer) addSpecialToGGUF(md *gguf.Metadata) {
	for _, s := range []struct {
		key string
		id  Token
	}{{keyBOS, t.BOS}, {keyEOS, t.EOS}, {keyEOT, t.turnEnd}, {keyPAD, t.PAD}, {keyUNK, t.UNK}} {
		if s.id != None {
			md.Set(s.key, uint32(s.id))
		}
	}
	md.Set(keyAddBOS, t.AddBOS)
	if t.Kind == SentencePiece {
		md.Set(keySpacePrefix, t.addSpacePrefix)
	}
}
