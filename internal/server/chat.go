package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/grammar"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// chatJob is a chat request, checked and rendered.
type chatJob struct {
	model    *Model
	id       string
	request  infer.Request
	choices  int
	logprobs bool
	usage    bool             // a stream ends with the token counts
	opened   bool             // the prompt ends inside the thinking
	language *grammar.Grammar // that the answer is kept within; nil for any text
}

// chat answers POST /v1/chat/completions.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	var req openai.ChatRequest
	if !readJSON(w, r, &req) {
		return
	}
	job, e := s.prepareChat(&req)
	if e != nil {
		badRequest(w, e)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	f := s.generate(ctx, job.model, job.request, job.language, job.choices)
	if req.Stream {
		job.stream(ctx, cancel, w, f)
	} else {
		job.whole(ctx, w, f)
	}
}

// prepareChat checks a request and renders its prompt.
func (s *Server) prepareChat(req *openai.ChatRequest) (*chatJob, *openai.Error) {
	m, e := s.model(req.Model)
	if e == nil {
		e = unsupported(req)
	}
	if e != nil {
		return nil, e
	}
	if m.Prompt == nil {
		return nil, &openai.Error{Message: "this model has no chat template: use /v1/completions", Code: "no_chat_template"}
	}
	prompt, err := m.Prompt(conversation(req.Messages), true)
	if err != nil {
		return nil, invalid("messages", "%v", err)
	}
	set := settings{temperature: req.Temperature, topP: req.TopP, maxTokens: firstOf(req.MaxCompletionTokens, req.MaxTokens),
		stop: req.Stop, seed: req.Seed, n: req.N, Extensions: req.Extensions}
	job := &chatJob{model: m, id: "chatcmpl-" + rand.Text(), choices: set.choices(),
		logprobs: req.Logprobs != nil && *req.Logprobs, usage: req.StreamOptions != nil && req.StreamOptions.IncludeUsage}
	job.opened = opensThinking(m.Tokenizer.Decode(prompt[max(0, len(prompt)-8):]))
	if job.language, e = languageOf(req, job.opened); e != nil {
		return nil, e
	}
	alternatives := 0
	if req.TopLogprobs != nil {
		alternatives = *req.TopLogprobs
	}
	job.request, e = s.infer(m, prompt, &set, alternatives)
	if e == nil && alternatives > 0 && !job.logprobs {
		e = invalid("top_logprobs", "needs logprobs to be true")
	}
	return job, e
}

// infer makes the engine's request.
func (s *Server) infer(m *Model, prompt []distill.Token, set *settings, alternatives int) (infer.Request, *openai.Error) {
	r := infer.Request{Prompt: prompt, EndTokens: m.EndTokens}
	room := m.Context - len(prompt)
	if room < 1 {
		return r, &openai.Error{Type: "invalid_request_error", Param: "messages", Code: "context_length_exceeded",
			Message: "the prompt leaves no room in the model's context; shorten it"}
	}
	if len(prompt) == 0 {
		return r, invalid("prompt", "is empty")
	}
	var e *openai.Error
	if r.Sampling, e = set.sampling(room, s.opts.MaxTokens); e != nil {
		return r, e
	}
	if alternatives < 0 || alternatives > maxAlternatives {
		return r, invalid("top_logprobs", "%d is not between 0 and %d", alternatives, maxAlternatives)
	}
	if alternatives > 0 {
		r.Signal = distill.SignalSpec{Kind: distill.TopK, K: alternatives}
	}
	return r, nil
}

// whole waits for all choices and answers with one body.
func (j *chatJob) whole(ctx context.Context, w http.ResponseWriter, f *feed) {
	results := make([]*infer.Result, j.choices)
	err := f.follow(j.choices, func(n news) error {
		if n.result != nil {
			results[n.choice] = n.result
		}
		return nil
	}, func() error { return nil })
	if err != nil {
		status, e := errorOf(ctx, err)
		writeJSON(w, status, openai.ErrorBody{Error: *e})
		return
	}
	out := j.response("chat.completion")
	for i, result := range results {
		split := newThinking(j.opened)
		thought, answer := split.push(result.Text)
		moreThought, moreAnswer := split.flush()
		choice := openai.ChatChoice{Index: i, FinishReason: &result.FinishReason, Message: &openai.Message{
			Role: distill.RoleAssistant, Content: openai.Text(answer + moreAnswer), ReasoningContent: thought + moreThought}}
		if j.logprobs {
			choice.Logprobs = j.model.logprobs(result)
		}
		out.Choices = append(out.Choices, choice)
	}
	out.Usage = j.count(results)
	writeJSON(w, http.StatusOK, out)
}

// stream sends text as it comes. The log-probabilities come with each choice's last chunk, since only the end of a
// completion decides which tokens belong to it.
func (j *chatJob) stream(ctx context.Context, cancel context.CancelFunc, w http.ResponseWriter, f *feed) {
	s := newStream(w)
	splits := make([]*thinking, j.choices)
	results := make([]*infer.Result, j.choices)
	for i := range splits {
		splits[i] = newThinking(j.opened)
	}
	send := func(choice openai.ChatChoice) error {
		out := j.response("chat.completion.chunk")
		out.Choices = []openai.ChatChoice{choice}
		return s.event(out)
	}
	say := func(i int, thought, answer string) error {
		if thought == "" && answer == "" {
			return nil
		}
		delta := &openai.Delta{ReasoningContent: thought}
		if answer != "" {
			delta.Content = &openai.Content{Text: answer}
		}
		return send(openai.ChatChoice{Index: i, Delta: delta})
	}
	for i := range j.choices {
		if s.event(j.opening(i)) != nil {
			cancel()
		}
	}
	err := f.follow(j.choices, func(n news) error {
		i := n.choice
		if n.result == nil {
			thought, answer := splits[i].push(n.text)
			return say(i, thought, answer)
		}
		results[i] = n.result
		thought, answer := splits[i].flush()
		if err := say(i, thought, answer); err != nil {
			return err
		}
		last := openai.ChatChoice{Index: i, Delta: &openai.Delta{}, FinishReason: &n.result.FinishReason}
		if j.logprobs {
			last.Logprobs = j.model.logprobs(n.result)
		}
		return send(last)
	}, func() error { return s.idle() })
	if err != nil {
		_, e := errorOf(ctx, err)
		s.last(openai.ErrorBody{Error: *e})
		return
	}
	if j.usage {
		out := j.response("chat.completion.chunk")
		out.Choices = []openai.ChatChoice{}
		out.Usage = j.count(results)
		s.last(out)
	}
	s.done()
}

// opening is the first chunk of a choice.
func (j *chatJob) opening(i int) *openai.ChatResponse {
	out := j.response("chat.completion.chunk")
	out.Choices = []openai.ChatChoice{{Index: i, Delta: &openai.Delta{Role: distill.RoleAssistant, Content: &openai.Content{}}}}
	return out
}

func (j *chatJob) response(object string) *openai.ChatResponse {
	return &openai.ChatResponse{ID: j.id, Object: object, Created: time.Now().Unix(), Model: j.model.Name}
}

// count adds up the tokens. The prompt is counted once: it is computed once.
func (j *chatJob) count(results []*infer.Result) *openai.Usage {
	u := &openai.Usage{PromptTokens: int64(len(j.request.Prompt))}
	thought := 0
	for _, r := range results {
		u.CompletionTokens += int64(len(r.Tokens))
		thought += j.model.thoughtTokens(r, j.opened)
	}
	if thought > 0 {
		u.CompletionTokensDetails = &openai.CompletionDetail{ReasoningTokens: int64(thought)}
	}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return u
}

// thoughtTokens counts the tokens of the thinking, its closing tag included; all of them when it was cut off.
func (m *Model) thoughtTokens(r *infer.Result, opened bool) int {
	if !opened && !strings.HasPrefix(strings.TrimSpace(r.Text), chat.ThinkOpen) {
		return 0
	}
	var sofar []byte
	for i, id := range r.Tokens {
		sofar = append(sofar, m.Tokenizer.Piece(id)...)
		if bytes.Contains(sofar, []byte(chat.ThinkClose)) {
			return i + 1
		}
	}
	return len(r.Tokens)
}

// logprobs writes the log-probabilities of a completion, its end token included.
func (m *Model) logprobs(r *infer.Result) *openai.Logprobs {
	out := &openai.Logprobs{Content: make([]openai.TokenLogprob, 0, len(r.Tokens))}
	for i, id := range r.Tokens {
		entry := m.tokenLogprob(id, r.Logprobs[i])
		entry.TopLogprobs = []openai.TokenLogprob{}
		if r.Signal != nil {
			ids, lps := r.Signal.At(i)
			for j, id := range ids {
				entry.TopLogprobs = append(entry.TopLogprobs, m.tokenLogprob(id, lps[j]))
			}
		}
		out.Content = append(out.Content, entry)
	}
	return out
}

func (m *Model) tokenLogprob(id distill.Token, logprob float32) openai.TokenLogprob {
	return openai.TokenLogprob{ID: &id, Token: m.tokenText(id), Bytes: m.Tokenizer.Piece(id), Logprob: openai.Logprob(logprob)}
}

// tokenText is a token as a person would read it: special tokens by name, bytes that are no UTF-8 replaced.
func (m *Model) tokenText(id distill.Token) string {
	if m.Tokenizer.IsSpecial(id) {
		return m.Tokenizer.Text(id)
	}
	return strings.ToValidUTF8(string(m.Tokenizer.Piece(id)), "\uFFFD")
}
