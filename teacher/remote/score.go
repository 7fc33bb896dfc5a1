package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
)

// Scoring says how a server is asked for the log-probabilities of a text that it did not write.
type Scoring string

// Ways to score. EchoCompletions is the older OpenAI API: a completion of no tokens that repeats its prompt. InputLogprobs
// is SGLang's own endpoint. Both take token ids and give them back.
const (
	CannotScore     Scoring = ""
	EchoCompletions Scoring = "echo"           // POST {base}/completions, echo and logprobs
	InputLogprobs   Scoring = "input_logprobs" // POST /generate, return_logprob and logprob_start_len
)

// Scorer judges completions through a server that scores prompts: a [teacher.Scorer]. No server says how messages become
// tokens, so its caller does.
type Scorer struct {
	*Teacher
	render func([]distill.Message) ([]distill.Token, error)
}

// NewScorer makes a scorer of a server that serves a model and of that model's way to write a prompt as tokens.
func NewScorer(o Options, render func([]distill.Message) ([]distill.Token, error)) (*Scorer, error) {
	o.NoSSE = true
	t, err := New(o)
	if err != nil {
		return nil, err
	}
	if t.dialect.Scores == CannotScore {
		t.Close()
		return nil, teacher.Errorf(teacher.Fatal, "vLLM, SGLang and distill serve do; or score with weights on this machine",
			"remote: %s gives no log-probabilities of texts that it did not write", t.dialect.Name)
	}
	return &Scorer{t, render}, nil
}

// Score judges a completion: see [teacher.Scorer]. Servers give the likeliest tokens, so of signals only top-k.
func (s *Scorer) Score(ctx context.Context, prompt []distill.Message, completion []distill.Token, spec distill.SignalSpec) ([]float32, *distill.Signal, error) {
	tokens, err := s.render(prompt)
	if err != nil {
		return nil, nil, teacher.Errorf(teacher.Permanent, "", "remote: render prompt: %w", err)
	}
	return s.ScoreTokens(ctx, append(tokens[:len(tokens):len(tokens)], completion...), len(tokens), spec)
}

// ScoreTokens returns the log-probability of each token from the from-th on, which has at least one before it, and the
// signal asked for.
func (s *Scorer) ScoreTokens(ctx context.Context, tokens []distill.Token, from int, spec distill.SignalSpec) ([]float32, *distill.Signal, error) {
	t := s.Teacher
	if from < 1 || from > len(tokens) {
		return nil, nil, teacher.Errorf(teacher.Permanent, "", "remote: scoring from token %d of %d: the first has nothing before it", from, len(tokens))
	}
	if err := t.checkScoring(spec); err != nil {
		return nil, nil, err
	}
	if from == len(tokens) {
		return nil, nil, nil
	}
	ctx, cancel := t.bound(ctx)
	defer cancel()
	c := &call{spec: spec, scored: &scored{tokens, from}, promptBytes: int64(len(tokens)), estimate: len(tokens)}
	a, err := t.ask(ctx, c)
	if err != nil {
		return nil, nil, t.explain(err)
	}
	if a.otherTokens {
		return nil, nil, teacher.Errorf(teacher.Fatal, "score with the tokenizer of the model that is served", "remote: %s gives log-probabilities of other tokens than it was sent", t.base.Host)
	}
	if a.noIDs {
		return nil, nil, teacher.Errorf(teacher.Fatal, "vLLM gives them since 0.4.3", "remote: %s gives log-probabilities without token ids", t.dialect.Name)
	}
	return a.logprobs, a.signal, nil
}

func (t *Teacher) checkScoring(spec distill.SignalSpec) error {
	switch {
	case spec.Kind == "" || spec.Kind == distill.NoSignal:
		return nil
	case spec.Kind != distill.TopK:
		return teacher.Errorf(teacher.Fatal, "ask for topk, or score with weights on this machine", "remote: servers give no %s signal", spec.Kind)
	case spec.K < 1 || spec.K > t.dialect.TopLogprobs:
		return teacher.Errorf(teacher.Fatal, "", "remote: %s gives 1 to %d alternatives a token, not %d", t.dialect.Name, t.dialect.TopLogprobs, spec.K)
	}
	return nil
}

// scored is a text to be scored.
type scored struct {
	tokens []distill.Token
	from   int
}

// wireOf returns the wire of a call.
func (t *Teacher) wireOf(c *call) wire {
	switch {
	case c.scored == nil:
		return t.wire
	case t.dialect.Scores == InputLogprobs:
		return inputWire{}
	}
	return echoWire{}
}

// take adds the scored positions of an answer that lists all of them: position gives the i-th token's entry and the
// likeliest ones at its place.
func (s *scored) take(a *answer, n int, spec distill.SignalSpec, position func(i int) (entry, []entry)) error {
	if n < len(s.tokens) {
		return fmt.Errorf("log-probabilities for %d of %d tokens", n, len(s.tokens))
	}
	for i := s.from; i < len(s.tokens); i++ {
		drawn, top := position(i)
		if drawn.known && drawn.id != s.tokens[i] {
			a.otherTokens = true
			break
		}
		a.position(drawn, top, spec.Kind, spec.K)
	}
	a.finish = distill.FinishLength
	return nil
}

// echoWire scores by a completion of no tokens that repeats its prompt.
type echoWire struct{ chatWire }

func (echoWire) request(t *Teacher, c *call) (string, any) {
	none, alternatives, yes := 0, max(c.spec.K, 1), true
	r := &openai.CompletionRequest{Model: t.opts.Model, Prompt: openai.Prompt{Tokens: c.scored.tokens}, MaxTokens: &none, Echo: true, Logprobs: &alternatives}
	if t.dialect.Name != "distill" {
		r.ReturnTokensAsTokenIDs = &yes
	}
	return "/completions", r
}

func (echoWire) whole(body []byte, c *call, a *answer) error {
	var r openai.CompletionResponse
	if err := unmarshal(body, &r); err != nil {
		return err
	}
	if r.Error == nil && len(r.Choices) == 0 {
		r.Error = openai.ParseError(body)
	}
	if r.Error != nil {
		return &serverError{r.Error}
	}
	a.addUsage(r.Usage)
	if len(r.Choices) == 0 || r.Choices[0].Logprobs == nil {
		return errors.New("completion without log-probabilities")
	}
	lp := r.Choices[0].Logprobs
	n := min(len(lp.Tokens), len(lp.TokenLogprobs))
	return c.scored.take(a, n, c.spec, func(i int) (entry, []entry) {
		drawn := namedEntry(lp.Tokens[i], lp.TokenLogprobs[i])
		if i < len(lp.TokenIDs) {
			drawn.id, drawn.known = lp.TokenIDs[i], true
		}
		a.top = a.top[:0]
		if i < len(lp.TopIDs) {
			for _, e := range lp.TopIDs[i] {
				a.top = append(a.top, entry{e.ID, true, float32(e.Logprob)})
			}
		} else if i < len(lp.TopLogprobs) {
			for name, l := range lp.TopLogprobs[i] {
				a.top = append(a.top, namedEntry(name, &l))
			}
			a.sortTop()
		}
		return drawn, a.top
	})
}

func (echoWire) event(openai.Event, *call, *answer) error {
	return errors.New("events where a whole answer was asked for")
}

// namedEntry reads an entry whose token is written "token_id:123". A missing value is that of an impossible token.
func namedEntry(name string, value *openai.Logprob) entry {
	p := openai.TokenLogprob{Token: name, Logprob: impossible}
	if value != nil {
		p.Logprob = *value
	}
	return entryOf(&p)
}

// inputWire scores through SGLang's own endpoint.
type inputWire struct{ echoWire }

type inputRequest struct {
	InputIDs  []distill.Token `json:"input_ids"`
	Sampling  inputSampling   `json:"sampling_params"`
	Logprobs  bool            `json:"return_logprob"`
	From      int             `json:"logprob_start_len"`
	TopNumber int             `json:"top_logprobs_num"`
}

type inputSampling struct {
	MaxNewTokens int `json:"max_new_tokens"`
}

func (inputWire) request(t *Teacher, c *call) (string, any) {
	return "/generate", &inputRequest{InputIDs: c.scored.tokens, Logprobs: true, TopNumber: max(c.spec.K, 1)}
}

func (inputWire) whole(body []byte, c *call, a *answer) error {
	var r struct {
		Error *openai.Error   `json:"error"`
		Meta  openai.MetaInfo `json:"meta_info"`
	}
	if err := unmarshal(body, &r); err != nil {
		return err
	}
	if r.Error != nil {
		return &serverError{r.Error}
	}
	a.usage = usage{known: true, prompt: r.Meta.PromptTokens}
	return c.scored.take(a, len(r.Meta.Input), c.spec, func(i int) (entry, []entry) {
		a.top = a.top[:0]
		if i < len(r.Meta.InputTop) {
			for _, t := range r.Meta.InputTop[i] {
				a.top = append(a.top, tripleEntry(t))
			}
		}
		return tripleEntry(r.Meta.Input[i]), a.top
	})
}

// root is the server's address without the version that its OpenAI endpoints stand under.
func (t *Teacher) root() string { return strings.TrimSuffix(t.base.String(), "/v1") }

// address returns where a call goes.
func (t *Teacher) address(c *call, path string) string {
	if c.scored != nil && t.dialect.Scores == InputLogprobs {
		return t.root() + path
	}
	return t.base.String() + path
}
