// Package local teaches with weights on disk: a model of the Llama family that runs in this process.
//
//	t, err := local.Open("Qwen2.5-1.5B-Instruct-Q8_0.gguf", local.Options{})
//	c, err := t.Complete(ctx, teacher.Request{Messages: messages, Signal: distill.SignalSpec{Kind: distill.TopK, K: 20}})
//
// Concurrent calls run in one batch, so throughput comes from asking from many goroutines, up to Info's concurrency. The
// whole distribution is there: top-k and sampled signals come with every token, and [Teacher.Score] judges text that
// somebody else wrote. The same request with the same seed gets the same answer, whatever else is in the batch.
package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
	"github.com/seed-d24fde5f/distill/teacher"
)

// Options say how the model runs. Zero values mean the defaults named.
type Options struct {
	Name    string // as rows will carry it; default: the file's base name
	Threads int    // default: one per available processor
	Slots   int    // completions in one batch; default 32
	Context int    // longest sequence, in tokens; default: the model's own, at most 8192
	// Template is the chat template: Jinja text, or [Raw]; "" for the model's own, or what [chat.New] takes without one
	Template string
}

// Raw names the template of base models: the messages' contents as they are, one after another, after the
// beginning-of-sequence token where the model wants one ([chat.Plain]).
const Raw = "raw"

const (
	defaultSlots   = 32
	defaultContext = 8192 // a KV cache for the 128k of some configurations would not fit beside the weights
)

// Teacher runs one model. It is safe for concurrent use.
type Teacher struct {
	name   string
	ready  *infer.Model
	engine *infer.Engine
	tok    *tokenizer.Tokenizer
	format *chat.Format

	closing context.Context
	close   context.CancelCauseFunc
	calls   sync.RWMutex // held for reading by every call, so that Close can wait for them
}

var errClosed = errors.New("local: teacher closed")

// Open opens a GGUF file or a folder in Hugging Face layout. Errors are of kind [teacher.Fatal].
func Open(path string, o Options) (*Teacher, error) {
	m, err := model.Open(path)
	if err != nil {
		return nil, teacher.Errorf(teacher.Fatal, "a model is a GGUF file, or a folder with config.json, *.safetensors and tokenizer.json", "local: %w", err)
	}
	defer m.Close() // infer packs the weights and needs the file no more
	if o.Name == "" {
		o.Name = strings.TrimSuffix(filepath.Base(path), ".gguf")
	}
	return New(m, o)
}

// New makes a teacher of an open model, which is not needed afterwards.
func New(m *model.Model, o Options) (*Teacher, error) {
	if m.Tokenizer == nil {
		return nil, teacher.Errorf(teacher.Fatal, "put its tokenizer.json beside the weights", "local: model %q has no tokenizer", m.Name)
	}
	if o.Name == "" {
		o.Name = m.Name
	}
	if o.Slots <= 0 {
		o.Slots = defaultSlots
	}
	if o.Context <= 0 {
		o.Context = min(m.Context, defaultContext)
	}
	t := &Teacher{name: o.Name, tok: m.Tokenizer}
	if err := t.template(m, o.Template); err != nil {
		return nil, err
	}
	ready, err := infer.New(m, infer.Options{Threads: o.Threads, Context: o.Context})
	if err != nil {
		return nil, teacher.Errorf(teacher.Fatal, "", "local: %w", err)
	}
	t.ready, t.engine = ready, infer.NewEngine(ready, infer.EngineOptions{Slots: o.Slots})
	t.closing, t.close = context.WithCancelCause(context.Background())
	return t, nil
}

// template binds the chat template to the tokenizer.
func (t *Teacher) template(m *model.Model, source string) error {
	switch source {
	case "":
		source = m.Template
	case Raw:
		source = chat.Plain
	}
	format, err := chat.New(m.Tokenizer, source)
	if err != nil {
		return teacher.Errorf(teacher.Fatal, "name a template of your own, or \"raw\"", "local: chat template of %q: %w", t.name, err)
	}
	t.format = format
	return nil
}

// Info describes the teacher.
func (t *Teacher) Info() teacher.Info {
	return teacher.Info{
		Name: t.name, TokenizerHash: t.tok.Hash(), Concurrency: t.engine.Slots(),
		Signals: []distill.SignalKind{distill.TopK, distill.Sampled},
	}
}

// Tokenizer returns the model's tokenizer.
func (t *Teacher) Tokenizer() *tokenizer.Tokenizer { return t.tok }

// Engine returns the engine, for who wants to serve the same weights. It ends with the teacher.
func (t *Teacher) Engine() *infer.Engine { return t.engine }

// Format returns the contract between messages and tokens.
func (t *Teacher) Format() *chat.Format { return t.format }

// enter begins a call: the context ends when the teacher closes. It fails on a closed teacher.
func (t *Teacher) enter(ctx context.Context) (context.Context, func(), error) {
	t.calls.RLock()
	if t.closing.Err() != nil {
		t.calls.RUnlock()
		return nil, nil, errClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.closing, func() { cancel(errClosed) })
	return ctx, func() { stop(); cancel(nil); t.calls.RUnlock() }, nil
}

// Complete answers one request: see [teacher.Teacher].
func (t *Teacher) Complete(ctx context.Context, req teacher.Request) (*distill.Completion, error) {
	began := time.Now()
	ctx, leave, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	prompt, err := t.render(req.Messages)
	if err != nil {
		return nil, err
	}
	r, err := t.engine.Generate(ctx, infer.Request{Prompt: prompt, Sampling: req.Sampling, Signal: req.Signal, EndTokens: t.format.Stops()})
	if err != nil {
		return nil, t.explain(ctx, err)
	}
	c := &distill.Completion{
		Teacher: t.name, FinishReason: r.FinishReason, PromptTokens: int32(len(prompt)), CompletionTokens: int32(len(r.Tokens)),
		Latency: time.Since(began),
	}
	t.split(c, prompt, r)
	if req.Signal.Kind == distill.TopK || req.Signal.Kind == distill.Sampled {
		c.TokenIDs, c.TokenLogprobs, c.Signal = r.Tokens, r.Logprobs, r.Signal
	}
	return c, nil
}

// Score judges a completion: see [teacher.Scorer].
func (t *Teacher) Score(ctx context.Context, messages []distill.Message, completion []distill.Token, spec distill.SignalSpec) ([]float32, *distill.Signal, error) {
	ctx, leave, err := t.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	prompt, err := t.render(messages)
	if err != nil {
		return nil, nil, err
	}
	tokens := append(prompt[:len(prompt):len(prompt)], completion...)
	logprobs, signal, err := t.engine.Score(ctx, tokens, len(prompt), spec)
	if err != nil {
		return nil, nil, t.explain(ctx, err)
	}
	return logprobs, signal, nil
}

// render makes the prompt's tokens.
func (t *Teacher) render(messages []distill.Message) ([]distill.Token, error) {
	if len(messages) == 0 {
		return nil, teacher.Errorf(teacher.Permanent, "", "local: request has no messages")
	}
	prompt, err := t.format.Prompt(messages, true)
	if err != nil {
		return nil, teacher.Errorf(teacher.Permanent, "", "local: render prompt: %w", err)
	}
	if room := t.ready.Context() - len(prompt); room < 1 {
		return nil, teacher.Errorf(teacher.Permanent, "raise the teacher's context, or drop this prompt",
			"local: prompt of %d tokens in a context of %d", len(prompt), t.ready.Context())
	}
	return prompt, nil
}

// split separates thinking and answer, and counts the tokens of the thinking, tags included. Text without thinking is
// kept to the letter.
func (t *Teacher) split(c *distill.Completion, prompt []distill.Token, r infer.Result) {
	text := r.Text
	opened := strings.HasPrefix(strings.TrimSpace(text), chat.ThinkOpen)
	if !opened && t.opensThinking(prompt) {
		text, opened = chat.ThinkOpen+text, true
	}
	if !opened && !strings.Contains(text, chat.ThinkClose) {
		c.Response = text
		return
	}
	c.Reasoning, c.Response = chat.Split(text)
	c.ReasoningTokens = int32(len(r.Tokens))
	var sofar []byte
	for i, id := range r.Tokens {
		sofar = append(sofar, t.tok.Piece(id)...)
		if bytes.Contains(sofar, []byte(chat.ThinkClose)) {
			c.ReasoningTokens = int32(i + 1)
			return
		}
	}
}

// opensThinking reports whether a prompt ends inside the thinking; a few tokens are enough to see it.
func (t *Teacher) opensThinking(prompt []distill.Token) bool {
	end := t.tok.Decode(prompt[max(0, len(prompt)-8):])
	return strings.HasSuffix(strings.TrimRight(end, " \r\n\t"), chat.ThinkOpen)
}

// explain gives an engine's error its kind.
func (t *Teacher) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("local: %w", cause)
	}
	if errors.Is(err, infer.ErrClosed) {
		return errClosed
	}
	return teacher.Errorf(teacher.Permanent, "", "local: %w", err)
}

// Close ends calls in flight and frees the model.
func (t *Teacher) Close() error {
	first := t.closing.Err() == nil
	t.close(errClosed)
	t.calls.Lock()
	defer t.calls.Unlock()
	if first {
		t.engine.Close()
		t.ready.Close()
	}
	return nil
}
