package remote

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
)

// A server that fails once in any way that passes must cost one more request and nothing else.
func TestFaultsThatPass(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"429 with Retry-After":    status(429, "slow down", "Retry-After", "0.05"),
		"429 with Retry-After-Ms": status(429, "slow down", "Retry-After-Ms", "20"),
		"429":                     status(429, "slow down"),
		"500":                     status(500, "oops"),
		"502 from a proxy": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>bad gateway", http.StatusBadGateway)
		},
		"503":                 status(503, "overloaded"),
		"529":                 status(529, "overloaded_error"),
		"408":                 status(408, "timeout"),
		"reset":               reset(""),
		"reset midway":        reset("data: {\"choices\":[{\"delta\":{\"content\":\"Two\"}}]}\n\n"),
		"half a whole answer": reset(wholeBody(answerText)[:90]),
		"half a stream": text("text/event-stream",
			"data: {\"choices\":[{\"delta\":{\"content\":\"Two and\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"con"),
		"stream without an end": text("text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"Two and\"}}]}\n\n"),
		"malformed JSON":        text("application/json", `{"choices":[{"message":{"content":"Two`),
		"malformed event":       text("text/event-stream", "data: {\"choices\":[{]\n\n"),
		"wrong content type":    text("text/html", "<html><body>Please log in</body></html>"),
		"empty":                 text("application/json", ""),
		"only keep-alives":      text("application/json", "\n\n\n\n"),
		"no choices":            text("application/json", `{"id":"1","choices":[]}`),
		"200 with an error":     text("application/json", `{"error":{"message":"provider failed","code":502}}`),
		"200 with a text error": text("application/json", `{"error":"provider failed"}`),
		"error in the stream":   text("text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"Two\"}}]}\n\ndata: {\"error\":{\"message\":\"gone\",\"code\":503}}\n\n"),
		"want of resources":     text("application/json", strings.Replace(wholeBody("Two"), `"stop"`, `"insufficient_system_resource"`, 1)),
		"impossible count":      text("application/json", strings.Replace(wholeBody("Two"), `"completion_tokens":6`, `"completion_tokens":-6`, 1)),
		"negative with a gzip lie": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "not gzip")
		},
	} {
		for _, noSSE := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/noSSE=%v", name, noSSE), func(t *testing.T) {
				t.Parallel()
				good := streamed
				if noSSE {
					good = whole
				}
				s := serve(t, fault, good)
				c, err := ask(t, open(t, s, func(o *Options) { o.NoSSE = noSSE }))
				if err != nil {
					t.Fatal(err)
				}
				if c.Response != answerText || c.FinishReason != distill.FinishStop || c.CompletionTokens != 6 {
					t.Errorf("got %+v", c)
				}
				if s.count() != 2 {
					t.Errorf("%d requests, want 2", s.count())
				}
			})
		}
	}
}

// reset sends what is given and then resets the connection.
func reset(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		if body != "" {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%s", len(body)+100, body)
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// What is odd but right must be read as it is.
func TestOddButRight(t *testing.T) {
	word := func(s string) string {
		return fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", s)
	}
	var end strings.Builder
	finish(&end)
	for name, answer := range map[string]http.HandlerFunc{
		"stream":                    streamed,
		"whole":                     whole,
		"blank keep-alives":         text("application/json", strings.Repeat("\n", 5000)+wholeBody(answerText)),
		"comments":                  text("text/event-stream", ": keep-alive\n\n: OPENROUTER PROCESSING\n\n"+word("Two and two ")+": keep-alive\n\n\n\n"+word("is four.")+end.String()),
		"CRLF":                      text("text/event-stream", strings.ReplaceAll(word("Two and two ")+word("is four.")+end.String(), "\n", "\r\n")),
		"CR":                        text("text/event-stream", strings.ReplaceAll(word("Two and two ")+word("is four.")+end.String(), "\n", "\r")),
		"stream without its label":  text("text/plain", word(answerText)+end.String()),
		"no DONE":                   text("text/event-stream", word(answerText)+strings.TrimSuffix(end.String(), "data: [DONE]\n\n")),
		"no last blank line":        text("text/event-stream", word(answerText)+strings.TrimSuffix(end.String(), "\n\n")),
		"event sent twice":          text("text/event-stream", "id: 1\n"+word("Two and two ")+"id: 1\n"+word("Two and two ")+"id: 2\n"+word("is four.")+end.String()),
		"end sent twice":            text("text/event-stream", word(answerText)+strings.TrimSuffix(end.String(), "data: [DONE]\n\n")+end.String()),
		"null delta":                text("text/event-stream", "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n"+word(answerText)+end.String()),
		"another choice in between": text("text/event-stream", word(answerText)+"data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"}}]}\n\n"+end.String()),
		"content in parts":          text("application/json", strings.Replace(wholeBody(""), `"content":""`, `"content":[{"type":"text","text":"Two and two "},{"type":"text","text":"is four."}]`, 1)),
		"gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, wholeBody(answerText))
			z.Close()
		},
		"byte by byte": func(w http.ResponseWriter, _ *http.Request) {
			for _, b := range []byte(word(answerText) + end.String()) {
				w.Write([]byte{b})
				w.(http.Flusher).Flush()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, answer)
			c, err := ask(t, open(t, s))
			if err != nil {
				t.Fatal(err)
			}
			if c.Response != answerText || c.FinishReason != distill.FinishStop || c.PromptTokens != 7 || c.CompletionTokens != 6 {
				t.Errorf("got %+v", c)
			}
			if s.count() != 1 {
				t.Errorf("%d requests, want 1", s.count())
			}
		})
	}
}

// What waiting cannot mend must cost one request, and say what can.
func TestFaultsThatStay(t *testing.T) {
	for _, test := range []struct {
		name string
		step http.HandlerFunc
		kind teacher.Kind
		hint string
	}{
		{"400", status(400, "temperature out of range"), teacher.Permanent, "sampling settings"},
		{"400 unknown model", status(400, "Model Not Exist"), teacher.Fatal, "does not know model"},
		{"401", status(401, "no"), teacher.Fatal, "API key"},
		{"402", status(402, "Insufficient Balance"), teacher.Fatal, "credit"},
		{"403", status(403, "forbidden"), teacher.Fatal, "may not use"},
		{"404 unknown model", status(404, "The model `fake` does not exist"), teacher.Fatal, "does not know model"},
		{"404", status(404, "404 page not found"), teacher.Fatal, "base URL"},
		{"413", status(413, "too long"), teacher.Permanent, "too long"},
		{"422", status(422, "extra inputs are not permitted"), teacher.Permanent, "refuses this request"},
		{"429 without credit", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(429)
			io.WriteString(w, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}`)
		}, teacher.Fatal, "credit"},
		{"200 with 401 inside", text("application/json", `{"error":{"message":"no auth","code":401}}`), teacher.Fatal, "API key"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, teacher.Fatal, "redirects"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, test.step)
			_, err := ask(t, open(t, s))
			if teacher.KindOf(err) != test.kind {
				t.Errorf("kind %v, want %v: %v", teacher.KindOf(err), test.kind, err)
			}
			var e *teacher.Error
			if !errors.As(err, &e) || !strings.Contains(e.Hint, test.hint) {
				t.Errorf("error %v with hint %q, want one about %q", err, e.Hint, test.hint)
			}
			if s.count() != 1 {
				t.Errorf("%d requests, want 1", s.count())
			}
		})
	}
}

// When every request is refused, the settings are wrong, and asking ten thousand times more will not help.
func TestAllRefused(t *testing.T) {
	s := serve(t, status(400, "temperature must be 1"))
	known := open(t, s)
	var err error
	for range refusalsToGiveUp {
		if teacher.KindOf(err) == teacher.Fatal {
			t.Fatal("given up too early")
		}
		_, err = ask(t, known)
	}
	if teacher.KindOf(err) != teacher.Fatal || !strings.Contains(err.Error(), "every request so far") {
		t.Errorf("error %v", err)
	}
	// With answers in between, it is the prompts.
	s = serve(t, streamed, status(400, "bad prompt"))
	known = open(t, s)
	for i := range 2 * refusalsToGiveUp {
		if _, err := ask(t, known); i > 0 && teacher.KindOf(err) != teacher.Permanent {
			t.Errorf("error %v", err)
		}
	}
}

func TestRetriesEnd(t *testing.T) {
	s := serve(t, status(500, "oops"))
	_, err := ask(t, open(t, s, func(o *Options) { o.Retries = 3 }))
	if teacher.KindOf(err) != teacher.Transient || !strings.Contains(fmt.Sprint(err), "4 attempts failed") {
		t.Errorf("error %v", err)
	}
	if s.count() != 4 {
		t.Errorf("%d requests, want 4", s.count())
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	const wait = 300 * time.Millisecond
	s := serve(t, status(429, "slow down", "Retry-After", "0.3"), streamed)
	known := open(t, s)
	if _, err := ask(t, known); err != nil {
		t.Fatal(err)
	}
	if gap := s.times[1].Sub(s.times[0]); gap < wait {
		t.Errorf("asked again after %v of %v", gap, wait)
	}
	if got := known.Stats().Failures["429"]; got != 1 {
		t.Errorf("%d failures by 429 counted", got)
	}
}

func TestPatienceWithLimitsEnds(t *testing.T) {
	s := serve(t, status(429, "daily limit", "Retry-After", "7200"))
	_, err := ask(t, open(t, s))
	if err == nil || !strings.Contains(err.Error(), "outlasted") {
		t.Errorf("error %v", err)
	}
	if s.count() != 1 {
		t.Errorf("%d requests, want 1", s.count())
	}
}

func TestNobodyListens(t *testing.T) {
	known := open(t, serve(t, streamed), func(o *Options) { o.BaseURL, o.Retries = "http://127.0.0.1:1/v1", 1 })
	_, err := ask(t, known)
	var e *teacher.Error
	if !errors.As(err, &e) || e.Kind != teacher.Transient || !strings.Contains(e.Hint, "is the server running") {
		t.Errorf("error %v", err)
	}
}

func TestThinkingApart(t *testing.T) {
	for name, test := range map[string]struct {
		message   openai.Message
		prefilled bool
		reasoning string
		response  string
	}{
		"reasoning_content": {message: openai.Message{Content: openai.Text("four"), ReasoningContent: "2+2"}, reasoning: "2+2", response: "four"},
		"reasoning":         {message: openai.Message{Content: openai.Text("four"), Reasoning: "2+2"}, reasoning: "2+2", response: "four"},
		"thinking":          {message: openai.Message{Content: openai.Text("four"), Thinking: "2+2"}, reasoning: "2+2", response: "four"},
		"tags":              {message: openai.Message{Content: openai.Text("<think>\n2+2\n</think>\n\nfour")}, reasoning: "2+2", response: "four"},
		"closing tag alone": {message: openai.Message{Content: openai.Text("2+2\n</think>\n\nfour")}, reasoning: "2+2", response: "four"},
		"never closed":      {message: openai.Message{Content: openai.Text("<think>2+2 is")}, reasoning: "2+2 is"},
		"prefilled, cut":    {message: openai.Message{Content: openai.Text("2+2 is")}, prefilled: true, reasoning: "2+2 is"},
		"none":              {message: openai.Message{Content: openai.Text(" four\n")}, response: " four\n"},
	} {
		t.Run(name, func(t *testing.T) {
			stop := "stop"
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Write(encode(t, openai.ChatResponse{Choices: []openai.ChatChoice{{Message: &test.message, FinishReason: &stop}}}))
			})
			c, err := ask(t, open(t, s, func(o *Options) { o.PrefilledThinking = test.prefilled }))
			if err != nil {
				t.Fatal(err)
			}
			if c.Reasoning != test.reasoning || c.Response != test.response {
				t.Errorf("reasoning %q, response %q", c.Reasoning, c.Response)
			}
		})
	}
}
