package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// scriptedServer serves an engine that says what it is told to.
func scriptedServer(t testing.TB, e *scripted, change ...func(*Options)) (*Server, string) {
	m := openStories(t)
	e.Engine = m.Engine
	m.Engine = e
	o := Options{Models: []Model{m}}
	for _, c := range change {
		c(&o)
	}
	return start(t, o)
}

// post asks and returns the status and the body.
func post(t testing.TB, url, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

const (
	hello       = `{"messages":[{"role":"user","content":"hello"}]}`
	helloStream = `{"messages":[{"role":"user","content":"hello"}],"stream":true,"stream_options":{"include_usage":true}}`
)

// Thinking goes into its own field, streamed or whole, wherever the text is cut.
func TestThinkingApart(t *testing.T) {
	for _, text := range []string{"<think>\n2+2\n</think>\n\nfour", "four", "<think>2+2 is", "<thin air>", " <think></think>4", ""} {
		for cut := 1; cut <= 5; cut++ {
			var say []string
			for rest := text; rest != ""; {
				n := min(cut, len(rest))
				say, rest = append(say, rest[:n]), rest[n:]
			}
			want := newThinking(false)
			thought, answer := want.push(text)
			moreThought, moreAnswer := want.flush()
			thought, answer = thought+moreThought, answer+moreAnswer

			_, url := scriptedServer(t, &scripted{say: say})
			status, body := post(t, url+"/v1/chat/completions", helloStream)
			var got openai.Message
			events := openai.NewEventReader(strings.NewReader(body), 1<<20)
			for {
				ev, err := events.Next()
				if err != nil {
					t.Fatalf("stream ended early: %v in %s", err, body)
				}
				if string(ev.Data) == openai.Done {
					break
				}
				var chunk openai.ChatResponse
				if err := json.Unmarshal(ev.Data, &chunk); err != nil {
					t.Fatal(err)
				}
				for _, c := range chunk.Choices {
					got.ReasoningContent += c.Delta.ReasoningContent
					if c.Delta.Content != nil {
						got.Content.Text += c.Delta.Content.Text
					}
				}
			}
			if status != 200 || got.ReasoningContent != thought || got.Content.Text != answer {
				t.Errorf("%q in pieces of %d: thought %q, answer %q, want %q and %q", text, cut, got.ReasoningContent, got.Content.Text, thought, answer)
			}
		}
	}
	for text, want := range map[string][2]string{
		"<think>\n2+2\n</think>\n\nfour": {"2+2", "four"}, "four": {"", "four"}, "<think>2+2 is": {"2+2 is", ""}, "<thin air>": {"", "<thin air>"},
	} {
		split := newThinking(false)
		thought, answer := split.push(text)
		moreThought, moreAnswer := split.flush()
		if thought+moreThought != want[0] || answer+moreAnswer != want[1] {
			t.Errorf("%q: thought %q, answer %q", text, thought+moreThought, answer+moreAnswer)
		}
	}
	split := newThinking(true) // the prompt opened it
	if thought, answer := split.push("2+2\n</think>\n\nfour"); thought != "2+2" || answer != "four" {
		t.Errorf("opened by the prompt: thought %q, answer %q", thought, answer)
	}
}

func TestQueueIsBounded(t *testing.T) {
	s, url := scriptedServer(t, &scripted{say: []string{"x"}, delay: 300 * time.Millisecond}, func(o *Options) { o.MaxInFlight = 2 })
	statuses := make(chan int)
	for range 5 {
		go func() { status, _ := post(t, url+"/v1/chat/completions", hello); statuses <- status }()
	}
	count := map[int]int{}
	for range 5 {
		count[<-statuses]++
	}
	if count[200] < 2 || count[429] == 0 || count[200]+count[429] != 5 {
		t.Errorf("statuses %v", count)
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("%d requests counted as under way", n)
	}
}

func TestTimeIsBounded(t *testing.T) {
	_, url := scriptedServer(t, &scripted{say: []string{"x", "y"}, delay: time.Minute}, func(o *Options) { o.MaxTime = 50 * time.Millisecond })
	if status, body := post(t, url+"/v1/chat/completions", hello); status != http.StatusGatewayTimeout || !strings.Contains(body, "longer than the server allows") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := post(t, url+"/v1/chat/completions", helloStream); status != 200 || !strings.Contains(body, `"error"`) || strings.Contains(body, openai.Done) {
		t.Errorf("%d %s", status, body)
	}
}

// A client that goes away frees its place.
func TestClientGoesAway(t *testing.T) {
	s, url := scriptedServer(t, &scripted{say: []string{"x", "y"}, delay: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "POST", url+"/v1/chat/completions", strings.NewReader(helloStream))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	response.Body.Close()
	for deadline := time.Now().Add(time.Minute); s.requests.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the request is still under way")
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestEngineFails(t *testing.T) {
	for _, err := range []error{infer.ErrClosed, fmt.Errorf("out of luck")} {
		_, url := scriptedServer(t, &scripted{say: []string{"x"}, err: err})
		if status, body := post(t, url+"/v1/chat/completions", hello); status < 500 || !strings.Contains(body, `"server_error"`) {
			t.Errorf("%d %s", status, body)
		}
		if _, body := post(t, url+"/v1/completions", `{"prompt":"x","stream":true}`); !strings.Contains(body, `"server_error"`) {
			t.Errorf("%s", body)
		}
	}
}

// A stop lets what is under way finish, and takes nothing new.
func TestGracefulStop(t *testing.T) {
	m := openStories(t)
	m.Engine = &scripted{Engine: m.Engine, say: []string{"one ", "two ", "three"}, delay: 100 * time.Millisecond}
	s, err := New(Options{Models: []Model{m}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	watched := &watchedListener{Listener: l}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, watched) }()
	url := "http://" + l.Addr().String()
	answered := make(chan string, 1)
	go func() {
		_, body := post(t, url+"/v1/chat/completions", hello)
		answered <- body
	}()
	for s.requests.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	if body := <-answered; !strings.Contains(body, "one two three") {
		t.Errorf("answer during the stop: %s", body)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if !watched.closed.Load() { // another program may listen at its port by now
		t.Error("still listening")
	}
}

// watchedListener remembers whether it was closed.
type watchedListener struct {
	net.Listener
	closed atomic.Bool
}

func (l *watchedListener) Close() error {
	l.closed.Store(true)
	return l.Listener.Close()
}

// A stop cuts off what does not finish in time.
func TestStopDoesNotWaitForEver(t *testing.T) {
	m := openStories(t)
	m.Engine = &scripted{Engine: m.Engine, say: []string{"x"}, delay: time.Hour}
	s, _ := New(Options{Models: []Model{m}, Drain: 50 * time.Millisecond})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	go func() {
		response, err := http.Post("http://"+l.Addr().String()+"/v1/chat/completions", "application/json", strings.NewReader(hello))
		if err == nil {
			response.Body.Close()
		}
	}()
	for s.requests.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Serve does not return")
	}
	for s.requests.Load() != 0 {
		time.Sleep(time.Millisecond)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestHealthMetricsAndPage(t *testing.T) {
	_, url := scriptedServer(t, &scripted{say: []string{"x", "y"}}, func(o *Options) { o.Token = "secret" })
	post(t, url+"/v1/chat/completions", hello, "Authorization", "Bearer secret")
	get := func(path, token string) (int, string, http.Header) {
		r, _ := http.NewRequest("GET", url+path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body), response.Header
	}
	if status, body, _ := get("/health", ""); status != 200 || body != `{"status":"ok"}` {
		t.Errorf("health: %d %s", status, body)
	}
	if status, _, _ := get("/metrics", ""); status != 401 {
		t.Errorf("metrics without a token: %d", status)
	}
	_, body, _ := get("/metrics", "secret")
	for _, line := range []string{
		`distill_requests_total{endpoint="chat",status="200"} 1`, `distill_completion_tokens_total{model="stories"} 2`,
		"distill_requests_in_flight 0", `distill_request_seconds_bucket{le="+Inf"} 1`, "distill_first_token_seconds_count 1",
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("metrics lack %s in\n%s", line, body)
		}
	}
	status, page, header := get("/", "")
	if status != 200 || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Errorf("page: %d, policy %q; it must not name other hosts", status, header.Get("Content-Security-Policy"))
	}
	if status, body, _ := get("/nothing", ""); status != 404 || !strings.Contains(body, `"error"`) {
		t.Errorf("unknown path: %d %s", status, body)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestBodiesThatAreNoRequests(t *testing.T) {
	_, url := scriptedServer(t, &scripted{})
	for _, path := range []string{"/v1/chat/completions", "/v1/completions"} {
		for _, body := range []string{"", "{", "[]", `{"messages":5}`, `{"prompt":{}}`, `{"messages":[{"role":"robot","content":"x"}]}`, `{"prompt":[[[1]]]}`,
			`{"prompt":[99999]}`, `{"prompt":[]}`, `{"prompt":"x","max_tokens":0}`, `{"prompt":"x","logprobs":-1}`, `{"prompt":"x","best_of":3}`, `{"prompt":"x","suffix":"y"}`,
			`{"prompt":"x","n":99,"messages":[{"role":"user","content":"x"}]}`} {
			if status, answer := post(t, url+path, body); status != 400 || !strings.Contains(answer, `"error"`) {
				t.Errorf("%s %s: %d %s", path, body, status, answer)
			}
		}
	}
	if status, _ := post(t, url+"/v1/models", ""); status != http.StatusMethodNotAllowed && status != http.StatusNotFound {
		t.Errorf("POST /v1/models: %d", status)
	}
}

func TestForeignPages(t *testing.T) {
	_, url := scriptedServer(t, &scripted{say: []string{"x"}})
	if status, _ := post(t, url+"/v1/chat/completions", hello, "Origin", "https://example.org"); status != http.StatusForbidden {
		t.Errorf("a foreign page got %d", status)
	}
	if status, _ := post(t, url+"/v1/chat/completions", hello, "Origin", url); status != http.StatusOK {
		t.Errorf("our own page got %d", status)
	}
}

func TestNewRefuses(t *testing.T) {
	good := openStories(t)
	for name, models := range map[string][]Model{
		"none": nil, "no name": {{Engine: good.Engine, Tokenizer: good.Tokenizer, Context: 9}}, "no engine": {{Name: "x", Tokenizer: good.Tokenizer, Context: 9}}, "twice": {good, good},
	} {
		if _, err := New(Options{Models: models}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzThinking: however a text is cut, the pieces add up to the same thinking and answer.
func FuzzThinking(f *testing.F) {
	f.Add("<think>\n2+2\n</think>\n\nfour", uint8(3), false)
	f.Add("</think>", uint8(1), true)
	f.Add(" \n<think></thin</think> ", uint8(2), false)
	f.Fuzz(func(t *testing.T, text string, cut uint8, opened bool) {
		run := func(size int) (thought, answer string) {
			split := newThinking(opened)
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				a, b := split.push(rest[:n])
				thought, answer, rest = thought+a, answer+b, rest[n:]
			}
			a, b := split.flush()
			return thought + a, answer + b
		}
		wantThought, wantAnswer := run(len(text) + 1)
		thought, answer := run(int(cut) + 1)
		if thought != wantThought || answer != wantAnswer {
			t.Errorf("%q in pieces of %d: %q %q, whole: %q %q", text, cut, thought, answer, wantThought, wantAnswer)
		}
	})
}
