package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// textJob is a text completion, checked and tokenized.
type textJob struct {
	model        *Model
	id           string
	request      infer.Request
	choices      int
	alternatives int
	logprobs     bool
	echo         bool
	usage        bool
	generate     bool // false when only the prompt is to be scored
}

// complete answers POST /v1/completions.
func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	var req openai.CompletionRequest
	if !readJSON(w, r, &req) {
		return
	}
	job, e := s.prepareText(&req)
	if e != nil {
		badRequest(w, e)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var prompt *openai.CompletionChoice
	if job.echo {
		var err error
		if prompt, err = job.score(ctx); err != nil {
			status, e := errorOf(ctx, err)
			writeJSON(w, status, openai.ErrorBody{Error: *e})
			return
		}
	}
	if !job.generate {
		job.answer(w, prompt, []*infer.Result{{FinishReason: distill.FinishLength}})
		return
	}
	f := s.generate(ctx, job.model, job.request, nil, job.choices)
	if req.Stream {
		job.stream(ctx, cancel, w, f, prompt)
	} else {
		job.whole(ctx, w, f, prompt)
	}
}

// prepareText checks a request and tokenizes its prompt. A text gets the beginning-of-sequence token where the model
// wants one; ids are taken as they are.
func (s *Server) prepareText(req *openai.CompletionRequest) (*textJob, *openai.Error) {
	m, e := s.model(req.Model)
	if e != nil {
		return nil, e
	}
	if req.Suffix != "" {
		return nil, invalid("suffix", "this server's models do not fill in")
	}
	if req.BestOf != nil && *req.BestOf != 1 {
		return nil, invalid("best_of", "not supported; n is")
	}
	prompt := req.Prompt.Tokens
	if prompt == nil {
		if req.Prompt.Text == "" {
			return nil, invalid("prompt", "is missing or empty; [%d] begins from nothing", max(m.Tokenizer.BOS, 0))
		}
		if m.Tokenizer.AddBOS {
			prompt = append(prompt, m.Tokenizer.BOS)
		}
		prompt = append(prompt, m.Tokenizer.Encode(req.Prompt.Text, true)...)
	}
	for _, id := range prompt {
		if id < 0 || int(id) >= m.Tokenizer.Size() {
			return nil, invalid("prompt", "token %d is not in the vocabulary", id)
		}
	}
	set := settings{temperature: req.Temperature, topP: req.TopP, maxTokens: req.MaxTokens, stop: req.Stop, seed: req.Seed, n: req.N, Extensions: req.Extensions}
	if set.maxTokens == nil {
		sixteen := 16 // OpenAI's default
		set.maxTokens = &sixteen
	}
	job := &textJob{model: m, id: "cmpl-" + rand.Text(), choices: set.choices(), echo: req.Echo,
		usage: req.StreamOptions != nil && req.StreamOptions.IncludeUsage, generate: *set.maxTokens > 0}
	if req.Logprobs != nil {
		job.logprobs, job.alternatives = true, *req.Logprobs
	}
	if !job.generate && !job.echo {
		return nil, invalid("max_tokens", "0 needs echo, or there is nothing to answer")
	}
	job.request, e = s.infer(m, prompt, &set, job.alternatives)
	return job, e
}

// score makes the echo of the prompt: its text, and its log-probabilities if they are wanted.
func (j *textJob) score(ctx context.Context) (*openai.CompletionChoice, error) {
	prompt, tok := j.request.Prompt, j.model.Tokenizer
	text := prompt
	if len(text) > 0 && tok.AddBOS && text[0] == tok.BOS {
		text = text[1:]
	}
	choice := &openai.CompletionChoice{Text: tok.Decode(text)}
	if !j.logprobs {
		return choice, nil
	}
	choice.Logprobs = &openai.CompletionLogprobs{}
	j.model.addPosition(choice.Logprobs, prompt[0], nil, nil, nil)
	if len(prompt) == 1 {
		return choice, nil
	}
	logprobs, signal, err := j.model.Engine.Score(ctx, prompt, 1, j.request.Signal)
	if err != nil {
		return nil, err
	}
	j.model.addPositions(choice.Logprobs, prompt[1:], logprobs, signal)
	return choice, nil
}

// addPositions appends tokens with their log-probabilities.
func (m *Model) addPositions(lp *openai.CompletionLogprobs, ids []distill.Token, logprobs []float32, signal *distill.Signal) {
	for i, id := range ids {
		value := openai.Logprob(logprobs[i])
		var top []distill.Token
		var values []float32
		if signal != nil {
			top, values = signal.At(i)
		}
		m.addPosition(lp, id, &value, top, values)
	}
}

func (m *Model) addPosition(lp *openai.CompletionLogprobs, id distill.Token, value *openai.Logprob, top []distill.Token, values []float32) {
	offset := 0
	if n := len(lp.Tokens); n > 0 {
		offset = lp.TextOffset[n-1] + utf8.RuneCountInString(lp.Tokens[n-1])
	}
	lp.TextOffset = append(lp.TextOffset, offset)
	lp.Tokens = append(lp.Tokens, m.tokenText(id))
	lp.TokenIDs = append(lp.TokenIDs, id)
	lp.TokenLogprobs = append(lp.TokenLogprobs, value)
	if value == nil {
		lp.TopLogprobs, lp.TopIDs = append(lp.TopLogprobs, nil), append(lp.TopIDs, nil)
		return
	}
	byText := make(map[string]openai.Logprob, len(top))
	byID := make([]openai.TopID, len(top))
	for i, id := range top {
		byID[i] = openai.TopID{ID: id, Logprob: openai.Logprob(values[i])}
		if text := m.tokenText(id); byText[text] == 0 || byID[i].Logprob > byText[text] {
			byText[text] = byID[i].Logprob
		}
	}
	lp.TopLogprobs, lp.TopIDs = append(lp.TopLogprobs, byText), append(lp.TopIDs, byID)
}

// choice makes the answer of one completion, after the echo if there is one.
func (j *textJob) choice(i int, prompt *openai.CompletionChoice, r *infer.Result) openai.CompletionChoice {
	c := openai.CompletionChoice{Index: i, Text: r.Text, FinishReason: &r.FinishReason}
	if j.logprobs {
		c.Logprobs = &openai.CompletionLogprobs{}
	}
	if prompt != nil {
		c.Text = prompt.Text + r.Text
		if j.logprobs {
			*c.Logprobs = *prompt.Logprobs
		}
	}
	if j.logprobs {
		j.model.addPositions(c.Logprobs, r.Tokens, r.Logprobs, r.Signal)
	}
	return c
}

// whole waits for all choices.
func (j *textJob) whole(ctx context.Context, w http.ResponseWriter, f *feed, prompt *openai.CompletionChoice) {
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
	j.answer(w, prompt, results)
}

func (j *textJob) answer(w http.ResponseWriter, prompt *openai.CompletionChoice, results []*infer.Result) {
	out := j.response()
	for i, r := range results {
		out.Choices = append(out.Choices, j.choice(i, prompt, r))
	}
	out.Usage = j.count(results)
	writeJSON(w, http.StatusOK, out)
}

// stream sends text as it comes, the echo first and log-probabilities with the last chunk of each choice.
func (j *textJob) stream(ctx context.Context, cancel context.CancelFunc, w http.ResponseWriter, f *feed, prompt *openai.CompletionChoice) {
	s := newStream(w)
	results := make([]*infer.Result, j.choices)
	send := func(c openai.CompletionChoice) error {
		out := j.response()
		out.Choices = []openai.CompletionChoice{c}
		return s.event(out)
	}
	if prompt != nil {
		for i := range j.choices {
			if send(openai.CompletionChoice{Index: i, Text: prompt.Text}) != nil {
				cancel()
			}
		}
	}
	err := f.follow(j.choices, func(n news) error {
		if n.result == nil {
			return send(openai.CompletionChoice{Index: n.choice, Text: n.text})
		}
		results[n.choice] = n.result
		last := j.choice(n.choice, prompt, n.result)
		last.Text = ""
		return send(last)
	}, s.idle)
	if err != nil {
		_, e := errorOf(ctx, err)
		s.last(openai.ErrorBody{Error: *e})
		return
	}
	if j.usage {
		out := j.response()
		out.Choices, out.Usage = []openai.CompletionChoice{}, j.count(results)
		s.last(out)
	}
	s.done()
}

func (j *textJob) response() *openai.CompletionResponse {
	return &openai.CompletionResponse{ID: j.id, Object: "text_completion", Created: time.Now().Unix(), Model: j.model.Name}
}

func (j *textJob) count(results []*infer.Result) *openai.Usage {
	u := &openai.Usage{PromptTokens: int64(len(j.request.Prompt))}
	for _, r := range results {
		u.CompletionTokens += int64(len(r.Tokens))
	}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return u
}
