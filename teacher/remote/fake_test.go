package remote

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
)

func TestMain(m *testing.M) {
	// toxiproxy leaves goroutines of its own behind when a connection dies under a toxic.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
}

// testKey is looked for in everything that a test can see.
const testKey = "sk-secret-0123456789abcdef"

// script is a server that treats each request by the next of its steps, and by the last one from then on.
type script struct {
	*httptest.Server
	steps []http.HandlerFunc

	mu       sync.Mutex
	requests []openai.ChatRequest
	times    []time.Time
	keys     []string
}

func serve(t testing.TB, steps ...http.HandlerFunc) *script {
	s := &script{steps: steps}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var req openai.ChatRequest
	json.Unmarshal(body, &req)
	s.mu.Lock()
	step := s.steps[min(len(s.requests), len(s.steps)-1)]
	s.requests = append(s.requests, req)
	s.times = append(s.times, time.Now())
	s.keys = append(s.keys, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	s.mu.Unlock()
	step(w, r)
}

// count returns how many requests came.
func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// open makes a teacher that asks s, impatient enough for tests.
func open(t testing.TB, s *script, change ...func(*Options)) *Teacher {
	o := Options{
		BaseURL: s.URL + "/v1", Model: "fake", KeyEnv: []string{"TEST_KEY"},
		Getenv:     func(string) string { return testKey },
		RetryDelay: 5 * time.Millisecond,
	}
	for _, c := range change {
		c(&o)
	}
	known, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { known.Close() })
	return known
}

func ask(t testing.TB, known *Teacher) (*distill.Completion, error) {
	return known.Complete(t.Context(), plain)
}

var plain = teacher.Request{
	Messages: []distill.Message{{Role: distill.RoleUser, Content: "How much is two and two?"}},
	Sampling: distill.Sampling{MaxTokens: 16},
}

// answerText is what the good answers below say.
const answerText = "Two and two is four."

// streamed answers as a stream, word by word.
func streamed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i, word := range strings.SplitAfter(answerText, " ") {
		text := openai.Text(word)
		openai.WriteEvent(w, openai.ChatResponse{ID: "1", Model: "fake-1", Choices: []openai.ChatChoice{{Delta: &openai.Delta{Content: &text}}}})
		if i == 1 {
			w.(http.Flusher).Flush()
		}
	}
	finish(w)
}

// finish writes the end of a stream.
func finish(w io.Writer) {
	stop := "stop"
	openai.WriteEvent(w, openai.ChatResponse{Choices: []openai.ChatChoice{{Delta: &openai.Delta{}, FinishReason: &stop}}})
	openai.WriteEvent(w, openai.ChatResponse{Choices: []openai.ChatChoice{}, Usage: &openai.Usage{PromptTokens: 7, CompletionTokens: 6}})
	io.WriteString(w, "data: [DONE]\n\n")
}

// whole answers in one piece.
func whole(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, wholeBody(answerText))
}

func wholeBody(text string) string {
	return fmt.Sprintf(`{"id":"1","object":"chat.completion","model":"fake-1","choices":[{"index":0,"message":{"role":"assistant","content":%q},
		"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":6,"total_tokens":13}}`, text)
}

// status answers with an error in OpenAI's shape.
func status(code int, message string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(openai.ErrorBody{Error: openai.Error{Message: message, Type: "test"}})
	}
}

// text answers 200 with a body of a content type.
func text(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
	}
}

// logTo returns a logger that keeps everything, and what it kept.
func logTo() (*slog.Logger, *lockedBuffer) {
	b := new(lockedBuffer)
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
