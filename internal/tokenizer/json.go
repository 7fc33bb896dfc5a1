package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

func compose(text string) string { return norm.NFC.String(text) }

// ReadJSON returns the tokenizer of a tokenizer.json, and the chat template of the tokenizer_config.json that goes with
// it ("" for none). config may be nil.
func ReadJSON(file, config []byte) (*Tokenizer, string, error) {
	var f jsonFile
	if err := json.Unmarshal(file, &f); err != nil {
		return nil, "", fmt.Errorf("tokenizer: tokenizer.json: %w", err)
	}
	var c jsonConfig
	if config != nil {
		if err := json.Unmarshal(config, &c); err != nil {
			return nil, "", fmt.Errorf("tokenizer: tokenizer_config.json: %w", err)
		}
	}
	t, err := f.tokenizer()
	if err != nil {
		return nil, "", err
	}
	t.applyConfig(&f, &c)
	template, err := c.template()
	if err != nil {
		return nil, "", err
	}
	return t, template, t.finish()
}

func (f *jsonFile) tokenizer() (*Tokenizer, error) {
	m := &f.Model
	switch {
	case m.Type != "BPE" && m.Type != "" || m.Vocab == nil:
		return nil, fmt.Errorf("tokenizer: tokenizer.json: model %q is not supported; BPE is", m.Type)
	case m.Prefix != nil && *m.Prefix != "" || m.Suffix != nil && *m.Suffix != "":
		return nil, fmt.Errorf("tokenizer: tokenizer.json: continuing_subword_prefix and end_of_word_suffix are not supported")
	}
	t := &Tokenizer{BOS: None, EOS: None, PAD: None, UNK: None, turnEnd: None, ignoreMerges: m.IgnoreMerges, extra: make(map[Token]matching)}
	if err := f.vocabulary(t); err != nil {
		return nil, err
	}
	if err := f.checkPostProcessor(); err != nil {
		return nil, err
	}
	if m.ByteFallback {
		t.Kind = SentencePiece
		return t, f.sentencePiece(t)
	}
	t.Kind = BPE
	return t, f.byteLevel(t)
}

// vocabulary fills in texts and types.
func (f *jsonFile) vocabulary(t *Tokenizer) error {
	top := Token(-1)
	for text, id := range f.Model.Vocab {
		if id < 0 {
			return fmt.Errorf("tokenizer: tokenizer.json: token %q has the id %d", clip(text), id)
		}
		top = max(top, id)
	}
	for _, a := range f.Added {
		if a.ID < 0 || a.Content == "" {
			return fmt.Errorf("tokenizer: tokenizer.json: added token %q has the id %d", clip(a.Content), a.ID)
		}
		top = max(top, a.ID)
	}
	if entries := len(f.Model.Vocab) + len(f.Added); int(top) >= 2*entries+1024 {
		return fmt.Errorf("tokenizer: tokenizer.json: the id %d is far beyond its %d tokens", top, entries)
	}
	t.text, t.types = make([]string, top+1), make([]tokenType, top+1)
	for text, id := range f.Model.Vocab {
		if t.types[id] != 0 {
			return fmt.Errorf("tokenizer: tokenizer.json: the id %d is of two tokens, %q and %q", id, clip(t.text[id]), clip(text))
		}
		t.text[id], t.types[id] = text, typeNormal
		if _, ok := parseByteName(text); ok && f.Model.ByteFallback {
			t.types[id] = typeByte
		}
	}
	for _, a := range f.Added {
		t.text[a.ID], t.types[a.ID] = a.Content, typeUserDefined
		if a.Special {
			t.types[a.ID] = typeControl
		}
		if f.Model.Unknown != nil && a.Content == *f.Model.Unknown && f.Model.ByteFallback {
			t.types[a.ID] = typeUnknown
		}
		if how := (matching{a.LStrip, a.RStrip, a.SingleWord}); how != (matching{}) {
			t.extra[a.ID] = how
		}
	}
	for i := range t.types {
		if t.types[i] == 0 {
			t.text[i], t.types[i] = paddingName(i), typeUnused
		}
	}
	return nil
}

func (f *jsonFile) addMerges(t *Tokenizer) error {
	t.merges = make([][2]Token, 0, len(f.Model.Merges))
	for i, m := range f.Model.Merges {
		if m[0] == "" || m[1] == "" {
			return fmt.Errorf("tokenizer: merge %d (%q %q) is not of two tokens", i, clip(m[0]), clip(m[1]))
		}
		if err := t.addMerge(f.Model.Vocab, m[0], m[1], i); err != nil {
			return err
		}
	}
	return nil
}

// checkPostProcessor refuses what puts other tokens around a text than a begin token before it and, for what is trained on
// whole documents, some after it.
func (f *jsonFile) checkPostProcessor() error {
	for _, step := range f.PostProcessor.flatten() {
		switch step.Type {
		case "ByteLevel":
		case "TemplateProcessing":
			if len(step.Single) > 1 && step.Single[0].SpecialToken != nil && step.Single[1].SpecialToken != nil {
				return fmt.Errorf("tokenizer: tokenizer.json: post_processor: two tokens before a text, %q and %q, are not supported",
					clip(step.Single[0].SpecialToken.ID), clip(step.Single[1].SpecialToken.ID))
			}
		default:
			return fmt.Errorf("tokenizer: tokenizer.json: post_processor %q is not supported; TemplateProcessing and ByteLevel are", step.Type)
		}
	}
	return nil
}

// byteLevel reads the parts of a byte-level BPE.
func (f *jsonFile) byteLevel(t *Tokenizer) error {
	var err error
	if t.composed, err = f.Normalizer.composes(); err != nil {
		return err
	}
	patterns, err := f.PreTokenizer.patterns()
	if err != nil {
		return err
	}
	pre := preTokenizerByPatterns(patterns, t.ignoreMerges)
	if pre == nil {
		return fmt.Errorf("tokenizer: tokenizer.json: the pre-tokenizer with the patterns %q is not known", patterns)
	}
	t.Pre = pre.names[0]
	return f.addMerges(t)
}

// sentencePiece reads the parts of a SentencePiece BPE. The file has ranks of merges instead of scores: a token's score is
// minus the rank of the first merge that gives it, which puts pairs in the same order.
func (f *jsonFile) sentencePiece(t *Tokenizer) error {
	if err := f.spacePrefix(t); err != nil {
		return err
	}
	if err := f.addMerges(t); err != nil {
		return err
	}
	const never = -1e6
	t.scores = slices.Repeat([]float32{never}, len(t.text))
	for rank, m := range t.merges {
		to, ok := f.Model.Vocab[t.text[m[0]]+t.text[m[1]]]
		if !ok {
			return fmt.Errorf("tokenizer: merge %d (%q %q) gives no token", rank, clip(t.text[m[0]]), clip(t.text[m[1]]))
		}
		if t.scores[to] == never {
			t.scores[to] = -float32(rank)
		}
	}
	t.merges = nil
	return nil
}

// spacePrefix finds out whether text gets a space in front, which files say in the normalizer or in the pre-tokenizer.
func (f *jsonFile) spacePrefix(t *Tokenizer) error {
	steps := f.Normalizer.flatten()
	for _, s := range steps {
		switch s.Type {
		case "Prepend":
			if t.addSpacePrefix = true; s.Prepend != spaceMark {
				return fmt.Errorf("tokenizer: tokenizer.json: a Prepend normalizer other than of %s is not supported", spaceMark)
			}
		case "Replace":
			if s.Pattern == nil || s.Pattern.String != " " || s.Content == nil || *s.Content != spaceMark {
				return fmt.Errorf("tokenizer: tokenizer.json: a Replace normalizer other than of spaces by %s is not supported", spaceMark)
			}
		case "NFC":
			t.composed = true
		default:
			return fmt.Errorf("tokenizer: tokenizer.json: normalizer %q is not supported", s.Type)
		}
	}
	for _, s := range f.PreTokenizer.flatten() {
		if s.Type != "Metaspace" || s.Split != nil && *s.Split {
			return fmt.Errorf("tokenizer: tokenizer.json: pre-tokenizer %q is not supported beside byte fallback", s.Type)
		}
		if s.Replacement != "" && s.Replacement != spaceMark {
			return fmt.Errorf("tokenizer: tokenizer.json: a Metaspace pre-tokenizer with %q for spaces is not supported; %s is", clip(s.Replacement), spaceMark)
		}
		t.addSpacePrefix = s.PrependScheme != "never" && (s.AddPrefixSpace == nil || *s.AddPrefixSpace)
		t.prefixOnce = s.PrependScheme == "first"
	}
	return nil
}

// composes reports whether the normalizer is NFC; nil is none. Others are refused.
func (s *jsonStep) composes() (bool, error) {
	found := false
	for _, step := range s.flatten() {
		if step.Type != "NFC" {
			return false, fmt.Errorf("tokenizer: tokenizer.json: normalizer %q is not supported", step.Type)
		}
		found = true
	}
	return found, nil
}

// flatten returns the steps of nested sequences, in order.
func (s *jsonStep) flatten() []jsonStep {
	if s == nil {
		return nil
	}
	if s.Type != "Sequence" {
		return []jsonStep{*s}
	}
	var all []jsonStep
	for _, list := range [][]jsonStep{s.Normalizers, s.PreTokenizers, s.Processors, s.Decoders} {
		for _, inner := range list {
			all = append(all, inner.flatten()...)
		}
	}
	return all
}

// patterns returns the regexes of a byte-level pre-tokenizer.
func (s *jsonStep) patterns() ([]string, error) {
	var all []string
	byteLevel := false
	for _, step := range s.flatten() {
		switch step.Type {
		case "Split":
			cuts := step.Behavior == "Isolated" && !orFalse(step.Invert)
			keeps := step.Behavior == "Removed" && orFalse(step.Invert) // the same where the regex matches all text
			if step.Pattern == nil || step.Pattern.Regex == "" || !cuts && !keeps {
				return nil, fmt.Errorf("tokenizer: tokenizer.json: a Split pre-tokenizer with behavior %q is not supported", step.Behavior)
			}
			all = append(all, strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(step.Pattern.Regex))
		case "Digits":
			if step.IndividualDigits {
				all = append(all, `\p{N}`)
			} else {
				all = append(all, `\p{N}+`)
			}
		case "ByteLevel":
			byteLevel = true
			if orFalse(step.AddPrefixSpace) {
				return nil, fmt.Errorf("tokenizer: tokenizer.json: ByteLevel with add_prefix_space is not supported")
			}
			if step.UseRegex == nil || *step.UseRegex {
				all = append(all, gpt2Pattern)
			}
		default:
			return nil, fmt.Errorf("tokenizer: tokenizer.json: pre-tokenizer %q is not supported", step.Type)
		}
	}
	if !byteLevel {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: a BPE without a ByteLevel pre-tokenizer is not supported")
	}
	return all, nil
}

func orFalse(b *bool) bool { return b != nil && *b }

// preTokenizerByPatterns returns the rule with these regexes, or nil; of several, the one that agrees on ignore_merges.
func preTokenizerByPatterns(patterns []string, ignoreMerges bool) *preTokenizer {
	var found *preTokenizer
	for i := range preTokenizers {
		p := &preTokenizers[i]
		if slices.Equal(p.patterns, patterns) && (found == nil || p.ignoreMerges == ignoreMerges && found.ignoreMerges != ignoreMerges) {
			found = p
		}
	}
	return found
}

// applyConfig names the special tokens and finds out whether a prompt begins with BOS.
func (t *Tokenizer) applyConfig(f *jsonFile, c *jsonConfig) {
	ids := t.byText()
	find := func(name jsonName) Token {
		if id, ok := ids[string(name)]; ok && name != "" {
			return id
		}
		return None
	}
	t.BOS, t.EOS, t.PAD, t.UNK = find(c.BOS), find(c.EOS), find(c.PAD), find(c.UNK)
	if f.Model.Unknown != nil {
		t.UNK = find(jsonName(*f.Model.Unknown))
	}
	for _, id := range []Token{t.BOS, t.EOS, t.PAD} {
		if id != None && t.types[id] != typeUnknown {
			t.types[id] = typeControl
		}
	}
	t.AddBOS = strings.HasPrefix(c.Class, "LlamaTokenizer") // its default
	for _, step := range f.PostProcessor.flatten() {
		if step.Type != "TemplateProcessing" {
			continue
		}
		t.AddBOS = false
		if len(step.Single) > 0 && step.Single[0].SpecialToken != nil {
			first := find(jsonName(step.Single[0].SpecialToken.ID))
			if t.BOS == None {
				t.BOS = first
			}
			t.AddBOS = first != None && first == t.BOS
		}
	}
	if c.AddBOS != nil {
		t.AddBOS = *c.AddBOS
	}
	t.AddBOS = t.AddBOS && t.BOS != None
}

// template returns the chat template: a text, or the one called "default" in a list of named ones.
func (c *jsonConfig) template() (string, error) {
	if len(c.Templates) == 0 || string(c.Templates) == "null" {
		return "", nil
	}
	var one string
	if err := json.Unmarshal(c.Templates, &one); err == nil {
		return one, nil
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(c.Templates, &named); err != nil {
		return "", fmt.Errorf("tokenizer: tokenizer_config.json: chat_template: %w", err)
	}
	for _, n := range named {
		if n.Name == "default" {
			return n.Template, nil
		}
	}
	return "", nil
}

// clip shortens a text from a file for an error message.
func clip(s string) string {
	return s[:min(len(s), 80)]
}
