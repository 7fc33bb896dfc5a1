package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Pre-tokenizers, normalizers and post-processors as published tokenizer.json files have them: the rule each is, or what
// the refusal names.
func TestPartsInTheWild(t *testing.T) {
	const byteLevel, ownRegex = `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}`, `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`
	split := func(regex, behavior string, invert bool) string {
		text, _ := json.Marshal(map[string]any{"type": "Split", "pattern": map[string]string{"Regex": regex}, "behavior": behavior, "invert": invert})
		return string(text)
	}
	sequence := func(steps ...string) string {
		return `{"type":"Sequence","pretokenizers":[` + strings.Join(steps, ",") + `]}`
	}
	const qwen = anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` + modernRest
	const llama3 = anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` + modernRest
	good, config := tinyJSON(t)
	for _, c := range []struct{ part, text, want string }{
		{"pre_tokenizer", `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}`, "gpt-2"},         // GPT-2
		{"pre_tokenizer", sequence(split(qwen, "Isolated", false), byteLevel), "qwen2"},                         // Qwen2.5, Qwen3
		{"pre_tokenizer", sequence(split(qwen, "Removed", true), byteLevel), "qwen2"},                           // StableLM 2
		{"pre_tokenizer", sequence(split(llama3, "Isolated", false), byteLevel), "dbrx"},                        // Llama 3, but for its ignore_merges
		{"pre_tokenizer", sequence(`{"type":"Digits","individual_digits":true}`, ownRegex), "smollm"},           // SmolLM2
		{"pre_tokenizer", sequence(sequence(`{"type":"Digits","individual_digits":true}`), ownRegex), "smollm"}, // nested
		{"pre_tokenizer", sequence(split(`\p{N}{1,3}`, "Isolated", false), split(cjk, "Isolated", false), split(deepseekWords, "Isolated", false), byteLevel), "deepseek-v3"},
		{"pre_tokenizer", sequence(split(qwen, "MergedWithNext", false), byteLevel), `a Split pre-tokenizer with behavior "MergedWithNext"`},
		{"pre_tokenizer", sequence(split(qwen, "Isolated", true), byteLevel), `a Split pre-tokenizer with behavior "Isolated"`},
		{"pre_tokenizer", sequence(split(qwen, "Isolated", false), ownRegex), "is not known"},
		{"pre_tokenizer", sequence(`{"type":"Punctuation","behavior":"Contiguous"}`, ownRegex), `pre-tokenizer "Punctuation"`},                 // Falcon
		{"pre_tokenizer", `{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}`, "a Split pre-tokenizer"}, // Gemma 3
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}`, `pre-tokenizer "Metaspace"`},
		{"pre_tokenizer", `{"type":"Whitespace"}`, `pre-tokenizer "Whitespace"`},
		{"pre_tokenizer", `{"type":"UnicodeScripts"}`, `pre-tokenizer "UnicodeScripts"`},
		{"pre_tokenizer", `{"type":"ByteLevel","add_prefix_space":true}`, "add_prefix_space"},
		{"normalizer", `{"type":"NFC"}`, "qwen2"},
		{"normalizer", `{"type":"NFKC"}`, `normalizer "NFKC"`},
		{"normalizer", `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Strip"}]}`, `normalizer "Strip"`},
		{"post_processor", byteLevel, "qwen2"},
		{"post_processor", `{"type":"Sequence","processors":[` + byteLevel + `,{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|bos|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]}]}`, "qwen2"},
		{"post_processor", `{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0]}`, `post_processor "RobertaProcessing"`},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[gMASK]","type_id":0}},{"SpecialToken":{"id":"<sop>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]}`, `"[gMASK]" and "<sop>"`}, // GLM-4
	} {
		var file map[string]json.RawMessage
		if err := json.Unmarshal(good, &file); err != nil {
			t.Fatal(err)
		}
		file[c.part] = json.RawMessage(c.text)
		text, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		tok, _, err := ReadJSON(text, config)
		if err == nil && tok.Pre == c.want || err != nil && strings.Contains(err.Error(), c.want) {
			continue
		}
		t.Errorf("%s: %v, want %q", c.text, err, c.want)
	}
}

// SentencePiece's parts.
func TestSentencePiecePartsInTheWild(t *testing.T) {
	normalizer := `{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}`
	for _, c := range []struct{ normalizer, pre, want string }{
		{normalizer, `null`, "ab ab -> 7 7"}, // Llama 2, TinyLlama
		{`null`, `{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}`, "ab ab -> 7 7"}, // Mistral 0.3
		{`null`, `{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}`, "ab ab -> 6 7"},
		{`null`, `{"type":"Metaspace","replacement":"_","prepend_scheme":"first","split":false}`, `Metaspace pre-tokenizer with "_"`},
		{`null`, `{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}`, `"Metaspace" is not supported beside byte fallback`},
		{`{"type":"Prepend","prepend":"x"}`, `null`, "Prepend normalizer other than"},
		{`{"type":"Replace","pattern":{"String":" "},"content":"_"}`, `null`, "a Replace normalizer other than"},
		{`{"type":"Precompiled","precompiled_charsmap":""}`, `null`, `normalizer "Precompiled"`},
		{normalizer, `{"type":"Digits","individual_digits":true}`, `pre-tokenizer "Digits"`},
	} {
		text := strings.Replace(spmJSON, normalizerOf(t), c.normalizer, 1)
		text = strings.Replace(text, `"post_processor"`, `"pre_tokenizer":`+c.pre+`,"post_processor"`, 1)
		tok, _, err := ReadJSON([]byte(text), nil)
		got := ""
		if err == nil {
			got = "ab ab -> " + strings.Trim(strings.Join(strings.Fields(jsonOf(t, tok.Encode("ab ab", false))), " "), "[]")
			got = strings.ReplaceAll(got, ",", " ")
		} else {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %s, want %q", c.normalizer, c.pre, got, c.want)
		}
	}
}

func normalizerOf(t *testing.T) string {
	t.Helper()
	var file struct{ Normalizer json.RawMessage }
	if err := json.Unmarshal([]byte(spmJSON), &file); err != nil {
		t.Fatal(err)
	}
	return string(file.Normalizer)
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whether a prompt begins with the begin token is said in three places, of which tokenizer_config.json's field is the last
// word; the classes of Llama's tokenizer add it where nothing is said.
func TestBeginTokens(t *testing.T) {
	bare := strings.Replace(spmJSON, `"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]},`, "", 1)
	for _, c := range []struct {
		file, config string
		want         bool
	}{
		{spmJSON, `{"bos_token":"<s>"}`, true},
		{spmJSON, `{"bos_token":"<s>","add_bos_token":false}`, false},
		{bare, `{"bos_token":"<s>"}`, false},
		{bare, `{"bos_token":"<s>","add_bos_token":true}`, true},
		{bare, `{"bos_token":{"__type":"AddedToken","content":"<s>","lstrip":false},"add_bos_token":true,"tokenizer_class":"LlamaTokenizerFast"}`, true}, // DeepSeek R1's distillations
		{bare, `{"bos_token":"<s>","tokenizer_class":"LlamaTokenizerFast"}`, true},
		{bare, `{"bos_token":"<s>","tokenizer_class":"PreTrainedTokenizerFast"}`, false},
		{bare, `{"add_bos_token":true}`, false}, // none is named
	} {
		tok, _, err := ReadJSON([]byte(c.file), []byte(c.config))
		if err != nil {
			t.Fatal(err)
		}
		if tok.AddBOS != c.want {
			t.Errorf("%s: %v", c.config, tok.AddBOS)
		}
	}
}

// The chat template is a field, a list of named ones, or a file of its own, which wins; others beside it are for tools and
// the like.
func TestTemplatesOfFolders(t *testing.T) {
	file, _ := tinyJSON(t)
	for _, c := range []struct {
		config, jinja string
		want          string
	}{
		{`{"chat_template":"one"}`, "", "one"},
		{`{"chat_template":[{"name":"tool_use","template":"two"},{"name":"default","template":"one"}]}`, "", "one"},
		{`{"chat_template":[{"name":"tool_use","template":"two"}]}`, "", ""},
		{`{"chat_template":null}`, "", ""},
		{`{"chat_template":"one"}`, "file", "file"},
		{`{}`, "file", "file"},
	} {
		dir := t.TempDir()
		write := func(name, text string) {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(fileName, string(file))
		write(configName, c.config)
		write("additional_chat_templates/tool_use.jinja", "tools")
		if c.jinja != "" {
			write(templateName, c.jinja)
		}
		_, template, err := ReadDir(dir)
		if err != nil || template != c.want {
			t.Errorf("%s %s: %q, %v", c.config, c.jinja, template, err)
		}
	}
}
