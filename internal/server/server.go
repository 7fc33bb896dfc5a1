// Package server answers the OpenAI HTTP API with models that run in this process: chat completions, text completions
// and the model list, streamed or whole, with log-probabilities that carry token ids. Requests that come at the same
// time run in one batch. What it serves can be the teacher of the next run.
//
//	s, err := server.New(server.Options{Models: []server.Model{{Name: "student", Engine: engine, Tokenizer: tok, Prompt: format.Prompt}}})
//	err = s.Serve(ctx, listener)                      // until ctx ends, then finishes what is under way
//
// The wire is that of internal/openai. What the models cannot do is refused in words, never ignored: images, tools,
// embeddings, penalties by presence and frequency. JSON mode is kept token by token (internal/grammar): an answer that
// ended by itself is valid, one cut at its limit says so. Beyond OpenAI's fields it takes top_k, min_p and
// repetition_penalty, and answers with token ids in log-probabilities, as llama.cpp's server does. Thinking between
// <think> tags goes into reasoning_content.
//
// Paths: /v1/chat/completions, /v1/completions, /v1/models, /health, /metrics (Prometheus text), and / with a small chat
// page. A server binds to what it is told; the command's default is the loopback interface.
package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/grammar"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// Engine runs one model and batches concurrent calls; [infer.Engine] is one.
type Engine interface {
	Generate(ctx context.Context, r infer.Request) (infer.Result, error)
	Score(ctx context.Context, tokens []distill.Token, from int, spec distill.SignalSpec) ([]float32, *distill.Signal, error)
}

// Model is a model to serve.
type Model struct {
	Name      string
	Engine    Engine
	Tokenizer *tokenizer.Tokenizer
	// Prompt renders a conversation, ready for the assistant's turn when addGeneration is true. Without it chat is
	// refused and text completions are not.
	Prompt     func(messages []distill.Message, addGeneration bool) ([]distill.Token, error)
	EndTokens  []distill.Token // that end a turn besides the tokenizer's own
	Context    int             // longest sequence, in tokens
	Parameters int64           // for the model list; 0 is unknown
	Bytes      int64           // likewise

	vocabulary func() *grammar.Vocabulary // made when first needed
}

// Options describe a server. Zero values mean the defaults named.
type Options struct {
	Models      []Model       // at least one; the first answers for requests that name none
	Token       string        // bearer token that requests must carry; "" asks for none
	MaxBody     int64         // bytes of a request's body; default 8 MiB
	MaxTokens   int           // of one completion; default and most: the context's rest
	MaxInFlight int           // requests under way and waiting; more are answered 429; default 256
	MaxTime     time.Duration // of one request; default 10 minutes
	Drain       time.Duration // how long a stop waits for requests under way; default 30 seconds
	Logger      *slog.Logger  // default: discard
}

// Server answers requests. Its Handler may be mounted anywhere; Serve runs it on its own.
type Server struct {
	opts     Options
	models   map[string]*Model
	token    [sha256.Size]byte
	mux      *http.ServeMux
	log      *slog.Logger
	started  time.Time
	requests atomic.Int64 // under way
	stopping atomic.Bool
	metrics  metrics
}

// New checks the options.
func New(opts Options) (*Server, error) {
	if len(opts.Models) == 0 {
		return nil, errors.New("server: no model to serve")
	}
	opts.MaxBody = orDefault(opts.MaxBody, 8<<20)
	opts.MaxInFlight = orDefault(opts.MaxInFlight, 256)
	opts.MaxTime = orDefault(opts.MaxTime, 10*time.Minute)
	opts.Drain = orDefault(opts.Drain, 30*time.Second)
	s := &Server{opts: opts, models: map[string]*Model{}, token: sha256.Sum256([]byte(opts.Token)), log: opts.Logger, started: time.Now()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for i := range opts.Models {
		m := &opts.Models[i]
		if m.Name == "" || m.Engine == nil || m.Tokenizer == nil || m.Context < 2 {
			return nil, fmt.Errorf("server: model %d (%q) needs a name, an engine, a tokenizer and a context", i, m.Name)
		}
		if s.models[m.Name] != nil {
			return nil, fmt.Errorf("server: two models named %q", m.Name)
		}
		m.vocabulary = sync.OnceValue(m.makeVocabulary)
		s.models[m.Name] = m
	}
	s.route()
	return s, nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

func (s *Server) route() {
	s.mux = http.NewServeMux()
	for _, prefix := range []string{"/v1", ""} { // some clients are given the bare address
		s.mux.HandleFunc("POST "+prefix+"/chat/completions", s.limited("chat", s.chat))
		s.mux.HandleFunc("POST "+prefix+"/completions", s.limited("completions", s.complete))
		s.mux.HandleFunc("GET "+prefix+"/models", s.authorized(s.listModels))
		s.mux.HandleFunc("GET "+prefix+"/models/{name...}", s.authorized(s.showModel))
		s.mux.HandleFunc(prefix+"/embeddings", s.authorized(refuse("embeddings", "this server's models write text; they give no embeddings")))
		s.mux.HandleFunc(prefix+"/responses", s.authorized(refuse("responses", "use /v1/chat/completions: the Responses API is not served")))
	}
	s.mux.HandleFunc("GET /health", s.health)
	s.mux.HandleFunc("GET /metrics", s.authorized(s.serveMetrics))
	s.mux.HandleFunc("GET /{$}", s.page)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "invalid_request_error", "not_found", fmt.Sprintf("no such path: %s %s", r.Method, r.URL.Path))
	})
}

// Handler returns the server as a handler.
func (s *Server) Handler() http.Handler { return s.mux }

// Serve answers on l until ctx ends. Then new requests are refused, those under way have the drain time to finish, and
// nil is returned; or an error when some had to be cut off.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	requests, cut := context.WithCancel(context.Background())
	defer cut()
	h := &http.Server{
		Handler:           s.mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	drain, cancel := context.WithTimeout(context.Background(), s.opts.Drain)
	defer cancel()
	err := h.Shutdown(drain)
	if err != nil {
		cut()
		h.Close()
		err = fmt.Errorf("server: requests still under way after %v were cut off", s.opts.Drain)
	}
	<-failed
	return err
}

// authorized lets requests with the right token through.
func (s *Server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.opts.Token != "" {
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			// Hashes have one length, so the comparison's time tells nothing about the token.
			sum := sha256.Sum256([]byte(token))
			if subtle.ConstantTimeCompare(sum[:], s.token[:]) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				fail(w, http.StatusUnauthorized, "authentication_error", "invalid_api_key", "this server wants a bearer token, and yours is missing or wrong")
				return
			}
		}
		next(w, r)
	}
}

// limited adds the limits on body, queue and time, and counts.
func (s *Server) limited(name string, next http.HandlerFunc) http.HandlerFunc {
	return s.authorized(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" && !sameOrigin(origin, r.Host) {
			// Else any page that a browser on this machine opens could use the models.
			fail(w, http.StatusForbidden, "invalid_request_error", "foreign_origin", "requests from other web pages are refused")
			return
		}
		began := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() { s.metrics.request(name, recorder.status, time.Since(began)) }()
		if s.stopping.Load() {
			w.Header().Set("Retry-After", "5")
			fail(recorder, http.StatusServiceUnavailable, "server_error", "stopping", "the server is stopping")
			return
		}
		if s.requests.Add(1) > int64(s.opts.MaxInFlight) {
			s.requests.Add(-1)
			w.Header().Set("Retry-After", "1")
			fail(recorder, http.StatusTooManyRequests, "rate_limit_error", "queue_full", fmt.Sprintf("%d requests are under way or waiting, which is the limit", s.opts.MaxInFlight))
			return
		}
		defer s.requests.Add(-1)
		ctx, cancel := context.WithTimeoutCause(r.Context(), s.opts.MaxTime, errTooLong)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, s.opts.MaxBody)
		next(recorder, r.WithContext(ctx))
	})
}

// sameOrigin reports whether a page of the origin came from host.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host == host
}

var errTooLong = errors.New("the request took longer than the server allows")

// model returns the model a request names; the first one for none.
func (s *Server) model(name string) (*Model, *openai.Error) {
	if name == "" {
		return &s.opts.Models[0], nil
	}
	if m := s.models[name]; m != nil {
		return m, nil
	}
	return nil, &openai.Error{Type: "invalid_request_error", Code: "model_not_found", Param: "model",
		Message: fmt.Sprintf("the model %q does not exist here: GET /v1/models lists what does", name)}
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	list := openai.ModelList{Object: "list", Data: []openai.Model{}}
	for i := range s.opts.Models {
		list.Data = append(list.Data, s.describe(&s.opts.Models[i]))
	}
	writeJSON(w, http.StatusOK, list)
}

func (s *Server) showModel(w http.ResponseWriter, r *http.Request) {
	m, e := s.model(r.PathValue("name"))
	if e != nil {
		writeJSON(w, http.StatusNotFound, openai.ErrorBody{Error: *e})
		return
	}
	writeJSON(w, http.StatusOK, s.describe(m))
}

func (s *Server) describe(m *Model) openai.Model {
	return openai.Model{ID: m.Name, Object: "model", Created: s.started.Unix(), OwnedBy: "distill", Meta: &openai.ModelMeta{
		TokenizerHash: m.Tokenizer.Hash(), Vocabulary: m.Tokenizer.Size(), Context: m.Context, Parameters: m.Parameters, Bytes: m.Bytes}}
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Load() {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}
