package tokenizer

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"strconv"
)

// JSON returns the tokenizer as a tokenizer.json and a tokenizer_config.json with the given chat template ("" for none),
// which transformers, tokenizers and llama.cpp's converter read.
func (t *Tokenizer) JSON(template string) (file, config []byte) {
	f := jsonFile{Version: "1.0", Model: jsonModel{Type: "BPE", IgnoreMerges: t.ignoreMerges, Vocab: make(map[string]Token, len(t.text))}}
	added := make([]jsonAdded, 0, 8)
	for i, text := range t.text {
		switch t.types[i] {
		case typeControl, typeUserDefined, typeUnknown:
			how := t.extra[Token(i)]
			added = append(added, jsonAdded{ID: Token(i), Content: text, SingleWord: how.word, LStrip: how.left, RStrip: how.right, Special: t.types[i] != typeUserDefined})
			if t.Kind == SentencePiece { // there they are part of the vocabulary
				f.Model.Vocab[text] = Token(i)
			}
		case typeUnused: // a gap, found again when the file is read
		default:
			f.Model.Vocab[text] = Token(i)
		}
	}
	f.Added = added
	if t.UNK != None {
		f.Model.Unknown = &t.text[t.UNK]
	}
	if t.Kind == BPE {
		t.byteLevelJSON(&f)
	} else {
		t.sentencePieceJSON(&f)
	}
	if t.AddBOS {
		f.PostProcessor = t.beginJSON()
	}
	return marshal(f), t.configJSON(template)
}

func (t *Tokenizer) byteLevelJSON(f *jsonFile) {
	yes, no := true, false
	byteLevel := func(regex bool) jsonStep {
		return jsonStep{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &no, UseRegex: &regex}
	}
	if t.composed {
		f.Normalizer = &jsonStep{Type: "NFC"}
	}
	pre, _ := preTokenizerByName(t.Pre) // checked when the tokenizer was made
	if slices.Equal(pre.patterns, []string{gpt2Pattern}) {
		step := byteLevel(yes)
		f.PreTokenizer = &step
	} else {
		var steps []jsonStep
		for _, p := range pre.patterns {
			steps = append(steps, jsonStep{Type: "Split", Pattern: &jsonPattern{Regex: p}, Behavior: "Isolated", Invert: &no})
		}
		f.PreTokenizer = &jsonStep{Type: "Sequence", PreTokenizers: append(steps, byteLevel(no))}
	}
	post, decode := byteLevel(no), byteLevel(no)
	f.PostProcessor, f.Decoder = &post, &decode
	for _, m := range t.merges {
		f.Model.Merges = append(f.Model.Merges, jsonMerge{t.text[m[0]], t.text[m[1]]})
	}
}

func (t *Tokenizer) sentencePieceJSON(f *jsonFile) {
	mark, blank, one, zero := spaceMark, " ", 1, 0
	f.Model.ByteFallback, f.Model.FuseUnknown = true, true
	replace := jsonStep{Type: "Replace", Pattern: &jsonPattern{String: blank}, Content: &mark}
	back := []jsonStep{{Type: "Replace", Pattern: &jsonPattern{String: mark}, Content: &blank}, {Type: "ByteFallback"}, {Type: "Fuse"}}
	f.Normalizer = &replace
	if t.addSpacePrefix {
		f.Normalizer = &jsonStep{Type: "Sequence", Normalizers: []jsonStep{{Type: "Prepend", Prepend: mark}, replace}}
		back = append(back, jsonStep{Type: "Strip", Content: &blank, Start: &one, Stop: &zero})
	}
	f.Decoder = &jsonStep{Type: "Sequence", Decoders: back}
	f.Model.Merges = t.mergesFromScores()
}

// mergesFromScores lists, for each token from the highest score down, every way to make it of two others.
func (t *Tokenizer) mergesFromScores() []jsonMerge {
	ids := t.byText()
	order := make([]Token, 0, len(t.text))
	for i := range t.text {
		if t.types[i] == typeNormal {
			order = append(order, Token(i))
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return t.scores[order[a]] > t.scores[order[b]] })
	var merges []jsonMerge
	for _, id := range order {
		text := t.text[id]
		for cut := range text {
			left, right := text[:cut], text[cut:]
			if _, ok := ids[left]; !ok || left == "" {
				continue
			}
			if _, ok := ids[right]; ok {
				merges = append(merges, jsonMerge{left, right})
			}
		}
	}
	return merges
}

// beginJSON is the post-processor that puts BOS in front.
func (t *Tokenizer) beginJSON() *jsonStep {
	name := t.text[t.BOS]
	begin := func(kind int) jsonPart { return jsonPart{SpecialToken: &jsonRef{ID: name, Type: kind}} }
	text := func(id string, kind int) jsonPart { return jsonPart{Sequence: &jsonRef{ID: id, Type: kind}} }
	return &jsonStep{
		Type: "TemplateProcessing", Single: []jsonPart{begin(0), text("A", 0)},
		Pair:          []jsonPart{begin(0), text("A", 0), begin(1), text("B", 1)},
		SpecialTokens: map[string]jsonNamed{name: {ID: name, IDs: []Token{t.BOS}, Tokens: []string{name}}},
	}
}

func (t *Tokenizer) configJSON(template string) []byte {
	name := func(id Token) *string {
		if id == None {
			return nil
		}
		return &t.text[id]
	}
	added := make(map[string]any)
	for i, text := range t.text {
		switch t.types[i] {
		case typeControl, typeUserDefined, typeUnknown:
			added[strconv.Itoa(i)] = map[string]any{"content": text, "lstrip": false, "normalized": false, "rstrip": false, "single_word": false, "special": t.types[i] != typeUserDefined}
		}
	}
	c := map[string]any{
		"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": added, "clean_up_tokenization_spaces": false,
		"bos_token": name(t.BOS), "eos_token": name(t.EOS), "pad_token": name(t.PAD), "unk_token": name(t.UNK), "add_bos_token": t.AddBOS,
	}
	if template != "" {
		c["chat_template"] = template
	}
	return marshal(c)
}

// marshal writes JSON with two spaces of indent and without escapes for HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // plain structs, maps and texts cannot fail
	return b.Bytes()
}
