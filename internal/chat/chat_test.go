package chat

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	distill "github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

var qwenOnce sync.Once
var qwenTokenizer *tokenizer.Tokenizer

func qwen(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	dir := fixture.Shared(t, "data", "tokenizers", "qwen2-hf")
	qwenOnce.Do(func() { qwenTokenizer, _, _ = tokenizer.ReadDir(dir) })
	if qwenTokenizer == nil {
		t.Fatal("the Qwen2 tokenizer cannot be read")
	}
	return qwenTokenizer
}

func llama(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	f, err := gguf.Open(fixture.Shared(t, "data", "tokenizers", "ggml-vocab-llama-spm.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func mustNew(t testing.TB, tok *tokenizer.Tokenizer, source string) *Format {
	t.Helper()
	f, err := New(tok, source)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var question = []distill.Message{{Role: distill.RoleSystem, Content: "Be brief."}, {Role: distill.RoleUser, Content: "What is 2+2?"}}

// The contract: an example is exactly the prompt, then the answer, then the end token.
func TestExampleContinuesThePrompt(t *testing.T) {
	tok := qwen(t)
	for _, source := range []string{"", Default, template1(t, "Qwen-Qwen3-0.6B"), template1(t, "Qwen-Qwen2.5-7B-Instruct")} {
		f := mustNew(t, tok, source)
		prompt, err := f.Prompt(question, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, reasoning := range []string{"", "two and two"} {
			ids, from, err := f.Example(question, reasoning, "It is 4.")
			if err != nil {
				t.Fatal(err)
			}
			if from != len(prompt) || !slices.Equal(ids[:from], prompt) {
				t.Error("an example does not begin with its prompt")
			}
			if ids[len(ids)-1] != f.End || tok.Text(f.End) != "<|im_end|>" || f.Stops()[0] != f.End {
				t.Errorf("the end token is %q", tok.Text(f.End))
			}
			gotReasoning, gotResponse := Split(tok.Decode(ids[from:]))
			if gotReasoning != reasoning || gotResponse != "It is 4." {
				t.Errorf("read back %q, %q", gotReasoning, gotResponse)
			}
		}
	}
}

func template1(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(fixture.Shared(t, "data", "templates", name+".jinja"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDefaultIsChatML(t *testing.T) {
	f := mustNew(t, qwen(t), "")
	text, err := f.Render(question, true)
	want := "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n"
	if err != nil || text != want {
		t.Errorf("%q, %v", text, err)
	}
}

// A generation prompt that opens the thinking itself is mended: the tag is not learnt twice.
func TestPrefilledThinking(t *testing.T) {
	source := strings.Replace(Default, `assistant\n`, `assistant\n<think>\n`, 1)
	f := mustNew(t, qwen(t), source)
	if !f.OpensThinking() || len(f.Notes) == 0 || !strings.Contains(f.Notes[0], ThinkOpen) {
		t.Errorf("notes: %q", f.Notes)
	}
	if text := f.AnswerText("why", "4"); text != "why\n</think>\n\n4" {
		t.Errorf("%q", text)
	}
	if text := f.AnswerText("", "4"); text != "</think>\n\n4" {
		t.Errorf("%q", text)
	}
}

func TestMissingEnd(t *testing.T) {
	source := "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
	f := mustNew(t, llama(t), source)
	if f.End != f.Tok.EOS || !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, "does not end") }) {
		t.Errorf("end %d, notes %q", f.End, f.Notes)
	}
	tok := *qwen(t)
	tok.EOS = tokenizer.None
	if _, err := New(&tok, source); err == nil || !strings.Contains(err.Error(), "end token") {
		t.Errorf("a template and a tokenizer without an end: %v", err)
	}
}

func TestPaddingThatIsTheEnd(t *testing.T) {
	tok := *qwen(t)
	tok.PAD, _ = tok.ID(TurnEnd)
	if f := mustNew(t, &tok, Default); !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, "padding token") }) {
		t.Errorf("notes: %q", f.Notes)
	}
}

func TestBrokenTemplates(t *testing.T) {
	tok := qwen(t)
	for name, source := range map[string]string{
		"syntax":          "{% for m in messages %}{{ m.content }",
		"drops user":      "hello",
		"drops assistant": "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
		"raises":          "{{ raise_exception('never') }}",
		"endless":         "{% for i in range(1000000000) %}x{% endfor %}",
		"includes":        "{% include '/etc/passwd' %}",
	} {
		if _, err := New(tok, source); err == nil || !strings.HasPrefix(err.Error(), "chat: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without a template a model is a continuer of text, begun by BOS.
func TestPlain(t *testing.T) {
	f := mustNew(t, llama(t), "")
	ids, err := f.Prompt([]distill.Message{{Role: distill.RoleUser, Content: "Once upon a time"}}, true)
	if err != nil || ids[0] != 1 || f.Tok.Decode(ids) != "Once upon a time" {
		t.Errorf("%v, %v", ids, err)
	}
}

// A template that writes BOS itself does not get a second one.
func TestOneBOS(t *testing.T) {
	f := mustNew(t, llama(t), "{{ bos_token }}{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}")
	ids, err := f.Prompt([]distill.Message{{Role: distill.RoleUser, Content: "hi"}}, true)
	if err != nil || ids[0] != 1 || ids[1] == 1 {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ text, reasoning, response string }{
		{"<think>\na\n</think>\n\nb", "a", "b"},
		{"a\n</think>\n\nb", "a", "b"},
		{"<think>a", "a", ""},
		{"b", "", "b"},
		{"", "", ""},
		{"<think></think>b", "", "b"},
		{"say <think> aloud", "", "say <think> aloud"},
		{"<think>a</think>b</think>c", "a", "b</think>c"},
	} {
		if r, s := Split(c.text); r != c.reasoning || s != c.response {
			t.Errorf("%q: %q, %q", c.text, r, s)
		}
	}
}
