package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
)

// jsonFile is tokenizer.json, as far as it is understood. Raw parts are written by this package's own types.
type jsonFile struct {
	Version       string      `json:"version"`
	Truncation    *struct{}   `json:"truncation"`
	Padding       *struct{}   `json:"padding"`
	Added         []jsonAdded `json:"added_tokens"`
	Normalizer    *jsonStep   `json:"normalizer"`
	PreTokenizer  *jsonStep   `json:"pre_tokenizer"`
	PostProcessor *jsonStep   `json:"post_processor"`
	Decoder       *jsonStep   `json:"decoder"`
	Model         jsonModel   `json:"model"`
}

type jsonAdded struct {
	ID         Token  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type jsonModel struct {
	Type         string           `json:"type"`
	Dropout      *float64         `json:"dropout"`
	Unknown      *string          `json:"unk_token"`
	Prefix       *string          `json:"continuing_subword_prefix"`
	Suffix       *string          `json:"end_of_word_suffix"`
	FuseUnknown  bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
	Vocab        map[string]Token `json:"vocab"`
	Merges       []jsonMerge      `json:"merges"`
}

// jsonMerge is a pair of tokens, written as a list of two or, in older files, as one text with a space between.
type jsonMerge [2]string

func (m *jsonMerge) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		var list []string
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		if len(list) != 2 {
			return fmt.Errorf("a merge of %d tokens", len(list))
		}
		*m = jsonMerge(list)
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	left, right, _ := strings.Cut(s, " ")
	*m = jsonMerge{left, right}
	return nil
}

// jsonStep is a normalizer, pre-tokenizer, post-processor or decoder: all are a type with some of these fields.
type jsonStep struct {
	Type             string               `json:"type"`
	Normalizers      []jsonStep           `json:"normalizers,omitempty"`
	PreTokenizers    []jsonStep           `json:"pretokenizers,omitempty"`
	Processors       []jsonStep           `json:"processors,omitempty"`
	Decoders         []jsonStep           `json:"decoders,omitempty"`
	Pattern          *jsonPattern         `json:"pattern,omitempty"`
	Behavior         string               `json:"behavior,omitempty"`
	Invert           *bool                `json:"invert,omitempty"`
	AddPrefixSpace   *bool                `json:"add_prefix_space,omitempty"`
	TrimOffsets      *bool                `json:"trim_offsets,omitempty"`
	UseRegex         *bool                `json:"use_regex,omitempty"`
	IndividualDigits bool                 `json:"individual_digits,omitempty"`
	Prepend          string               `json:"prepend,omitempty"`
	Replacement      string               `json:"replacement,omitempty"`
	PrependScheme    string               `json:"prepend_scheme,omitempty"`
	Split            *bool                `json:"split,omitempty"`
	Content          *string              `json:"content,omitempty"`
	Start            *int                 `json:"start,omitempty"`
	Stop             *int                 `json:"stop,omitempty"`
	Single           []jsonPart           `json:"single,omitempty"`
	Pair             []jsonPart           `json:"pair,omitempty"`
	SpecialTokens    map[string]jsonNamed `json:"special_tokens,omitempty"`
}

type jsonPattern struct {
	Regex  string `json:"Regex,omitempty"`
	String string `json:"String,omitempty"`
}

type jsonPart struct {
	SpecialToken *jsonRef `json:"SpecialToken,omitempty"`
	Sequence     *jsonRef `json:"Sequence,omitempty"`
}

type jsonRef struct {
	ID   string `json:"id"`
	Type int    `json:"type_id"`
}

type jsonNamed struct {
	ID     string   `json:"id"`
	IDs    []Token  `json:"ids"`
	Tokens []string `json:"tokens"`
}

// jsonConfig is tokenizer_config.json, and special_tokens_map.json, which has some of the same fields.
type jsonConfig struct {
	Class     string          `json:"tokenizer_class"`
	BOS       jsonName        `json:"bos_token"`
	EOS       jsonName        `json:"eos_token"`
	PAD       jsonName        `json:"pad_token"`
	UNK       jsonName        `json:"unk_token"`
	AddBOS    *bool           `json:"add_bos_token"`
	Templates json.RawMessage `json:"chat_template"`
}

// jsonName is a token's text, given as such or inside an object.
type jsonName string

func (n *jsonName) UnmarshalJSON(text []byte) error {
	var s *string
	if err := json.Unmarshal(text, &s); err == nil {
		if s != nil {
			*n = jsonName(*s)
		}
		return nil
	}
	var object struct {
		Content string `json:"content"`
	}
	err := json.Unmarshal(text, &object)
	*n = jsonName(object.Content)
	return err
}
