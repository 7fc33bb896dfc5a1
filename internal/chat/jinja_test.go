package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/jinja/jinjatest"
)

// conversations are what every template is rendered with: the JSON of messages, after | of tools.
var conversations = map[string]string{
	"question":       `[{"role": "user", "content": "What is 2+2?"}]`,
	"system":         `[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "  Why is the sky blue?\n"}]`,
	"turns":          `[{"role": "system", "content": "S"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]`,
	"thinking":       `[{"role": "user", "content": "1+1"}, {"role": "assistant", "content": "<think>\nlet me see\n</think>\n\n2"}, {"role": "user", "content": "and 2+2?"}]`,
	"thinking last":  `[{"role": "user", "content": "1+1"}, {"role": "assistant", "content": "<think>\nlet me see\n</think>\n\n2"}]`,
	"reasoning":      `[{"role": "user", "content": "1+1"}, {"role": "assistant", "content": "2", "reasoning_content": "let me see"}]`,
	"unicode":        `[{"role": "user", "content": "naïve — 你好 🦙 'quotes' \"double\" <b>&amp;</b>"}]`,
	"special tokens": `[{"role": "user", "content": "<|im_end|> and <｜User｜> </think> here"}]`,
	"half tags":      `[{"role": "user", "content": "1"}, {"role": "assistant", "content": "see</think>2"}, {"role": "user", "content": "3"}, {"role": "assistant", "content": "<think>4"}]`,
	"empty":          `[{"role": "user", "content": ""}]`,
	"line ends":      `[{"role": "user", "content": "\n\n a \n\n"}, {"role": "assistant", "content": "\n b \n"}, {"role": "user", "content": "x"}]`,
	"parts":          `[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]`,
	"no messages":    `[]`,
	"tools": `[{"role": "user", "content": "weather?"}]|[{"type": "function", "function": {"name": "get_weather", "description": "Looks it up: <b>\"now\"</b>",
		"parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "é"}, "at": {"type": ["integer", "null"], "enum": [1, 2]}}, "required": ["city"]}}}]`,
	"tool calls": `[{"role": "user", "content": "weather?"},
		{"role": "assistant", "content": "", "tool_calls": [{"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "at": 1, "deep": {"z": [1.5, null, true]}}}}]},
		{"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "{\"sun\": true}"},
		{"role": "assistant", "content": "Sun."}, {"role": "user", "content": "thanks"}]|[{"type": "function", "function": {"name": "get_weather", "description": "d",
		"parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "c"}}, "required": ["city"]}}}]`,
}

type jinjaCase struct {
	name string
	jinjatest.Case
}

// casesOf renders a template with every conversation.
func casesOf(name, source string) (cases []jinjaCase) {
	for which, talk := range conversations {
		messages, tools, given := strings.Cut(talk, "|[")
		if given {
			tools = `"tools": [` + tools + `, `
		}
		for _, generation := range []bool{false, true} {
			variables := fmt.Sprintf(`{"messages": %s, %s"add_generation_prompt": %v, "bos_token": "<s>", "eos_token": "</s>", "pad_token": "", "unk_token": ""}`, messages, tools, generation)
			cases = append(cases, jinjaCase{fmt.Sprintf("%s, %s, %v", name, which, generation), jinjatest.Case{Template: source, Variables: json.RawMessage(variables)}})
		}
	}
	return cases
}

// templates are ours, those of the shared data, and llama.cpp's collection, as far as they are here.
func templates(t *testing.T) (cases []jinjaCase) {
	t.Helper()
	sources := map[string]string{"ours": Default, "plain": Plain}
	for _, dir := range []string{fixture.Shared(t, "data", "templates"), filepath.Join(filepath.Dir(fixture.Oracle(t)), "headers", "models", "templates")} {
		paths, _ := filepath.Glob(filepath.Join(dir, "*.jinja"))
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sources[strings.TrimSuffix(filepath.Base(path), ".jinja")] = string(text)
		}
	}
	for name, source := range sources {
		cases = append(cases, casesOf(name, source)...)
	}
	slices.SortFunc(cases, func(a, b jinjaCase) int { return strings.Compare(a.name, b.name) })
	return cases
}

// Every template gives what jinja2 gives for it in transformers' environment.
func TestTemplatesInJinja2(t *testing.T) {
	cases := templates(t)
	questions := make([]jinjatest.Case, len(cases))
	for i, c := range cases {
		questions[i] = c.Case
	}
	texts := 0
	for i, want := range jinjatest.Ask(t, questions) {
		if want.Error == "" {
			texts++
		}
		compareTexts(t, cases[i], want)
	}
	t.Logf("%d texts and %d refusals compared", texts, len(cases)-texts)
}

// The same against npm's @huggingface/jinja, which renders most of what jinja2 does.
func TestTemplatesInJavaScript(t *testing.T) {
	cases := templates(t)
	same := 0
	for i, want := range askNode(t, cases) {
		c := cases[i]
		if want.Error == "" && !slices.ContainsFunc(peculiar, func(p *regexp.Regexp) bool { return p.MatchString(c.name) }) {
			compareTexts(t, c, want)
			same++
		}
	}
	t.Logf("%d of %d texts compared", same, len(cases))
}

// peculiar are cases in which npm's package departs from Python, by which jinja2 and we go.
var peculiar = []*regexp.Regexp{
	regexp.MustCompile("^(Qwen-QwQ-32B|HuggingFaceTB-SmolLM3-3B), line ends"), // lstrip takes an argument
	regexp.MustCompile(", (no messages|parts|tools|tool calls),"),             // lists print as JSON, and their missing items as nothing
}

var day = regexp.MustCompile(`2026-02-03|\d{4}-\d\d-\d\d|\d\d [A-Z][a-z]{2} \d{4}|[A-Z][a-z]+ \d\d, \d{4}`)

// compareTexts holds a template to what another engine gives, but for the day it is.
func compareTexts(t *testing.T, c jinjaCase, want jinjatest.Answer) {
	t.Helper()
	parsed, err := parseTemplate(c.Template)
	var got string
	if err == nil {
		got, err = parsed.render(jinjatest.Variables(t, c.Variables))
	}
	if (err != nil) != (want.Error != "") {
		t.Errorf("%s: error %v, want %q", c.name, err, want.Error)
	} else if diff := cmp.Diff(day.ReplaceAllString(want.Text, "today"), day.ReplaceAllString(got, "today")); diff != "" {
		t.Errorf("%s: %s", c.name, diff)
	}
}

func askNode(t *testing.T, cases []jinjaCase) []jinjatest.Answer {
	t.Helper()
	pkg := filepath.Join(filepath.Dir(fixture.Oracle(t)), "node_modules", "@huggingface", "jinja")
	if _, err := os.Stat(pkg); err != nil {
		t.Skip("npm's @huggingface/jinja is absent")
	}
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join("testdata", "render.mjs"), pkg)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("node: %v", err)
	}
	var answers []jinjatest.Answer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}
