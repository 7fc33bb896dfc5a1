package remote

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
)

// fault is an attempt that gave no answer, with what to do about it.
type fault struct {
	remedy remedy
	cause  string        // a word for statistics: "429", "500", "reset", "timeout", …
	wait   time.Duration // what the server asked for; 0 when it did not say
	billed bool          // the server may have worked for it
	free   bool          // met while the server is down: not held against the request
	err    error
	hint   string
}

// remedy is what may help.
type remedy int

const (
	retryLater    remedy = iota // the server failed: wait and try again
	retrySlower                 // too many requests: everyone on this key slows down
	anotherKey                  // this key is refused; the others may do
	plainer                     // the model takes no sampling settings: leave them out
	giveUpRequest               // this request will never be answered
	giveUpRun                   // no request will be answered
)

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// kind returns the error that the caller of Complete gets.
func (f *fault) final() error {
	kind := teacher.Transient
	switch f.remedy {
	case anotherKey, giveUpRun:
		kind = teacher.Fatal
	case giveUpRequest:
		kind = teacher.Permanent
	}
	return &teacher.Error{Kind: kind, Hint: f.hint, Err: fmt.Errorf("remote: %w", f.err)}
}

// faultOf reads an answer that is an error: by its status, and by what its body says. A body may also be an error under
// status 200; then status is the one its code names, or 0.
func (t *Teacher) faultOf(status int, header http.Header, body []byte) *fault {
	e := openai.ParseError(body)
	if e == nil {
		e = &openai.Error{Message: excerpt(body)}
	}
	f := &fault{
		cause: fmt.Sprint(status),
		wait:  max(retryAfter(header, time.Now()), wished(e, time.Now())),
		err:   fmt.Errorf("%s", t.redact.Replace(describe(status, e))),
	}
	f.remedy, f.hint = t.judge(status, e)
	return f
}

// describe puts an error into a line.
func describe(status int, e *openai.Error) string {
	text := strings.TrimSpace(e.Message)
	if text == "" {
		text = "no reason given"
	}
	if code := e.CodeText(); code != "" && !strings.Contains(text, code) && code != fmt.Sprint(status) {
		text += " (" + code + ")"
	}
	if status == 0 {
		return "server answered with an error: " + text
	}
	return fmt.Sprintf("server answered %d %s: %s", status, http.StatusText(status), text)
}

// judge says what may help against an error, and what the user can do.
func (t *Teacher) judge(status int, e *openai.Error) (remedy, string) {
	text := strings.ToLower(e.Message + " " + e.Type + " " + e.CodeText())
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	refused := status == http.StatusBadRequest || status == http.StatusUnprocessableEntity
	credit := "the account has no credit left: add some and run again; everything answered is kept"
	switch {
	case refused && has("temperature", "top_p", "top_k") && has("deprecated", "not support", "unsupported") && !t.fixedSampling():
		return plainer, "take temperature, top_p and top_k out of the sampling settings"
	case has("insufficient_quota", "insufficient balance", "credit balance is too low"): // Gemini says "exceeded your current quota" of a rate
		return anotherKey, credit
	case has("api_key_invalid", "invalid_api_key", "incorrect api key", "api key not valid"):
		return anotherKey, "the API key is wrong or was withdrawn: check the environment variable named in the recipe"
	case has("model_not_found", "model not exist", "model not found", "unknown model", "is not a valid model"),
		has("model") && has("does not exist", "not found") && status >= 400 && status < 500:
		hint := fmt.Sprintf("the server does not know model %q: GET %s/models lists what it has", t.opts.Model, t.base)
		if note := t.quirk.Note.Fact; note != "" {
			hint += " (" + note + ")"
		}
		return giveUpRun, hint
	}
	switch status {
	case http.StatusTooManyRequests:
		return retrySlower, "lower the concurrency or the requests per minute in the recipe"
	case http.StatusServiceUnavailable, 529:
		return retryLater, "the server is overloaded"
	case http.StatusUnauthorized:
		return anotherKey, "the API key is wrong, was withdrawn, or is missing: check the environment variable named in the recipe"
	case http.StatusPaymentRequired:
		return anotherKey, credit
	case http.StatusForbidden:
		if t.dialect.Name == "openrouter" || has("moderation", "flagged") {
			return giveUpRequest, "the provider's moderation refused this prompt"
		}
		return anotherKey, "the key may not use this model or this endpoint"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return giveUpRun, "check the base URL (most end in /v1) and the model's name"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return giveUpRequest, "the server refuses this request: compare the sampling settings and the prompt's length with what the model takes"
	case http.StatusRequestEntityTooLarge:
		return giveUpRequest, "the prompt is too long for this server"
	}
	if status >= 300 && status < 400 {
		return giveUpRun, "the server redirects elsewhere: put its new address into the recipe"
	}
	if status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusConflict &&
		status != http.StatusTooEarly && status != 499 {
		return giveUpRequest, ""
	}
	return retryLater, ""
}

// excerpt returns the start of a body as a line.
func excerpt(body []byte) string {
	body = bytes.TrimSpace(body)
	if len(body) > 200 {
		body = append(body[:200:200], "…"...)
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
}
