package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/gguf"
)

// tinyJSON is a whole tokenizer.json of a few tokens.
func tinyJSON(tb testing.TB) (file, config []byte) {
	tb.Helper()
	tok, err := Train(slices.Values([]string{"hello hello"}), TrainOptions{Size: 265})
	if err != nil {
		tb.Fatal(err)
	}
	return tok.JSON("{{ messages }}")
}

const spmJSON = `{"version":"1.0","added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":1,"content":"<s>","special":true}],
"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]},
"model":{"type":"BPE","unk_token":"<unk>","byte_fallback":true,"vocab":{"<unk>":0,"<s>":1,"<0x61>":2,"▁":3,"a":4,"b":5,"ab":6,"▁ab":7},"merges":["a b",["▁","ab"]]}}`

func TestSentencePieceJSON(t *testing.T) {
	tok, _, err := ReadJSON([]byte(spmJSON), []byte(`{"bos_token":"<s>","unk_token":{"content":"<unk>"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("ab ab<s>b", true); !slices.Equal(got, []Token{7, 7, 1, 3, 5}) || !tok.AddBOS || tok.BOS != 1 {
		t.Errorf("%v, %v", got, tok.AddBOS)
	}
	if got := tok.Decode([]Token{1, 7, 7}); got != "ab ab" {
		t.Errorf("%q", got)
	}
}

// Every refusal names the part that is not understood.
func TestJSONRefusals(t *testing.T) {
	good, config := tinyJSON(t)
	edit := func(change func(m map[string]any)) string {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		text, _ := json.Marshal(m)
		return string(text)
	}
	model := func(m map[string]any) map[string]any { return m["model"].(map[string]any) }
	for want, text := range map[string]string{
		"unexpected end":     string(good[:100]),
		`model "Unigram"`:    edit(func(m map[string]any) { model(m)["type"] = "Unigram" }),
		`model "WordPiece"`:  edit(func(m map[string]any) { model(m)["type"] = "WordPiece" }),
		"end_of_word_suffix": edit(func(m map[string]any) { model(m)["end_of_word_suffix"] = "</w>" }),
		`normalizer "Lower`:  edit(func(m map[string]any) { m["normalizer"] = map[string]any{"type": "Lowercase"} }),
		"ByteLevel":          edit(func(m map[string]any) { m["pre_tokenizer"] = nil }),
		`"BertPreTokenizer"`: edit(func(m map[string]any) { m["pre_tokenizer"] = map[string]any{"type": "BertPreTokenizer"} }),
		"is not known": edit(func(m map[string]any) {
			m["pre_tokenizer"] = map[string]any{"type": "Sequence", "pretokenizers": []any{
				map[string]any{"type": "Split", "pattern": map[string]any{"Regex": "(a+)+$"}, "behavior": "Isolated"}, map[string]any{"type": "ByteLevel", "use_regex": false}}}
		}),
		"that the vocabulary lacks": edit(func(m map[string]any) { model(m)["merges"] = []any{[]any{"h", "nonesuch"}} }),
		"gives no token":            edit(func(m map[string]any) { model(m)["merges"] = []any{[]any{"z", "z"}} }),
		"is not of two tokens":      edit(func(m map[string]any) { model(m)["merges"] = []any{[]any{"", "h"}} }), // would go round in a circle
		"a merge of 3":              edit(func(m map[string]any) { model(m)["merges"] = []any{[]any{"a", "b", "c"}} }),
		"far beyond":                edit(func(m map[string]any) { model(m)["vocab"].(map[string]any)["x1"] = 1 << 30 }),
		"has the id -1":             edit(func(m map[string]any) { model(m)["vocab"].(map[string]any)["x1"] = -1 }),
		"of two tokens":             edit(func(m map[string]any) { model(m)["vocab"].(map[string]any)["x1"] = 7 }),
	} {
		if _, _, err := ReadJSON([]byte(text), config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestGGUFRefusals(t *testing.T) {
	tok, err := Train(slices.Values([]string{"hello hello"}), TrainOptions{Size: 265})
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(md *gguf.Metadata){
		`model "bert"`:     func(md *gguf.Metadata) { md.Set(KeyModel, "bert") },
		`model "t5"`:       func(md *gguf.Metadata) { md.Set(KeyModel, "t5") },
		`"nonesuch"`:       func(md *gguf.Metadata) { md.Set(keyPre, "nonesuch") },
		keyTokens:          func(md *gguf.Metadata) { md.Delete(keyTokens) },
		keyMerges:          func(md *gguf.Metadata) { md.Delete(keyMerges) },
		keyTypes:           func(md *gguf.Metadata) { md.Set(keyTypes, []int32{1}) },
		keyScores:          func(md *gguf.Metadata) { md.Set(KeyModel, "llama") },
		"is empty":         func(md *gguf.Metadata) { md.Set(keyMerges, []string{""}) },
		"vocabulary lacks": func(md *gguf.Metadata) { md.Set(keyMerges, []string{"h nonesuch"}) },
		"scores for":       func(md *gguf.Metadata) { md.Set(KeyModel, "llama"); md.Set(keyScores, []float32{1}) },
	} {
		md := new(gguf.Metadata)
		tok.AddToGGUF(md, tok.Size())
		change(md)
		if _, err := FromGGUF(md); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// What is accepted encodes any text without a panic, and is written back as the same tokenizer.
func FuzzReadJSON(f *testing.F) {
	file, config := tinyJSON(f)
	f.Add(file, config, "hello")
	f.Add([]byte(spmJSON), []byte(`{"bos_token":"<s>"}`), "ab a")
	f.Add([]byte(`{"added_tokens":[{"id":3,"content":"<x>","special":false,"lstrip":true,"rstrip":true}],"normalizer":{"type":"NFC"},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","use_regex":true}]},
"model":{"type":"BPE","ignore_merges":true,"vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}}`), []byte(`{"chat_template":[{"name":"default","template":"t"}],"eos_token":{"content":"<x>"}}`), "ab <x> ba")
	f.Fuzz(func(t *testing.T, file, config []byte, text string) {
		tok, template, err := ReadJSON(file, config)
		if err != nil {
			return
		}
		tok.Decode(tok.Encode(text, true))
		again, _, err := ReadJSON(tok.JSON(template))
		if err != nil {
			return // such as a vocabulary with a text twice, of which JSON can hold one
		}
		if again.Size() > tok.Size() {
			t.Fatalf("%d tokens became %d", tok.Size(), again.Size())
		}
	})
}
