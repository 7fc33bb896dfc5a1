package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestContent(t *testing.T) {
	for in, want := range map[string]Content{
		`"a"`:  {Text: "a"},
		`null`: {},
		`[]`:   {},
		`[{"type":"text","text":"a"},{"type":"text","text":"b"}]`:                                          {Text: "ab"},
		`[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"a"}]`:         {Text: "a", Thinking: "t"},
		`[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}},{"type":"input_audio"}]`: {Text: "a", Other: "image_url"},
		` [ {"type":"output_text","text":"a"} ] `:                                                          {Text: "a"},
		`[{"type":"thinking","thinking":"t"}]`:                                                             {Thinking: "t"},
	} {
		var got Content
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{`5`, `{}`, `[5]`, `[{"type":"thinking","thinking":5}]`} {
		if err := json.Unmarshal([]byte(in), new(Content)); err == nil {
			t.Errorf("%s: no error", in)
		}
	}
	if out, _ := json.Marshal(Text("a\"<b>")); string(out) != `"a\"\u003cb\u003e"` {
		t.Errorf("written as %s", out)
	}
}

func TestPromptAndTexts(t *testing.T) {
	for in, want := range map[string]Prompt{
		`"a"`: {Text: "a"}, `[1,2]`: {Tokens: []int32{1, 2}}, `["a"]`: {Text: "a"}, `[[1,2]]`: {Tokens: []int32{1, 2}}, `[]`: {Tokens: []int32{}},
	} {
		var got Prompt
		if err := json.Unmarshal([]byte(in), &got); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %+v, %v", in, got, err)
			continue
		}
		again, _ := json.Marshal(got)
		var back Prompt
		if err := json.Unmarshal(again, &back); err != nil || !cmp.Equal(back, want) {
			t.Errorf("%s: written as %s and read as %+v, %v", in, again, back, err)
		}
	}
	for _, in := range []string{`["a","b"]`, `[[1],[2]]`, `[[[1]]]`, `{}`, `5`, `[1.5]`, `[99999999999]`} {
		if err := json.Unmarshal([]byte(in), new(Prompt)); err == nil {
			t.Errorf("prompt %s: no error", in)
		}
	}
	var stops Texts
	if json.Unmarshal([]byte(`"a"`), &stops) != nil || len(stops) != 1 || json.Unmarshal([]byte(`["a","b"]`), &stops) != nil || len(stops) != 2 {
		t.Errorf("stops %v", stops)
	}
}

func TestNumbersOfTokens(t *testing.T) {
	out, _ := json.Marshal(TokenLogprob{Token: "é", Logprob: Logprob(math.Inf(-1)), Bytes: Bytes("é")})
	if string(out) != `{"token":"é","logprob":-9999,"bytes":[195,169]}` {
		t.Errorf("written as %s", out)
	}
	var in TokenLogprob
	if err := json.Unmarshal([]byte(`{"token":"é","logprob":null,"bytes":[195,169]}`), &in); err != nil || !math.IsInf(float64(in.Logprob), -1) || string(in.Bytes) != "é" {
		t.Errorf("read as %+v, %v", in, err)
	}
	if err := json.Unmarshal([]byte(`{"bytes":[256]}`), &in); err == nil {
		t.Error("byte 256 accepted")
	}
}

func TestParseError(t *testing.T) {
	for body, want := range map[string]struct {
		message, code string
		status        int
	}{
		`{"error":{"message":"m","type":"t","param":null,"code":"c"}}`:                     {"m", "c", 0},
		`{"error":{"message":"m","code":429}}`:                                             {"m", "429", 429},
		`{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}`: {"API key not valid", "400", 400},
		`[{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]`:                    {"m", "503", 503},
		`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`:      {"Overloaded", "", 529},
		`{"error":{"message":"m","type":"server_error","code":null}}`:                      {"m", "", 500},
		`{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}`:           {"m", "rate_limit_exceeded", 429},
		`{"error":"model 'x' not found"}`:                                                  {"model 'x' not found", "", 0},
		`{"object":"error","message":"m","type":"BadRequestError","code":400}`:             {"m", "400", 400},
		`{"detail":"Not Found"}`:                                                           {"Not Found", "", 0},
		`{"detail":[{"loc":["body"],"msg":"x"}]}`:                                          {`[{"loc":["body"],"msg":"x"}]`, "", 0},
	} {
		e := ParseError([]byte(body))
		if e == nil || e.Message != want.message || e.CodeText() != want.code || e.CodeStatus() != want.status {
			t.Errorf("%s: %+v", body, e)
		}
	}
	for _, body := range []string{``, `x`, `{}`, `[]`, `{"error":null}`, `{"message":{"role":"assistant","content":"x"},"done":true}`, `<html>`, `{"choices":[]}`} {
		if e := ParseError([]byte(body)); e != nil {
			t.Errorf("%s: %+v", body, e)
		}
	}
}

// events reads all events there are.
func events(r io.Reader) (data []string, err error) {
	e := NewEventReader(r, 1<<16)
	for {
		ev, err := e.Next()
		if err != nil {
			return data, err
		}
		data = append(data, string(ev.Data))
	}
}

func TestEventReader(t *testing.T) {
	for in, want := range map[string][]string{
		"data: a\n\ndata: b\n\n": {"a", "b"},
		"data:a\n\n":             {"a"},
		"data:  a\n\n":           {" a"},
		"data: a\ndata: b\n\n":   {"a\nb"},
		"data\n\n":               {""},
		": comment\n\n\n\nevent: x\nid: 1\ndata: a\n\n": {"a"},
		"event: nothing\n\ndata: a\n\n":                 {"a"},
		"retry: 5\nunknown: x\ndata: a\n\n":             {"a"},
		"data: a\r\n\r\ndata: b\r\n\r\n":                {"a", "b"},
		"data: a\r\rdata: b\r\r":                        {"a", "b"},
		"data: a\n\ndata: [DONE]":                       {"a", "[DONE]"},
		"data: a\n\ndata: {\"x\":1}\n":                  {"a", "{\"x\":1}"},
		"data: a\n\ndata: {\"x\":":                      {"a"},
		"":                                              nil,
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "bytes": iotest.OneByteReader(strings.NewReader(in)), "halves": iotest.HalfReader(strings.NewReader(in))} {
			got, err := events(r)
			if !errors.Is(err, io.EOF) || !cmp.Equal(got, want) {
				t.Errorf("%q by %s: %q, %v", in, name, got, err)
			}
		}
	}
	ev, err := NewEventReader(strings.NewReader("event: x\nid: 7\ndata: a\n\n"), 100).Next()
	if err != nil || ev.Name != "x" || ev.ID != "7" {
		t.Errorf("%+v, %v", ev, err)
	}
}

// An endless line or event must not fill the memory.
func TestEventReaderIsBounded(t *testing.T) {
	for _, in := range []io.Reader{
		io.MultiReader(strings.NewReader("data: "), endless("x")),
		endless("data: xxxxxxxx\n"),
		endless("x"),
	} {
		if _, err := events(in); !errors.Is(err, ErrEventTooLong) {
			t.Errorf("error %v", err)
		}
	}
}

type endless string

func (e endless) Read(p []byte) (int, error) { return copy(p, e), nil }

// A live stream's event must come out when its blank line is there, without waiting for what follows.
func TestEventReaderDoesNotWait(t *testing.T) {
	for _, text := range []string{"data: a\n\n", "data: a\r\n\r", "data: a\r\r"} {
		r, w := io.Pipe()
		go io.WriteString(w, text)
		ev, err := NewEventReader(r, 100).Next()
		if err != nil || string(ev.Data) != "a" {
			t.Errorf("%q: %q, %v", text, ev.Data, err)
		}
		w.Close()
	}
}

// FuzzEventReader: what is read does not depend on how it arrives, and what was written comes back.
func FuzzEventReader(f *testing.F) {
	f.Add([]byte("data: a\r\n\r\n: c\ndata: b\n\n"))
	f.Add([]byte("id: 1\nevent: e\ndata: a\ndata\n\ndata: [DONE]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err1 := events(bytes.NewReader(in))
		bits, err2 := events(iotest.OneByteReader(bytes.NewReader(in)))
		if !errors.Is(err1, err2) || !cmp.Equal(whole, bits) {
			t.Fatalf("whole %q, %v; byte by byte %q, %v", whole, err1, bits, err2)
		}
		var again bytes.Buffer
		for _, data := range whole {
			WriteEvent(&again, data)
		}
		back, _ := events(&again)
		for i, text := range back {
			var data string
			if json.Unmarshal([]byte(text), &data) != nil || data != strings.ToValidUTF8(whole[i], "\uFFFD") && data != whole[i] && !bytes.ContainsRune([]byte(data), '\uFFFD') {
				t.Fatalf("event %d: wrote %q, read %q", i, whole[i], text)
			}
		}
	})
}

// FuzzJSON: no body makes the readers panic, and what they accept they write in a form they read the same.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"stop":"x","seed":1}`))
	f.Add([]byte(`{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"id":1,"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[]}]},"finish_reason":null}]}`))
	f.Add([]byte(`{"prompt":[1,2],"logprobs":3}`))
	f.Add([]byte(`{"error":{"message":"m","code":429}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		ParseError(in)
		for _, v := range []any{new(ChatRequest), new(ChatResponse), new(CompletionRequest), new(CompletionResponse)} {
			if json.Unmarshal(in, v) != nil {
				continue
			}
			first, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("%T cannot be written: %v", v, err)
			}
			if err := json.Unmarshal(first, v); err != nil {
				t.Fatalf("%T wrote %s and cannot read it: %v", v, first, err)
			}
			second, _ := json.Marshal(v)
			if !bytes.Equal(first, second) {
				t.Fatalf("%T wrote %s, then %s", v, first, second)
			}
		}
	})
}
